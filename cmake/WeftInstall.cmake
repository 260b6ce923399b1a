# Installing weft, so that find_package(weft) gives its modules to other projects (see weftConfig.cmake.in), and
# pkg-config does as weft-<module>.
#
# Every module is an export set of its own (weft-<module>-targets.cmake) behind a file that first finds what the
# module rests on (weft-<module>.cmake). A consumer of weft::netlink thus needs no protobuf.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(WEFT_CMAKE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/weft)

# How a consumer finds what our static libraries link. Loaded by weftConfig.cmake, hence its macros.
set(weft_find_Boost::headers "find_dependency(Boost 1.77)")
set(weft_find_GTest::gtest "find_dependency(GTest)")
set(weft_find_OpenSSL::Crypto "find_dependency(OpenSSL 3.0)")
set(weft_find_OpenSSL::SSL "find_dependency(OpenSSL 3.0)")
set(weft_find_PkgConfig::CARES "weft_find_by_pkg_config(CARES libcares)")
set(weft_find_PkgConfig::NGHTTP2 "weft_find_by_pkg_config(NGHTTP2 libnghttp2)")
set(weft_find_protobuf::libprotobuf "find_dependency(Protobuf)")
set(weft_find_Threads::Threads "find_dependency(Threads)")
set(weft_find_ZLIB::ZLIB "find_dependency(ZLIB)")
# The same for pkg-config. Threads are in libc, Boost's headers in the compiler's path.
set(weft_pc_GTest::gtest gtest)
set(weft_pc_OpenSSL::Crypto libcrypto)
set(weft_pc_OpenSSL::SSL openssl)
set(weft_pc_PkgConfig::CARES libcares)
set(weft_pc_PkgConfig::NGHTTP2 libnghttp2)
set(weft_pc_protobuf::libprotobuf protobuf)
set(weft_pc_ZLIB::ZLIB zlib)

# weft_install_library(<target> <name> [FILE_SET] [DEPENDS …])
# Installs a library as weft::<name>. DEPENDS is everything that it links, weft's own libraries included.
function(weft_install_library target name)
  cmake_parse_arguments(arg "FILE_SET" "" "DEPENDS" ${ARGN})
  set(finds)
  set(requires)
  foreach(dependency IN LISTS arg_DEPENDS)
    list(APPEND requires ${weft_pc_${dependency}})
    if(dependency MATCHES "^weft(::|_)(.+)$")
      list(APPEND finds "weft_load(${CMAKE_MATCH_2})")
      list(APPEND requires weft-${CMAKE_MATCH_2})
    elseif(DEFINED weft_find_${dependency})
      list(APPEND finds "${weft_find_${dependency}}")
    else()
      message(FATAL_ERROR "${target} links ${dependency}: say in WeftInstall.cmake how a consumer finds it")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES finds)
  list(JOIN finds "\n" finds)
  set(file ${PROJECT_BINARY_DIR}/cmake/weft-${name}.cmake)
  file(WRITE ${file} "${finds}\ninclude(\"\${CMAKE_CURRENT_LIST_DIR}/weft-${name}-targets.cmake\")\n")

  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  set(headers)
  if(arg_FILE_SET)
    set(headers FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  endif()
  install(TARGETS ${target} EXPORT weft-${name} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} ${headers})
  install(EXPORT weft-${name} NAMESPACE weft:: FILE weft-${name}-targets.cmake DESTINATION ${WEFT_CMAKE_FOLDER})
  install(FILES ${file} DESTINATION ${WEFT_CMAKE_FOLDER})

  # Everything is required in public: there is only a static library, which cannot be linked without.
  file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  list(JOIN requires ", " requires)
  set(pc ${PROJECT_BINARY_DIR}/cmake/weft-${name}.pc)
  file(WRITE ${pc} "prefix=\${pcfiledir}/${up}
Name: weft-${name}
Description: weft, asynchronous networking in C++20: ${name}
Version: ${PROJECT_VERSION}
Requires: ${requires}
Libs: -L\${prefix}/${CMAKE_INSTALL_LIBDIR} -l${target}
Cflags: -I\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}
")
  install(FILES ${pc} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

# weft_install_package()
# The package file itself and what else a consumer uses: once, behind all modules.
function(weft_install_package)
  install(TARGETS protoc-gen-weft-grpc EXPORT weft-protoc-gen-weft-grpc RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(EXPORT weft-protoc-gen-weft-grpc NAMESPACE weft:: FILE weft-protoc-gen-weft-grpc-targets.cmake
          DESTINATION ${WEFT_CMAKE_FOLDER})
  install(TARGETS weft_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

  # Not those that rest on Boost or GoogleTest: what find_package(weft) gives must not depend on how weft was built.
  set(WEFT_DEFAULT_MODULES)
  foreach(module IN LISTS modules ITEMS grpc_services p4switch_service)
    if(TARGET weft_${module} AND NOT module MATCHES "^(asio|testing)$")
      list(APPEND WEFT_DEFAULT_MODULES ${module})
    endif()
  endforeach()
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/weftConfig.cmake.in ${PROJECT_BINARY_DIR}/cmake/weftConfig.cmake
    INSTALL_DESTINATION ${WEFT_CMAKE_FOLDER} NO_SET_AND_CHECK_MACRO)
  # Below 1.0 a minor version may change what it likes.
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/weftConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES
      ${PROJECT_BINARY_DIR}/cmake/weftConfig.cmake
      ${PROJECT_BINARY_DIR}/cmake/weftConfigVersion.cmake
      ${PROJECT_SOURCE_DIR}/cmake/WeftGrpc.cmake
    DESTINATION ${WEFT_CMAKE_FOLDER})
endfunction()
