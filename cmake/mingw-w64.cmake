# Cross-builds for 64-bit Windows with Debian's mingw-w64; tests run under Wine.
# CUBBY_MINGW_PREFIX names the prefix that tools/mingw_deps built; unset, it is built now, once a machine.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

# The -posix compilers bring std::thread and std::mutex; the -win32 ones do not.
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc-posix)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)

if(NOT CUBBY_MINGW_PREFIX)
  if(NOT DEFINED ENV{CUBBY_MINGW_PREFIX})
    execute_process(COMMAND "${CMAKE_CURRENT_LIST_DIR}/../tools/mingw_deps"
                    OUTPUT_VARIABLE built OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    set(ENV{CUBBY_MINGW_PREFIX} "${built}")  # this file is read again for every try_compile
  endif()
  set(CUBBY_MINGW_PREFIX "$ENV{CUBBY_MINGW_PREFIX}")
endif()
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CUBBY_MINGW_PREFIX)

set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32 "${CUBBY_MINGW_PREFIX}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# One .exe and no DLLs to hunt for.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")
set(CMAKE_CROSSCOMPILING_EMULATOR "${CMAKE_CURRENT_LIST_DIR}/../tools/wine")
