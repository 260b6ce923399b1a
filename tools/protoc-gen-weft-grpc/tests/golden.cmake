# Runs the plugin on echo.proto and compares with the golden file; three methods must stay below 120 lines.
file(MAKE_DIRECTORY ${OUT})
execute_process(
  COMMAND ${PROTOC} -I${SOURCE} --plugin=protoc-gen-weft-grpc=${PLUGIN} --weft-grpc_out=${OUT} echo.proto
  COMMAND_ERROR_IS_FATAL ANY)
if(DEFINED ENV{WEFT_UPDATE_GOLDEN})
  file(COPY_FILE ${OUT}/echo.weft.hpp ${SOURCE}/echo.weft.hpp.golden)
endif()
execute_process(
  COMMAND ${CMAKE_COMMAND} -E compare_files ${OUT}/echo.weft.hpp ${SOURCE}/echo.weft.hpp.golden
  RESULT_VARIABLE differs)
if(differs)
  message(FATAL_ERROR "${OUT}/echo.weft.hpp differs from the golden file; WEFT_UPDATE_GOLDEN=1 accepts it")
endif()
file(STRINGS ${OUT}/echo.weft.hpp lines)
list(LENGTH lines count)
if(count GREATER 120)
  message(FATAL_ERROR "the plugin wrote ${count} lines for three methods; 120 are allowed")
endif()
