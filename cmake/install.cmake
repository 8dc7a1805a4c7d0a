# What `cmake --install` puts where, and the package that others find:
#
#   find_package(cubby)                       cubby::cubby, <cubby/store.h>
#   find_package(cubby COMPONENTS admin)      cubby::admin, <cubby/admin.h>; needs protobuf too
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cubby)

# The tree knows a public header by its folder, users know it by the project's name.
set(public_headers base/property.h base/stats.h client/store.h client/admin.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${public_headers})
foreach(header ${public_headers})
  file(READ ${header} text)
  string(REGEX REPLACE "#include \"(base|client)/" "#include \"cubby/" text "${text}")
  get_filename_component(name ${header} NAME)
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/include/cubby/${name} CONTENT "${text}")
endforeach()
install(DIRECTORY ${PROJECT_BINARY_DIR}/include/cubby DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set_target_properties(cubby_admin PROPERTIES EXPORT_NAME admin)
install(TARGETS cubby cubby_attach cubby_table cubby_lock cubby_os cubby_base EXPORT cubby-targets
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS cubby_admin cubby_proto EXPORT cubby-admin-targets
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS cubby_cli cubbyd RUNTIME)

install(EXPORT cubby-targets NAMESPACE cubby:: DESTINATION ${package_dir})
install(EXPORT cubby-admin-targets NAMESPACE cubby:: DESTINATION ${package_dir})
configure_package_config_file(cmake/cubby-config.cmake.in ${PROJECT_BINARY_DIR}/cubby-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cubby-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cubby-config.cmake ${PROJECT_BINARY_DIR}/cubby-config-version.cmake
        DESTINATION ${package_dir})
