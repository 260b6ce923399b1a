// The client's transport straight into a ServiceCore of the same loop: everything but gRPC is real.
#pragma once

#include "client_state.hpp"
#include "service_core.hpp"
#include "transport.hpp"

#include <weft/core/sleep.hpp>

#include <memory>
#include <utility>

namespace weft::p4switch_test {

using p4switch::RequestStatus;
using p4switch::ServiceCore;

inline void throw_unless_ok(const RequestStatus& status) {
    if (!status.ok())
        throw p4runtime::RpcFailure(static_cast<p4runtime::Code>(status.code), status.message,
                                    status.details);
}

class DirectRead final : public p4runtime::ReadCall {
public:
    DirectRead(std::shared_ptr<ServiceCore> core, p4::v1::ReadRequest request)
        : core_(std::move(core)), request_(std::move(request)) {}

    Task<std::optional<p4::v1::ReadResponse>> read() override {
        if (!started_) {
            started_ = true;
            co_await yield();
            throw_unless_ok(core_->read(request_, [this](auto&& answer) { answers_.push_back(answer); }));
        }
        if (next_ == answers_.size()) co_return std::nullopt;
        co_return std::optional<p4::v1::ReadResponse>(answers_[next_++]);
    }

private:
    std::shared_ptr<ServiceCore> core_;
    p4::v1::ReadRequest request_;
    std::vector<p4::v1::ReadResponse> answers_;
    std::size_t next_ = 0;
    bool started_ = false;
};

class DirectStream final : public p4runtime::StreamCall {
public:
    explicit DirectStream(std::shared_ptr<ServiceCore> core)
        : core_(std::move(core)),
          outbox_(std::make_shared<ServiceCore::Outbox>(core_->options().stream_queue)),
          id_(core_->open_stream(outbox_)) {}
    ~DirectStream() override { core_->close_stream(id_); }

    Task<void> write(p4::v1::StreamMessageRequest message) override {
        co_await yield();
        if (outbox_->closed()) throw p4runtime::RpcFailure(p4runtime::Code::unavailable, "closed", "");
        auto refused = core_->receive(id_, message);
        if (!refused) co_return;
        end_ = std::move(*refused);
        core_->close_stream(id_);
    }
    Task<std::optional<p4::v1::StreamMessageResponse>> read() override {
        std::shared_ptr<ServiceCore::Outbox> outbox = outbox_;
        std::optional<p4::v1::StreamMessageResponse> message = co_await outbox->next();
        if (!message) throw_unless_ok(end_);
        co_return message;
    }
    Task<void> close() override {
        core_->close_stream(id_);
        co_return;
    }

private:
    std::shared_ptr<ServiceCore> core_;
    std::shared_ptr<ServiceCore::Outbox> outbox_;
    std::uint64_t id_;
    RequestStatus end_;
};

class DirectTransport final : public p4runtime::Transport {
public:
    explicit DirectTransport(std::shared_ptr<ServiceCore> core) : core_(std::move(core)) {}

    Task<void> connect(Duration) override { co_await yield(); }
    Task<void> close() override { co_await yield(); }
    Task<p4::v1::WriteResponse> write(p4::v1::WriteRequest request, Duration) override {
        co_await yield();
        throw_unless_ok(core_->write(request));
        co_return p4::v1::WriteResponse();
    }
    Task<p4::v1::SetForwardingPipelineConfigResponse> set_pipeline(
        p4::v1::SetForwardingPipelineConfigRequest request, Duration) override {
        co_await yield();
        throw_unless_ok(core_->set_pipeline(request));
        co_return p4::v1::SetForwardingPipelineConfigResponse();
    }
    Task<p4::v1::GetForwardingPipelineConfigResponse> get_pipeline(
        p4::v1::GetForwardingPipelineConfigRequest request, Duration) override {
        co_await yield();
        p4::v1::GetForwardingPipelineConfigResponse answer;
        throw_unless_ok(core_->get_pipeline(request, answer));
        co_return answer;
    }
    Task<p4::v1::CapabilitiesResponse> capabilities(p4::v1::CapabilitiesRequest request, Duration) override {
        co_await yield();
        p4::v1::CapabilitiesResponse answer;
        throw_unless_ok(core_->capabilities(request, answer));
        co_return answer;
    }
    std::unique_ptr<p4runtime::ReadCall> read(p4::v1::ReadRequest request, Duration) override {
        return std::make_unique<DirectRead>(core_, std::move(request));
    }
    std::unique_ptr<p4runtime::StreamCall> open_stream() override {
        return std::make_unique<DirectStream>(core_);
    }

private:
    std::shared_ptr<ServiceCore> core_;
};

}  // namespace weft::p4switch_test
