# weft_test(<name> SOURCES … [DEPENDS …] [LABELS …] [TIMEOUT seconds] [SERIAL])
#
# A GoogleTest program. Every TEST becomes a ctest entry of its own; tests run in parallel,
# so each takes its own ports, namespaces and temporary folders. SERIAL is for programs that measure time.
find_package(GTest REQUIRED)
include(GoogleTest)

function(weft_test name)
  cmake_parse_arguments(arg "SERIAL" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} GTest::gtest GTest::gmock GTest::gtest_main weft_warnings)
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/../src)
  gtest_discover_tests(${name}
    TEST_PREFIX ${name}.
    DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} $<$<BOOL:${arg_SERIAL}>:RUN_SERIAL> )
endfunction()
