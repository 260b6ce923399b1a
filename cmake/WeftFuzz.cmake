# weft_fuzz(<name> DEPENDS …)
#
# A fuzz target of tests/fuzz/<name>.cpp with the seeds of tests/fuzz/corpus/<name>/. In the fuzz preset (clang) it is
# a libFuzzer program; elsewhere it is an ordinary test that replays the seeds, so that what was found stays found.
option(WEFT_FUZZ "Build the fuzz targets with libFuzzer (clang)" OFF)

function(weft_fuzz name)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  set(target fuzz_${name})
  set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  add_executable(${target} ${name}.cpp)
  target_link_libraries(${target} PRIVATE ${arg_DEPENDS} weft_warnings)
  if(WEFT_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${target} PRIVATE replay.cpp)
    add_test(NAME fuzz.${name} COMMAND ${target} ${corpus})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 120)
  endif()
endfunction()
