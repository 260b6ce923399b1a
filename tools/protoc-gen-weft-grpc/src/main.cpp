// protoc-gen-weft-grpc: run by protoc (--weft-grpc_out=DIR).
#include "generator.hpp"

#include <google/protobuf/compiler/plugin.h>

int main(int argc, char** argv) {
    const weft::protoc::Generator generator;
    return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}
