#include <weft/grpc/detail/server_core.hpp>
#include <weft/grpc/server_interceptor.hpp>

namespace weft::grpc {

void ServerInterceptor::on_request(ServerContext&, std::string&) {}
void ServerInterceptor::on_response(ServerContext&, std::string&) {}

Task<void> ServerContinuation::operator()() {
    if (count_ == 0) {
        co_await handler_.handle(call_);
        co_return;
    }
    ServerContinuation after(call_, handler_, next_ + 1, count_ - 1);
    co_await next_[0]->intercept(detail::context_of(call_), after);
}

}  // namespace weft::grpc
