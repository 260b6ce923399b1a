// grpc++ as interop client (Debian packages none): the official flags; --test_case takes a list.
#include "grpc/testing/test.grpc.pb.h"
#include "grpcxx_inspect.hpp"
#include "interop_flags.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace {

using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;
using grpc::testing::Empty;
using grpc::testing::InteropClientContextInspector;
using grpc::testing::SimpleRequest;
using grpc::testing::SimpleResponse;
using grpc::testing::StreamingInputCallRequest;
using grpc::testing::StreamingInputCallResponse;
using grpc::testing::StreamingOutputCallRequest;
using grpc::testing::StreamingOutputCallResponse;
using grpc::testing::TestService;

void check(bool right, const std::string& what) {
    if (!right) throw std::runtime_error(what);
}
void check_ok(const Status& status) {
    check(status.ok(), std::to_string(status.error_code()) + ": " + status.error_message());
}
void check_code(const Status& status, StatusCode wanted) {
    check(status.error_code() == wanted, "the status is " + std::to_string(status.error_code()) + ": " +
                                             status.error_message() + ", not " + std::to_string(wanted));
}

SimpleRequest large() {
    SimpleRequest request;
    request.set_response_size(interop::large_response);
    request.mutable_payload()->set_body(std::string(interop::large_request, '\0'));
    return request;
}
StreamingOutputCallRequest output(int request_size, int response_size) {
    StreamingOutputCallRequest request;
    request.add_response_parameters()->set_size(response_size);
    request.mutable_payload()->set_body(std::string(request_size, '\0'));
    return request;
}
StreamingInputCallRequest input(int size) {
    StreamingInputCallRequest request;
    request.mutable_payload()->set_body(std::string(size, '\0'));
    return request;
}

class Client {
public:
    using Connect = std::function<std::shared_ptr<grpc::Channel>()>;
    Client(Connect connect, int soak_iterations)
        : connect_(std::move(connect)),
          iterations_(soak_iterations),
          channel_(connect_()),
          stub_(TestService::NewStub(channel_)) {}

    void run(const std::string& name) {
        static const std::map<std::string, void (Client::*)()> cases{
            {"empty_unary", &Client::empty_unary},
            {"large_unary", &Client::large_unary},
            {"client_compressed_unary", &Client::client_compressed_unary},
            {"server_compressed_unary", &Client::server_compressed_unary},
            {"client_streaming", &Client::client_streaming},
            {"client_compressed_streaming", &Client::client_compressed_streaming},
            {"server_streaming", &Client::server_streaming},
            {"server_compressed_streaming", &Client::server_compressed_streaming},
            {"ping_pong", &Client::ping_pong},
            {"empty_stream", &Client::empty_stream},
            {"custom_metadata", &Client::custom_metadata},
            {"status_code_and_message", &Client::status_code_and_message},
            {"special_status_message", &Client::special_status_message},
            {"unimplemented_method", &Client::unimplemented_method},
            {"unimplemented_service", &Client::unimplemented_service},
            {"cancel_after_begin", &Client::cancel_after_begin},
            {"cancel_after_first_response", &Client::cancel_after_first_response},
            {"timeout_on_sleeping_server", &Client::timeout_on_sleeping_server},
            {"pick_first_unary", &Client::pick_first_unary},
            {"rpc_soak", &Client::rpc_soak},
            {"channel_soak", &Client::channel_soak},
            {"long_lived_channel", &Client::long_lived_channel},
        };
        const auto at = cases.find(name);
        check(at != cases.end(), "there is no such case");
        (this->*at->second)();
    }

private:
    SimpleResponse unary(ClientContext& context, const SimpleRequest& request) {
        SimpleResponse response;
        check_ok(stub_->UnaryCall(&context, request, &response));
        check(static_cast<int>(response.payload().body().size()) == request.response_size(),
              "the response has another size");
        return response;
    }

