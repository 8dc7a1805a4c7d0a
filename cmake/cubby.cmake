# What all targets of the project share.

if(WIN32)
  set(CUBBY_OS_SUFFIX win)
else()
  set(CUBBY_OS_SUFFIX posix)
endif()

add_library(cubby_options INTERFACE)
target_include_directories(cubby_options INTERFACE "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>")
target_compile_options(cubby_options INTERFACE -Wall -Wextra)
if(CUBBY_WERROR)
  target_compile_options(cubby_options INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(cubby_options INTERFACE -Wthread-safety -Werror=thread-safety)
endif()
if(WIN32)
  # 0x0A00: Windows 10. No macros named min, max or ERROR.
  target_compile_definitions(cubby_options INTERFACE _WIN32_WINNT=0x0A00 NOMINMAX NOGDI WIN32_LEAN_AND_MEAN)
endif()
if(CUBBY_SANITIZE)
  add_compile_options(-fsanitize=${CUBBY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CUBBY_SANITIZE})
  if(CUBBY_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # It warns that it does not model fences. Nothing relies on its doing so: what fences order here is atomic throughout.
    add_compile_options(-Wno-tsan)
  endif()
endif()

# cubby_library(NAME SOURCES... DEPS ...): one folder's static library.
function(cubby_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE $<BUILD_INTERFACE:cubby_options>)
endfunction()
