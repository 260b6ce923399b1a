// Generates <name>.weft.hpp: for each service of a .proto file, a Stub and a SyncStub for clients, and a
// Service for servers.
#pragma once

#include <google/protobuf/compiler/code_generator.h>

#include <string>

namespace weft::protoc {

class Generator final : public google::protobuf::compiler::CodeGenerator {
public:
    bool Generate(const google::protobuf::FileDescriptor* file, const std::string& parameter,
                  google::protobuf::compiler::GeneratorContext* context, std::string* error) const override;
    std::uint64_t GetSupportedFeatures() const override { return FEATURE_PROTO3_OPTIONAL; }
};

}  // namespace weft::protoc
