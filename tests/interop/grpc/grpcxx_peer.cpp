// The grpc++ peer: `grpcxx_peer server` prints its port and serves until its input ends;
// `grpcxx_peer client <target> <case>` runs one case and says what went wrong, if anything.
#include "peer.grpc.pb.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using grpc::ClientContext;
using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;
using interop::PeerReply;
using interop::PeerRequest;
using namespace std::chrono_literals;

const std::string status_details(
    "\x0a\x00\xff"
    "detail",
    9);
const std::string binary_value("\x00\x01\xfe\xff", 4);
const std::string special_text = "tab\t cr\r lf\n \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x88 100%";

class PeerService final : public interop::Peer::Service {
    bool sleep(ServerContext* context, int ms) {
        for (int slept = 0; slept < ms; slept += 2) {
            if (context->IsCancelled()) {
                ++cancelled_;
                return false;
            }
            std::this_thread::sleep_for(2ms);
        }
        return true;
    }
    static Status failure(const PeerRequest& request) {
        return Status(static_cast<StatusCode>(request.fail_code()), request.text(), status_details);
    }

    Status Unary(ServerContext* context, const PeerRequest* request, PeerReply* reply) override {
        if (request->text() == "cancelled?") {
            reply->set_number(cancelled_);
            return Status::OK;
        }
        for (const auto& [key, value] : context->client_metadata()) {
            if (key == "x-initial") context->AddInitialMetadata("x-initial", {value.data(), value.size()});
            if (key == "x-trailing-bin")
                context->AddTrailingMetadata("x-trailing-bin", {value.data(), value.size()});
        }
        if (!sleep(context, request->sleep_ms())) return Status::CANCELLED;
        if (request->fail_code() != 0) return failure(*request);
        reply->set_text(request->text());
        reply->set_number(static_cast<std::int64_t>(request->payload().size()));
        reply->set_payload(std::string(request->reply_size(), 'r'));
        return Status::OK;
    }
    Status ServerStream(ServerContext* context, const PeerRequest* request,
                        grpc::ServerWriter<PeerReply>* writer) override {
        PeerReply reply;
        reply.set_text(request->text());
        for (int i = 0; i < request->count(); ++i) {
            if (!sleep(context, request->sleep_ms())) return Status::CANCELLED;
            reply.set_number(i);
            if (!writer->Write(reply)) {
                ++cancelled_;
                return Status::CANCELLED;
            }
        }
        return request->fail_code() != 0 ? failure(*request) : Status::OK;
    }
    Status ClientStream(ServerContext*, grpc::ServerReader<PeerRequest>* reader, PeerReply* reply) override {
        PeerRequest request;
        while (reader->Read(&request)) {
            reply->set_number(reply->number() + request.count());
            reply->set_text(reply->text() + request.text());
        }
        return Status::OK;
    }
    Status Bidi(ServerContext*, grpc::ServerReaderWriter<PeerReply, PeerRequest>* stream) override {
        PeerRequest request;
        while (stream->Read(&request)) {
            if (request.fail_code() != 0) return failure(request);
            PeerReply reply;
            reply.set_text(request.text());
            reply.set_number(request.count());
            stream->Write(reply);
        }
        return Status::OK;
    }
    std::atomic<int> cancelled_ = 0;
};

int serve() {
    PeerService service;
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    builder.SetMaxReceiveMessageSize(8 << 20);
    auto server = builder.BuildAndStart();
    std::cout << port << std::endl;
    while (std::cin.get() != EOF) {
    }
    server->Shutdown(std::chrono::system_clock::now() + 200ms);
    return 0;
}

struct Failure {
    std::string text;
};
void expect(bool good, const std::string& what) {
    if (!good) throw Failure{what};
}

