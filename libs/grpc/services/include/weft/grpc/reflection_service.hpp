// ReflectionService: grpc.reflection.v1.ServerReflection, and v1alpha, which older tools ask for. With it
// grpcurl and its like need no .proto files.
//
//     grpc::ReflectionService reflection(server);
//     server.add_service(reflection);
#pragma once

#include <weft/grpc/server.hpp>
#include <weft/grpc/service.hpp>

#include <string>

namespace weft::grpc {

// Lists the services of `server`, and describes what the program's generated protobuf code knows. It must
// outlive the server, and the server must not be moved.
class ReflectionService final : public Service {
public:
    explicit ReflectionService(const Server& server);

private:
    Task<void> answer(ServerContext& context, ServerReaderWriter<std::string, std::string>& stream);
    [[nodiscard]] std::string answer_one(const std::string& request) const;

    const Server& server_;
};

}  // namespace weft::grpc
