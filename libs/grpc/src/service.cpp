#include <weft/core/error.hpp>
#include <weft/grpc/service.hpp>

namespace weft::grpc {

Service::~Service() = default;

void Service::add(std::string path, Pimpl<detail::MethodHandler> handler) {
    if (path.size() < 2 || path[0] != '/')
        throw UsageError("method path '" + path + "': write /package.Service/Method");
    methods_.push_back({std::move(path), std::move(handler)});
}

void Service::throw_unimplemented(std::string_view method) {
    throw RpcError(StatusCode::unimplemented, "method " + std::string(method) + " is not implemented");
}

}  // namespace weft::grpc
