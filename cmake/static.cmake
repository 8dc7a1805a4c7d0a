# Programs that start fast: a `cubby get` lives for less time than the dynamic linker needs to find and bind thirty
# libraries. So Abseil's archives are linked where its package has them beside the shared libraries, as Debian's has, and
# `cubby` needs nothing at run time at all.
#
# To be included where Abseil was found.
option(CUBBY_STATIC "Link Abseil, and on Linux all of cubby, statically" ON)

# cubby_link_whole(TARGET): makes it a program that needs no library at run time, where that can be. Such a program lies at
# a fixed address (its stack, heap and mappings do not): to relocate itself would take it a tenth of its life. Code and constants
# share pages, so that fewer are touched: 57 page faults in a `cubby get` where it were 69, and 4 % of its time.
function(cubby_link_whole target)
  if(CUBBY_CAN_LINK_WHOLE)
    target_link_options(${target} PRIVATE -static -Wl,--gc-sections -Wl,-z,noseparate-code)
  endif()
endfunction()

if(NOT CUBBY_STATIC OR WIN32 OR CUBBY_SANITIZE)  # Windows' programs have it all in them; sanitizers must be loaded
  return()
endif()

set(all_are_archives ON)
get_property(imported DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(target IN LISTS imported)
  get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
  if(NOT target MATCHES "^absl::" OR NOT configurations)
    continue()
  endif()
  foreach(configuration IN LISTS configurations)
    get_target_property(library ${target} IMPORTED_LOCATION_${configuration})
    string(REGEX REPLACE "\\.so[.0-9]*$" ".a" archive "${library}")
    if(EXISTS "${archive}")
      set_target_properties(${target} PROPERTIES IMPORTED_LOCATION_${configuration} "${archive}")
    else()
      set(all_are_archives OFF)
    endif()
  endforeach()
endforeach()

include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LINK_OPTIONS -static)
check_cxx_source_compiles("#include <thread>\nint main() { std::thread([] {}).join(); }" CUBBY_HAS_STATIC_RUNTIME)
unset(CMAKE_REQUIRED_LINK_OPTIONS)
if(all_are_archives AND CUBBY_HAS_STATIC_RUNTIME)
  set(CUBBY_CAN_LINK_WHOLE ON)
endif()
