// protoc-gen-weft-grpc: run by protoc (--weft-grpc_out=DIR).
#include <google/protobuf/compiler/plugin.h>

#include "generator.hpp"

int main(int argc, char** argv) {
    const weft::protoc::Generator generator;
    return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}
