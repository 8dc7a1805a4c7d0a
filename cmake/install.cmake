# What `cmake --install` puts where, and the package that others find:
#
#   find_package(cubby)                       cubby::cubby, <cubby/store.h>; libcubby.a
#                                             cubby::pic, the same for shared objects; libcubby_pic.a
#   find_package(cubby COMPONENTS admin)      cubby::admin, <cubby/admin.h>; libcubby_admin.a and protobuf too
include(CMakePackageConfigHelpers)
include(cmake/bundle.cmake)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cubby)

# The tree knows a public header by its folder, users know it by the project's name.
set(public_headers base/property.h base/stats.h client/store.h client/watch.h client/admin.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${public_headers})
foreach(header ${public_headers})
  file(READ ${header} text)
  string(REGEX REPLACE "#include \"(base|client)/" "#include \"cubby/" text "${text}")
  get_filename_component(name ${header} NAME)
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/include/cubby/${name} CONTENT "${text}")
endforeach()
install(DIRECTORY ${PROJECT_BINARY_DIR}/include/cubby DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

cubby_collect(cubby_needs cubby)
set(folders cubby cubby_attach cubby_table cubby_lock cubby_os cubby_base)
cubby_bundle(cubby OF ${folders} ARCHIVES ${cubby_needs_archives})
cubby_bundle(cubby_pic OF ${folders})
cubby_bundle(cubby_admin OF cubby_admin cubby_proto)
install(TARGETS cubby_cli cubbyd RUNTIME)

configure_package_config_file(cmake/cubby-config.cmake.in ${PROJECT_BINARY_DIR}/cubby-config.cmake
                              INSTALL_DESTINATION ${package_dir}
                              PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cubby-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cubby-config.cmake ${PROJECT_BINARY_DIR}/cubby-config-version.cmake
        DESTINATION ${package_dir})
