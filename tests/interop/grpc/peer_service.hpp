// weft's side of peer.proto.
#pragma once

#include "peer.weft.hpp"

#include <weft/core.hpp>
#include <weft/grpc/server.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <utility>

namespace interop {

inline const std::string status_details(
    "\x0a\x00\xff"
    "detail",
    9);
class PeerService final : public Peer::Service {
public:
    weft::Task<PeerReply> Unary(weft::grpc::ServerContext& context, PeerRequest request) override {
        PeerReply reply;
        if (request.text() == "cancelled?") {
            reply.set_number(cancelled_);
            co_return reply;
        }
        if (on_report && request.text().starts_with("report\n")) on_report(request.text().substr(7));
        weft::grpc::Metadata trailing;
        for (const auto& [key, value] : context.invocation_metadata()) {
            if (key == "x-initial") {
                weft::grpc::Metadata initial;
                initial.add(key, value);
                context.send_initial_metadata(initial);
            }
            if (key == "x-trailing-bin") trailing.add(key, value);
        }
        context.set_trailing_metadata(std::move(trailing));
        if (request.sleep_ms() > 0) co_await pause(request.sleep_ms());
        if (request.fail_code() != 0) fail(request);
        reply.set_text(request.text());
        reply.set_number(static_cast<std::int64_t>(request.payload().size()));
        reply.set_payload(std::string(request.reply_size(), 'r'));
        co_return reply;
    }
    weft::Task<void> ServerStream(weft::grpc::ServerContext&, PeerRequest request,
                                  weft::grpc::ServerWriter<PeerReply>& responses) override {
        PeerReply reply;
        reply.set_text(request.text());
        for (int i = 0; i < request.count(); ++i) {
            if (request.sleep_ms() > 0) co_await pause(request.sleep_ms());
            reply.set_number(i);
            // The cancellation may find the handler here as well as in its pause.
            try {
                co_await responses.write(reply);
            } catch (const weft::Cancelled&) {
                ++cancelled_;
                throw;
            }
        }
        if (request.fail_code() != 0) fail(request);
    }
    weft::Task<PeerReply> ClientStream(weft::grpc::ServerContext&,
                                       weft::grpc::ServerReader<PeerRequest>& requests) override {
        PeerReply reply;
        for (;;) {
            auto request = co_await requests.read();
            if (!request) break;
            reply.set_number(reply.number() + request->count());
            reply.set_text(reply.text() + request->text());
        }
        co_return reply;
    }
    weft::Task<void> Bidi(weft::grpc::ServerContext&,
                          weft::grpc::ServerReaderWriter<PeerRequest, PeerReply>& stream) override {
        for (;;) {
            auto request = co_await stream.read();
            if (!request) break;
            if (request->fail_code() != 0) fail(*request);
            PeerReply reply;
            reply.set_text(request->text());
            reply.set_number(request->count());
            co_await stream.write(reply);
        }
    }

    // Of the statuses with which calls fail.
    std::string details = status_details;
    // Told of texts that begin with a line "report".
    std::function<void(std::string)> on_report;

private:
    weft::Task<void> pause(int ms) {
        try {
            co_await weft::sleep(std::chrono::milliseconds(ms));
        } catch (const weft::Cancelled&) {
            ++cancelled_;
            throw;
        }
    }
    [[noreturn]] void fail(const PeerRequest& request) {
        throw weft::grpc::RpcError(static_cast<weft::grpc::StatusCode>(request.fail_code()), request.text(),
                                   details);
    }
    int cancelled_ = 0;
};

}  // namespace interop
