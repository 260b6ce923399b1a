# Installs BUILD, then configures, builds and runs the consumer against it.
set(prefix ${OUT}/prefix)
set(consumer ${OUT}/consumer)
file(REMOVE_RECURSE ${prefix} ${consumer})

execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix}
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)

# What is installed can be moved and does not need what it was built from.
file(GLOB_RECURSE installed ${prefix}/*.cmake ${prefix}/*.hpp ${prefix}/*.pc)
foreach(file IN LISTS installed)
  file(READ ${file} text)
  string(FIND "${text}" "${TREE}" found)
  if(NOT found EQUAL -1)
    message(FATAL_ERROR "${file} names the tree that weft was built from, ${TREE}")
  endif()
endforeach()

set(settings -G Ninja -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_C_COMPILER=${CC}
  -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER} -DCMAKE_CXX_FLAGS=${FLAGS})
execute_process(
  COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${consumer} ${settings}
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${consumer} COMMAND_ERROR_IS_FATAL ANY)

execute_process(COMMAND ${consumer}/greeter OUTPUT_VARIABLE said COMMAND_ERROR_IS_FATAL ANY)
if(NOT said STREQUAL "hello consumer\n")
  message(FATAL_ERROR "the consumer's client got '${said}' from its server")
endif()
execute_process(COMMAND ${consumer}/every_module COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${prefix}/bin/weft --version OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)

# The same without CMake.
set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
execute_process(COMMAND pkg-config --cflags --libs weft-grpc weft-lab
  OUTPUT_VARIABLE options OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(options)
execute_process(
  COMMAND ${LAUNCHER} ${CXX} -std=c++20 ${FLAGS} ${options} -c ${CMAKE_CURRENT_LIST_DIR}/consumer/blocking.cpp
          -o ${OUT}/blocking.o
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CXX} ${FLAGS} ${OUT}/blocking.o ${options} -o ${OUT}/blocking COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${OUT}/blocking COMMAND_ERROR_IS_FATAL ANY)

# A module that there is not is said by name.
execute_process(
  COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${OUT}/refused ${settings} -DCOMPONENT=nonsense
  OUTPUT_QUIET ERROR_VARIABLE why RESULT_VARIABLE refused)
if(NOT refused OR NOT why MATCHES "no module 'nonsense'")
  message(FATAL_ERROR "find_package(weft COMPONENTS nonsense) said: ${why}")
endif()