class Client {
public:
    explicit Client(const std::string& target) {
        grpc::ChannelArguments arguments;
        arguments.SetMaxReceiveMessageSize(8 << 20);
        stub_ = interop::Peer::NewStub(
            grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
    }

    void run(const std::string& name) {
        if (name == "unary") return unary();
        if (name == "server_stream") return server_stream();
        if (name == "client_stream") return client_stream();
        if (name == "bidi") return bidi();
        if (name == "metadata") return metadata();
        if (name == "deadline") return deadline();
        if (name == "cancel") return cancel();
        if (name == "status") return status();
        if (name == "large") return large();
        if (name == "concurrent") return concurrent();
        if (name == "missing") return missing();
        throw Failure{"no such case"};
    }

private:
    void unary() {
        ClientContext context;
        PeerRequest request;
        request.set_text("hello");
        PeerReply reply;
        const Status s = stub_->Unary(&context, request, &reply);
        expect(s.ok() && reply.text() == "hello", s.error_message());
    }
    void server_stream() {
        ClientContext context;
        PeerRequest request;
        request.set_count(500);
        auto reader = stub_->ServerStream(&context, request);
        PeerReply reply;
        int got = 0;
        while (reader->Read(&reply)) expect(reply.number() == got++, "order");
        expect(reader->Finish().ok() && got == 500, "count " + std::to_string(got));
    }
    void client_stream() {
        ClientContext context;
        PeerReply reply;
        auto writer = stub_->ClientStream(&context, &reply);
        PeerRequest request;
        request.set_text("x");
        for (int i = 1; i <= 100; ++i) {
            request.set_count(i);
            expect(writer->Write(request), "write");
        }
        writer->WritesDone();
        const Status s = writer->Finish();
        expect(s.ok() && reply.number() == 5050 && reply.text().size() == 100, s.error_message());
    }
    void bidi() {
        ClientContext context;
        auto stream = stub_->Bidi(&context);
        for (int i = 0; i < 100; ++i) {
            PeerRequest request;
            request.set_count(i);
            PeerReply reply;
            expect(stream->Write(request) && stream->Read(&reply) && reply.number() == i, "ping pong");
        }
        stream->WritesDone();
        PeerReply reply;
        expect(!stream->Read(&reply) && stream->Finish().ok(), "end");
    }
    void metadata() {
        ClientContext context;
        context.AddMetadata("x-initial", "one value");
        context.AddMetadata("x-trailing-bin", binary_value);
        PeerReply reply;
        const Status s = stub_->Unary(&context, PeerRequest(), &reply);
        expect(s.ok(), s.error_message());
        const auto initial = context.GetServerInitialMetadata().find("x-initial");
        expect(initial != context.GetServerInitialMetadata().end() && initial->second == "one value",
               "initial");
        const auto trailing = context.GetServerTrailingMetadata().find("x-trailing-bin");
        expect(trailing != context.GetServerTrailingMetadata().end() && trailing->second == binary_value,
               "trailing");
    }
    void deadline() {
        ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + 50ms);
        PeerRequest request;
        request.set_sleep_ms(60'000);
        PeerReply reply;
        const Status s = stub_->Unary(&context, request, &reply);
        expect(s.error_code() == StatusCode::DEADLINE_EXCEEDED, s.error_message());
        wait_for_cancelled();
    }
    void cancel() {
        ClientContext context;
        PeerRequest request;
        request.set_count(1000);
        request.set_sleep_ms(20);
        auto reader = stub_->ServerStream(&context, request);
        PeerReply reply;
        expect(reader->Read(&reply), "first");
        context.TryCancel();
        while (reader->Read(&reply)) {
        }
        expect(reader->Finish().error_code() == StatusCode::CANCELLED, "code");
        wait_for_cancelled();
    }
    void wait_for_cancelled() {
        for (int i = 0; i < 500; ++i) {
            ClientContext context;
            PeerRequest request;
            request.set_text("cancelled?");
            PeerReply reply;
            expect(stub_->Unary(&context, request, &reply).ok(), "ask");
            if (reply.number() > 0) return;
            std::this_thread::sleep_for(10ms);
        }
        throw Failure{"the handler was not cancelled"};
    }
    void status() {
        ClientContext context;
        PeerRequest request;
        request.set_fail_code(9);
        request.set_text(special_text);
        PeerReply reply;
        const Status s = stub_->Unary(&context, request, &reply);
        expect(s.error_code() == StatusCode::FAILED_PRECONDITION, "code " + std::to_string(s.error_code()));
        expect(s.error_message() == special_text, "message '" + s.error_message() + "'");
        expect(s.error_details() == status_details, "details");
        ClientContext second;
        request.set_count(2);
        auto reader = stub_->ServerStream(&second, request);
        int got = 0;
        while (reader->Read(&reply)) ++got;
        expect(got == 2 && reader->Finish().error_code() == StatusCode::FAILED_PRECONDITION, "stream");
    }
    void large() {
        ClientContext context;
        PeerRequest request;
        request.set_payload(std::string(4 << 20, 'q'));
        request.set_reply_size(4 << 20);
        PeerReply reply;
        const Status s = stub_->Unary(&context, request, &reply);
        expect(s.ok() && reply.number() == 4 << 20 && reply.payload().size() == 4 << 20, s.error_message());
    }
    void concurrent() {
        constexpr int count = 1000;
        struct Call {
            ClientContext context;
            PeerReply reply;
            Status status;
            std::unique_ptr<grpc::ClientAsyncResponseReader<PeerReply>> reader;
        };
        grpc::CompletionQueue queue;
        std::vector<std::unique_ptr<Call>> calls;
        for (int i = 0; i < count; ++i) {
            auto call = std::make_unique<Call>();
            PeerRequest request;
            request.set_text(std::to_string(i));
            call->reader = stub_->AsyncUnary(&call->context, request, &queue);
            call->reader->Finish(&call->reply, &call->status, call.get());
            calls.push_back(std::move(call));
        }
        for (int i = 0; i < count; ++i) {
            void* tag = nullptr;
            bool ok = false;
            expect(queue.Next(&tag, &ok), "queue");
        }
        for (int i = 0; i < count; ++i)
            expect(calls[i]->status.ok() && calls[i]->reply.text() == std::to_string(i),
                   std::to_string(i) + ": " + calls[i]->status.error_message());
    }
    void missing() {
        ClientContext context;
        PeerReply reply;
        expect(stub_->Missing(&context, PeerRequest(), &reply).error_code() == StatusCode::UNIMPLEMENTED,
               "code");
    }

    std::unique_ptr<interop::Peer::Stub> stub_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string(argv[1]) == "server") return serve();
    if (argc != 4) return 2;
    try {
        Client(argv[2]).run(argv[3]);
        std::cout << "ok" << std::endl;
        return 0;
    } catch (const Failure& failure) {
        std::cout << "failed: " << failure.text << std::endl;
        return 1;
    }
}