    void empty_unary() {
        ClientContext context;
        Empty response;
        check_ok(stub_->EmptyCall(&context, Empty(), &response));
    }
    void large_unary() {
        ClientContext context;
        unary(context, large());
    }
    void client_compressed_unary() {
        SimpleRequest request = large();
        request.mutable_expect_compressed()->set_value(true);
        ClientContext probe;
        SimpleResponse response;
        probe.set_compression_algorithm(GRPC_COMPRESS_NONE);
        check_code(stub_->UnaryCall(&probe, request, &response), StatusCode::INVALID_ARGUMENT);
        ClientContext compressed;
        compressed.set_compression_algorithm(GRPC_COMPRESS_GZIP);
        unary(compressed, request);
        request.mutable_expect_compressed()->set_value(false);
        ClientContext plain;
        plain.set_compression_algorithm(GRPC_COMPRESS_NONE);
        unary(plain, request);
    }
    void server_compressed_unary() {
        for (const bool compressed : {true, false}) {
            SimpleRequest request = large();
            request.mutable_response_compressed()->set_value(compressed);
            ClientContext context;
            unary(context, request);
            check(InteropClientContextInspector::compressed(context) == compressed,
                  compressed ? "the response is not compressed" : "the response is compressed");
        }
    }
    void client_streaming() {
        ClientContext context;
        StreamingInputCallResponse response;
        auto writer = stub_->StreamingInputCall(&context, &response);
        for (const int size : interop::request_sizes) check(writer->Write(input(size)), "write");
        writer->WritesDone();
        check_ok(writer->Finish());
        check(response.aggregated_payload_size() == 74922, "the sum is wrong");
    }
    void client_compressed_streaming() {
        auto first = input(27182);
        first.mutable_expect_compressed()->set_value(true);
        {
            ClientContext context;
            StreamingInputCallResponse response;
            context.set_compression_algorithm(GRPC_COMPRESS_NONE);
            auto writer = stub_->StreamingInputCall(&context, &response);
            writer->Write(first);
            writer->WritesDone();
            check_code(writer->Finish(), StatusCode::INVALID_ARGUMENT);
        }
        ClientContext context;
        StreamingInputCallResponse response;
        context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
        auto writer = stub_->StreamingInputCall(&context, &response);
        check(writer->Write(first), "write");
        auto second = input(45904);
        second.mutable_expect_compressed()->set_value(false);
        grpc::WriteOptions plain;
        plain.set_no_compression();
        check(writer->Write(second, plain), "write");
        writer->WritesDone();
        check_ok(writer->Finish());
        check(response.aggregated_payload_size() == 73086, "the sum is wrong");
    }
    void server_streaming() {
        ClientContext context;
        StreamingOutputCallRequest request;
        for (const int size : interop::response_sizes) request.add_response_parameters()->set_size(size);
        auto reader = stub_->StreamingOutputCall(&context, request);
        StreamingOutputCallResponse response;
        for (const int size : interop::response_sizes) {
            check(reader->Read(&response), "a response is missing");
            check(static_cast<int>(response.payload().body().size()) == size, "a response has another size");
        }
        check(!reader->Read(&response), "there is a fifth response");
        check_ok(reader->Finish());
    }
    void server_compressed_streaming() {
        ClientContext context;
        StreamingOutputCallRequest request;
        for (const bool compressed : {true, false}) {
            auto& wanted = *request.add_response_parameters();
            wanted.mutable_compressed()->set_value(compressed);
            wanted.set_size(compressed ? 31415 : 92653);
        }
        auto reader = stub_->StreamingOutputCall(&context, request);
        StreamingOutputCallResponse response;
        for (const bool compressed : {true, false}) {
            check(reader->Read(&response), "a response is missing");
            check(InteropClientContextInspector::compressed(context) == compressed,
                  compressed ? "the first is not compressed" : "the second is compressed");
        }
        check(!reader->Read(&response), "there is a third response");
        check_ok(reader->Finish());
    }
    void ping_pong() {
        ClientContext context;
        auto stream = stub_->FullDuplexCall(&context);
        StreamingOutputCallResponse response;
        for (int i = 0; i < 4; ++i) {
            check(stream->Write(output(interop::request_sizes[i], interop::response_sizes[i])), "write");
            check(stream->Read(&response), "a response is missing");
            check(static_cast<int>(response.payload().body().size()) == interop::response_sizes[i],
                  "a response has another size");
        }
        stream->WritesDone();
        check(!stream->Read(&response), "there is a fifth response");
        check_ok(stream->Finish());
    }
    void empty_stream() {
        ClientContext context;
        auto stream = stub_->FullDuplexCall(&context);
        stream->WritesDone();
        StreamingOutputCallResponse response;
        check(!stream->Read(&response), "there is a response");
        check_ok(stream->Finish());
    }
    static void check_metadata(const ClientContext& context) {
        const auto& initial = context.GetServerInitialMetadata();
        const auto first = initial.find(interop::initial_key);
        check(first != initial.end() && first->second == interop::initial_value, "initial metadata");
        const auto& trailing = context.GetServerTrailingMetadata();
        const auto second = trailing.find(interop::trailing_key);
        check(second != trailing.end() && second->second == interop::trailing_value, "trailing metadata");
    }
    static void add_metadata(ClientContext& context) {
        context.AddMetadata(interop::initial_key, interop::initial_value);
        context.AddMetadata(interop::trailing_key, interop::trailing_value);
    }
    void custom_metadata() {
        ClientContext simple;
        add_metadata(simple);
        unary(simple, large());
        check_metadata(simple);
        ClientContext context;
        add_metadata(context);
        auto stream = stub_->FullDuplexCall(&context);
        check(stream->Write(output(interop::large_request, interop::large_response)), "write");
        stream->WritesDone();
        StreamingOutputCallResponse response;
        check(stream->Read(&response), "the response is missing");
        check(!stream->Read(&response), "there is a second response");
        check_ok(stream->Finish());
        check_metadata(context);
    }
    void status_code_and_message() {
        SimpleRequest simple;
        simple.mutable_response_status()->set_code(2);
        simple.mutable_response_status()->set_message(interop::plain_status);
        ClientContext first;
        SimpleResponse response;
        const Status status = stub_->UnaryCall(&first, simple, &response);
        check_code(status, StatusCode::UNKNOWN);
        check(status.error_message() == interop::plain_status, "unary: the text");
        ClientContext context;
        auto stream = stub_->FullDuplexCall(&context);
        StreamingOutputCallRequest request;
        *request.mutable_response_status() = simple.response_status();
        stream->Write(request);
        stream->WritesDone();
        StreamingOutputCallResponse none;
        check(!stream->Read(&none), "there is a response");
        const Status end = stream->Finish();
        check_code(end, StatusCode::UNKNOWN);
        check(end.error_message() == interop::plain_status, "full duplex: the text");
    }
    void special_status_message() {
        SimpleRequest simple;
        simple.mutable_response_status()->set_code(2);
        simple.mutable_response_status()->set_message(interop::special_status);
        ClientContext context;
        SimpleResponse response;
        const Status status = stub_->UnaryCall(&context, simple, &response);
        check_code(status, StatusCode::UNKNOWN);
        check(status.error_message() == interop::special_status,
              "the text is '" + status.error_message() + "'");
    }
    void unimplemented_method() {
        ClientContext context;
        Empty response;
        check_code(stub_->UnimplementedCall(&context, Empty(), &response), StatusCode::UNIMPLEMENTED);
    }
    void unimplemented_service() {
        ClientContext context;
        Empty response;
        auto stub = grpc::testing::UnimplementedService::NewStub(channel_);
        check_code(stub->UnimplementedCall(&context, Empty(), &response), StatusCode::UNIMPLEMENTED);
    }
    void cancel_after_begin() {
        ClientContext context;
        StreamingInputCallResponse response;
        auto writer = stub_->StreamingInputCall(&context, &response);
        context.TryCancel();
        check_code(writer->Finish(), StatusCode::CANCELLED);
    }
    void cancel_after_first_response() {
        ClientContext context;
        auto stream = stub_->FullDuplexCall(&context);
        check(stream->Write(output(27182, 31415)), "write");
        StreamingOutputCallResponse response;
        check(stream->Read(&response), "the response is missing");
        context.TryCancel();
        check_code(stream->Finish(), StatusCode::CANCELLED);
    }
    void timeout_on_sleeping_server() {
        ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(1));
        auto stream = stub_->FullDuplexCall(&context);
        stream->Write(output(27182, 31415));
        StreamingOutputCallResponse response;
        while (stream->Read(&response)) {
        }
        check_code(stream->Finish(), StatusCode::DEADLINE_EXCEEDED);
    }
    void pick_first_unary() {
        std::string id;
        for (int i = 0; i < 100; ++i) {
            SimpleRequest request;
            request.set_response_size(1);
            request.set_fill_server_id(true);
            ClientContext context;
            const auto response = unary(context, request);
            check(!response.server_id().empty(), "no server id");
            if (id.empty()) id = response.server_id();
            check(response.server_id() == id, "two servers answered");
        }
    }
    void rpc_soak() {
        for (int i = 0; i < iterations_; ++i) large_unary();
    }
    void channel_soak() {
        for (int i = 0; i < iterations_; ++i) {
            const auto stub = TestService::NewStub(connect_());
            ClientContext context;
            SimpleResponse response;
            check_ok(stub->UnaryCall(&context, large(), &response));
        }
    }
    void long_lived_channel() {
        large_unary();
        std::this_thread::sleep_for(std::chrono::seconds(1));
        large_unary();
    }

    Connect connect_;
    int iterations_;
    std::shared_ptr<grpc::Channel> channel_;
    std::unique_ptr<TestService::Stub> stub_;
};

