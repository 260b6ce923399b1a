# weft_proto_library(<target> PROTOS … [IMPORT_DIRS …] [DEPENDS …])
#
# Generates and compiles protobuf messages. Generated code is compiled with -O1 and without warnings:
# it is the slowest code of the tree to compile, and nobody reads its warnings. It is installed, because our
# libraries link it, but without headers: those of the messages are no part of weft.
find_package(Protobuf REQUIRED)

function(weft_proto_library target)
  cmake_parse_arguments(arg "" "BASE_DIR" "PROTOS;IMPORT_DIRS;DEPENDS" ${ARGN})
  if(NOT arg_BASE_DIR)
    set(arg_BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${target}.gen)
  file(MAKE_DIRECTORY ${out})
  set(imports -I${arg_BASE_DIR})
  foreach(dir IN LISTS arg_IMPORT_DIRS)
    list(APPEND imports -I${dir})
  endforeach()
  set(sources)
  foreach(proto IN LISTS arg_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    add_custom_command(
      OUTPUT ${out}/${stem}.pb.cc ${out}/${stem}.pb.h
      COMMAND protobuf::protoc ${imports} --cpp_out=${out} ${proto}
      DEPENDS ${arg_BASE_DIR}/${proto} VERBATIM)
    list(APPEND sources ${out}/${stem}.pb.cc)
  endforeach()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC $<BUILD_INTERFACE:${out}>)
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf ${arg_DEPENDS})
  target_compile_options(${target} PRIVATE -w $<$<NOT:$<CONFIG:Debug>>:-O1>)
  string(REGEX REPLACE "^weft_" "" name ${target})
  weft_install_library(${target} ${name} DEPENDS protobuf::libprotobuf ${arg_DEPENDS})
endfunction()
