# weft_grpc_generate(<target> PROTOS a.proto … [BASE_DIR dir] [IMPORT_DIRS …] [DEPENDS …])
# weft_grpc_generate(<target> a.proto …)
#
# Makes a static library of the messages (<name>.pb.h) and of the services' stubs and bases (<name>.weft.hpp).
# PROTOS are relative to BASE_DIR, the current source folder unless given; the headers are included by the same
# relative names. Generated code is compiled with -O1 and without warnings, as weft_proto_library does.
# Also for users of an installed weft: nothing here may depend on weft's own tree.
function(weft_grpc_generate target)
  if(NOT TARGET protobuf::protoc)
    find_package(Protobuf REQUIRED)
  endif()
  cmake_parse_arguments(arg "" "BASE_DIR" "PROTOS;IMPORT_DIRS;DEPENDS" ${ARGN})
  list(APPEND arg_PROTOS ${arg_UNPARSED_ARGUMENTS})
  if(NOT arg_PROTOS)
    message(FATAL_ERROR "weft_grpc_generate(${target}): no .proto files")
  endif()
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
      OUTPUT ${out}/${stem}.pb.cc ${out}/${stem}.pb.h ${out}/${stem}.weft.hpp
      COMMAND protobuf::protoc ${imports}
              --plugin=protoc-gen-weft-grpc=$<TARGET_FILE:weft::protoc-gen-weft-grpc>
              --cpp_out=${out} --weft-grpc_out=${out} ${proto}
      DEPENDS ${arg_BASE_DIR}/${proto} weft::protoc-gen-weft-grpc VERBATIM)
    list(APPEND sources ${out}/${stem}.pb.cc ${out}/${stem}.weft.hpp)
  endforeach()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC $<BUILD_INTERFACE:${out}>)
  target_link_libraries(${target} PUBLIC weft::grpc protobuf::libprotobuf ${arg_DEPENDS})
  target_compile_options(${target} PRIVATE -w $<$<NOT:$<CONFIG:Debug>>:-O1>)
endfunction()
