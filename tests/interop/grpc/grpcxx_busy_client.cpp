// A grpc++ client that is honest and busy: `grpcxx_busy_client <target>` does on one connection what floods
// are made of, for a reason each time. Prints "ok", or the first call that ended otherwise than it should.
#include "peer.grpc.pb.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;
using interop::PeerReply;
using interop::PeerRequest;
using namespace std::chrono_literals;

void require(const Status& status, StatusCode wanted, const char* what) {
    if (status.error_code() == wanted) return;
    throw std::runtime_error(std::string(what) + ": " + std::to_string(status.error_code()) + " " +
                             status.error_message());
}

// Watchers that have seen enough: each stream is cancelled after its first message.
void cancel_streams(interop::Peer::Stub& stub, int calls) {
    for (int i = 0; i < calls; ++i) {
        ClientContext context;
        const auto stream = stub.Bidi(&context);
        PeerReply reply;
        if (!stream->Write(PeerRequest()) || !stream->Read(&reply))
            require(stream->Finish(), StatusCode::OK, "a stream without messages");
        context.TryCancel();
        require(stream->Finish(), StatusCode::CANCELLED, "a cancelled stream");
    }
}

// Hedging: of two calls the slow one is cancelled when the other has answered.
void hedge(interop::Peer::Stub& stub, int calls) {
    PeerRequest slow;
    slow.set_sleep_ms(60'000);
    for (int i = 0; i < calls; ++i) {
        grpc::CompletionQueue queue;
        ClientContext contexts[2];
        PeerReply replies[2];
        Status statuses[2];
        const auto first = stub.AsyncUnary(&contexts[0], slow, &queue);
        const auto second = stub.AsyncUnary(&contexts[1], PeerRequest(), &queue);
        first->Finish(&replies[0], &statuses[0], contexts);
        second->Finish(&replies[1], &statuses[1], contexts + 1);
        for (int ended = 0; ended < 2; ++ended) {
            void* tag = nullptr;
            bool ok = false;
            queue.Next(&tag, &ok);
            contexts[0].TryCancel();
        }
        require(statuses[0], StatusCode::CANCELLED, "the slow call");
        require(statuses[1], StatusCode::OK, "the quick call");
    }
}

void small_messages(interop::Peer::Stub& stub, int messages) {
    {
        PeerRequest request;
        request.set_count(messages);
        ClientContext context;
        const auto reader = stub.ServerStream(&context, request);
        PeerReply reply;
        while (reader->Read(&reply)) {
        }
        require(reader->Finish(), StatusCode::OK, "a long stream of responses");
    }
    ClientContext context;
    PeerReply reply;
    const auto writer = stub.ClientStream(&context, &reply);
    PeerRequest request;
    request.set_count(1);
    for (int i = 0; i < messages; ++i)
        if (!writer->Write(request)) break;
    writer->WritesDone();
    require(writer->Finish(), StatusCode::OK, "a long stream of requests");
}

void large_headers(interop::Peer::Stub& stub, int calls) {
    for (int i = 0; i < calls; ++i) {
        ClientContext context;
        // Different each time, so that HPACK cannot shorten them.
        for (int k = 0; k < 7; ++k)
            context.AddMetadata("x-large-" + std::to_string(k), std::to_string(i) + std::string(1000, 'h'));
        PeerReply reply;
        require(stub.Unary(&context, PeerRequest(), &reply), StatusCode::OK, "large headers");
    }
}

}  // namespace

int main(int, char** arguments) {
    grpc::ChannelArguments settings;
    settings.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10);
    settings.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    settings.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    const auto channel =
        grpc::CreateCustomChannel(arguments[1], grpc::InsecureChannelCredentials(), settings);
    const auto stub = interop::Peer::NewStub(channel);
    try {
        cancel_streams(*stub, 12'000);
        hedge(*stub, 12'000);
        small_messages(*stub, 100'000);
        large_headers(*stub, 1000);
        std::this_thread::sleep_for(1s);  // keepalive only
        PeerRequest report;
        report.set_text("report\nok");
        ClientContext context;
        PeerReply reply;
        require(stub->Unary(&context, report, &reply), StatusCode::OK, "the report");
    } catch (const std::exception& error) {
        std::puts(error.what());
        return 1;
    }
    std::puts("ok");
    return 0;
}
