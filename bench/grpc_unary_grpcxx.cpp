// The peer of grpc_unary: the same calls by grpc++, callback server and completion-queue client.
//
// usage: grpc_unary_grpcxx [seconds]
#include "echo_bench.grpc.pb.h"
#include "grpc_unary_harness.hpp"

#include <grpcpp/grpcpp.h>

#include <memory>

namespace {

using bench::Clock;
using bench::EchoReply;
using bench::EchoRequest;

class GrpcxxEcho final : public bench::Echo::CallbackService {
    grpc::ServerUnaryReactor* Say(grpc::CallbackServerContext* context, const EchoRequest* request,
                                  EchoReply* reply) override {
        reply->set_text(request->text());
        auto* reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }
};

void grpcxx_server(int fd) {
    GrpcxxEcho echo;
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&echo);
    auto server = builder.BuildAndStart();
    bench::tell(fd, port);
    server->Wait();
}

bench::Result grpcxx_client(const std::string& target, int parallel, double seconds) {
    auto stub = bench::Echo::NewStub(grpc::CreateChannel(target, grpc::InsecureChannelCredentials()));
    struct Call {
        std::unique_ptr<grpc::ClientContext> context;
        EchoReply reply;
        grpc::Status status;
        std::unique_ptr<grpc::ClientAsyncResponseReader<EchoReply>> reader;
        Clock::time_point began;
    };
    grpc::CompletionQueue queue;
    EchoRequest request;
    request.set_text(std::string(14, 'x'));
    const auto send = [&](Call& call) {
        call.reader.reset();
        call.context = std::make_unique<grpc::ClientContext>();
        call.began = Clock::now();
        call.reader = stub->AsyncSay(call.context.get(), request, &queue);
        call.reader->Finish(&call.reply, &call.status, &call);
    };
    std::vector<Call> calls(static_cast<std::size_t>(parallel));
    std::vector<float> latencies;
    const auto began = Clock::now();
    const auto end =
        began + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    for (Call& call : calls) send(call);
    int running = parallel;
    while (running > 0) {
        void* tag = nullptr;
        bool ok = false;
        if (!queue.Next(&tag, &ok)) break;
        auto& call = *static_cast<Call*>(tag);
        if (!call.status.ok()) std::abort();
        const auto now = Clock::now();
        latencies.push_back(std::chrono::duration<float, std::micro>(now - call.began).count());
        if (now < end) {
            send(call);
        } else {
            --running;
        }
    }
    return bench::summary(began, latencies);
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 3;
    for (const int parallel : {1, 100})
        bench::measure("grpc++", parallel, seconds, grpcxx_server, grpcxx_client);
}
