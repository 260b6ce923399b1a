// grpc++ as interop server (Debian packages none): the official flags, and "port N" when it serves.
#include "grpc/testing/test.grpc.pb.h"
#include "grpcxx_inspect.hpp"
#include "interop_flags.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

namespace {

using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;
using grpc::testing::Empty;
using grpc::testing::InteropServerContextInspector;
using grpc::testing::SimpleRequest;
using grpc::testing::SimpleResponse;
using grpc::testing::StreamingInputCallRequest;
using grpc::testing::StreamingInputCallResponse;
using grpc::testing::StreamingOutputCallRequest;
using grpc::testing::StreamingOutputCallResponse;

std::string read_file(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

void echo_metadata(ServerContext* context) {
    const auto& metadata = context->client_metadata();
    if (const auto at = metadata.find(interop::initial_key); at != metadata.end())
        context->AddInitialMetadata(interop::initial_key, {at->second.data(), at->second.size()});
    if (const auto at = metadata.find(interop::trailing_key); at != metadata.end())
        context->AddTrailingMetadata(interop::trailing_key, {at->second.data(), at->second.size()});
}

Status status_of(const grpc::testing::EchoStatus& wanted) {
    if (wanted.code() == 0) return Status::OK;
    return Status(static_cast<StatusCode>(wanted.code()), wanted.message());
}

class TestService final : public grpc::testing::TestService::Service {
    Status EmptyCall(ServerContext*, const Empty*, Empty*) override { return Status::OK; }

    Status UnaryCall(ServerContext* context, const SimpleRequest* request,
                     SimpleResponse* response) override {
        echo_metadata(context);
        if (request->has_expect_compressed() &&
            InteropServerContextInspector::compressed(*context) != request->expect_compressed().value())
            return Status(StatusCode::INVALID_ARGUMENT, "compression is not as expected");
        if (request->has_response_compressed())
            context->set_compression_algorithm(request->response_compressed().value() ? GRPC_COMPRESS_GZIP
                                                                                      : GRPC_COMPRESS_NONE);
        response->mutable_payload()->set_body(std::string(request->response_size(), '\0'));
        if (request->fill_server_id()) response->set_server_id("grpcxx");
        return status_of(request->response_status());
    }

    Status StreamingOutputCall(ServerContext* context, const StreamingOutputCallRequest* request,
                               grpc::ServerWriter<StreamingOutputCallResponse>* writer) override {
        for (const auto& wanted : request->response_parameters())
            if (wanted.compressed().value()) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
        return answer(*request, *writer);
    }

    Status StreamingInputCall(ServerContext* context, grpc::ServerReader<StreamingInputCallRequest>* reader,
                              StreamingInputCallResponse* response) override {
        StreamingInputCallRequest request;
        int sum = 0;
        while (reader->Read(&request)) {
            if (request.has_expect_compressed() &&
                InteropServerContextInspector::compressed(*context) != request.expect_compressed().value())
                return Status(StatusCode::INVALID_ARGUMENT, "compression is not as expected");
            sum += static_cast<int>(request.payload().body().size());
        }
        response->set_aggregated_payload_size(sum);
        return Status::OK;
    }

    Status FullDuplexCall(
        ServerContext* context,
        grpc::ServerReaderWriter<StreamingOutputCallResponse, StreamingOutputCallRequest>* stream) override {
        echo_metadata(context);
        StreamingOutputCallRequest request;
        while (stream->Read(&request)) {
            if (request.response_status().code() != 0) return status_of(request.response_status());
            answer(request, *stream);
        }
        return Status::OK;
    }

    template <class Writer>
    static Status answer(const StreamingOutputCallRequest& request, Writer& writer) {
        for (const auto& wanted : request.response_parameters()) {
            if (wanted.interval_us() > 0)
                std::this_thread::sleep_for(std::chrono::microseconds(wanted.interval_us()));
            StreamingOutputCallResponse response;
            response.mutable_payload()->set_body(std::string(wanted.size(), '\0'));
            grpc::WriteOptions options;
            if (!wanted.compressed().value()) options.set_no_compression();
            if (!writer.Write(response, options)) return Status(StatusCode::CANCELLED, "nobody reads");
        }
        return Status::OK;
    }
};

}  // namespace

int main(int argc, char** argv) {
    const interop::Flags flags(argc, argv);
    std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
    if (flags.on("use_tls")) {
        grpc::SslServerCredentialsOptions options;
        options.pem_key_cert_pairs.push_back(
            {read_file(flags.text("tls_key_file")), read_file(flags.text("tls_cert_file"))});
        credentials = grpc::SslServerCredentials(options);
    }
    TestService service;
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort("127.0.0.1:" + flags.text("port", "10000"), credentials, &port);
    builder.RegisterService(&service);
    const auto server = builder.BuildAndStart();
    if (!server) return 2;
    std::printf("port %d\n", port);
    std::fflush(stdout);
    server->Wait();
}