std::string read_file(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

int main(int argc, char** argv) {
    const interop::Flags flags(argc, argv);
    int channels = 0;
    const auto connect = [&] {
        grpc::ChannelArguments arguments;
        // Without it the core shares connections between channels.
        arguments.SetInt("interop.channel", ++channels);
        std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
        if (flags.on("use_tls")) {
            grpc::SslCredentialsOptions options;
            if (flags.on("use_test_ca")) options.pem_root_certs = read_file(flags.text("ca_file"));
            credentials = grpc::SslCredentials(options);
            const auto name = flags.text("server_host_override");
            if (!name.empty()) arguments.SetSslTargetNameOverride(name);
        }
        return grpc::CreateCustomChannel(
            flags.text("server_host", "localhost") + ":" + flags.text("server_port", "10000"), credentials,
            arguments);
    };
    Client client(connect, flags.number("soak_iterations", 10));
    int failed = 0;
    for (const auto& name : interop::Flags::list(flags.text("test_case", "large_unary"))) {
        try {
            client.run(name);
            std::printf("PASS %s\n", name.c_str());
        } catch (const std::exception& error) {
            std::printf("FAIL %s: %s\n", name.c_str(), error.what());
            failed = 1;
        }
        std::fflush(stdout);
    }
    return failed;
}
