// CallCredentials: metadata that each call takes along to prove who calls: a token, made or renewed when
// needed.
//
//     class Token final : public grpc::CallCredentials {
//         Task<grpc::Metadata> metadata(std::string, std::string) override {
//             const std::string token = co_await fetch_token();
//             co_return grpc::Metadata{{"authorization", "Bearer " + token}};
//         }
//     };
#pragma once

#include <weft/core/task.hpp>
#include <weft/grpc/metadata.hpp>

#include <string>

namespace weft::grpc {

class CallCredentials {
public:
    CallCredentials() = default;
    CallCredentials(const CallCredentials&) = delete;
    CallCredentials& operator=(const CallCredentials&) = delete;
    virtual ~CallCredentials() = default;

    // Asked for each call: `service_url` is "https://<authority>/package.Service", `method` "Method". An
    // RpcError ends the call with its status, any other exception with UNAUTHENTICATED. Cancelled with the
    // call.
    virtual Task<Metadata> metadata(std::string service_url, std::string method) = 0;
};

}  // namespace weft::grpc
