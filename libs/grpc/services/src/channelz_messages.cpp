#include "channelz_messages.hpp"

#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/socket_address.hpp>

#include <chrono>

namespace weft::grpc::channelz {

namespace {

// The loop's clock never jumps; a time of day is what it says counted from now.
void put_time(google::protobuf::Timestamp& out, TimePoint when) {
    const auto at =
        std::chrono::system_clock::now() +
        std::chrono::duration_cast<std::chrono::system_clock::duration>(when - Loop::current().now());
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
    out.set_seconds(ns / 1'000'000'000);
    out.set_nanos(static_cast<std::int32_t>(ns % 1'000'000'000));
}

std::int64_t number(std::uint64_t value) noexcept { return static_cast<std::int64_t>(value); }

template <class Data>
void put_calls(Data& out, const CallCounts& calls) {
    out.set_calls_started(number(calls.started));
    out.set_calls_succeeded(number(calls.succeeded));
    out.set_calls_failed(number(calls.failed));
    if (calls.started != 0) put_time(*out.mutable_last_call_started_timestamp(), calls.last_started);
}

void put_state(v1::ChannelConnectivityState& out, ChannelConnectivity state) {
    using State = v1::ChannelConnectivityState;
    switch (state) {
        case ChannelConnectivity::idle:
            return out.set_state(State::IDLE);
        case ChannelConnectivity::connecting:
            return out.set_state(State::CONNECTING);
        case ChannelConnectivity::ready:
            return out.set_state(State::READY);
        case ChannelConnectivity::transient_failure:
            return out.set_state(State::TRANSIENT_FAILURE);
        case ChannelConnectivity::shutdown:
            return out.set_state(State::SHUTDOWN);
    }
}

std::string name_of(const SubchannelInfo& info, const std::string& target) {
    std::string name;
    for (const std::string& address : info.addresses) name += (name.empty() ? "" : ",") + address;
    return name.empty() ? target : name;
}

void put_trace(v1::ChannelTrace& out, const Trace& trace) {
    out.set_num_events_logged(number(trace.logged));
    put_time(*out.mutable_creation_timestamp(), trace.created);
    for (const TraceEvent& event : trace.events) {
        auto& one = *out.add_events();
        one.set_description(event.text);
        one.set_severity(event.failure ? v1::ChannelTraceEvent::CT_WARNING : v1::ChannelTraceEvent::CT_INFO);
        put_time(*one.mutable_timestamp(), event.at);
    }
}

// "ipv4:127.0.0.1:9559" and what else SocketAddress writes; "memory" and the like are no addresses.
void put_address(v1::Address& out, const std::string& text) {
    try {
        const bool prefixed = text.starts_with("ipv4:") || text.starts_with("ipv6:");
        const auto address = SocketAddress::parse(prefixed ? std::string_view(text).substr(5) : text);
        if (address.is_ip()) {
            const auto bytes = address.ip_bytes();
            auto& tcp = *out.mutable_tcpip_address();
            tcp.set_ip_address(bytes.data(), bytes.size());
            tcp.set_port(address.port());
            return;
        }
    } catch (const Error&) {
    }
    if (text.starts_with("unix")) {
        out.mutable_uds_address()->set_filename(text.substr(text.find(':') + 1));
    } else {
        out.mutable_other_address()->set_name(text);
    }
}

}  // namespace

void put_socket_ref(v1::SocketRef& out, std::uint64_t owner, const ConnectionInfo& info) {
    out.set_socket_id(id_within(owner, info.id));
    out.set_name(info.peer);
}

void put_channel(v1::Channel& out, std::uint64_t id, const ChannelInfo& info) {
    out.mutable_ref()->set_channel_id(number(id));
    out.mutable_ref()->set_name(info.target);
    auto& data = *out.mutable_data();
    put_state(*data.mutable_state(), info.state);
    data.set_target(info.target);
    put_trace(*data.mutable_trace(), info.trace);
    put_calls(data, info.calls);
    for (const SubchannelInfo& subchannel : info.subchannels) {
        auto& ref = *out.add_subchannel_ref();
        ref.set_subchannel_id(id_within(id, subchannel.id));
        ref.set_name(name_of(subchannel, info.target));
    }
}

void put_subchannel(v1::Subchannel& out, std::uint64_t channel, const SubchannelInfo& info) {
    out.mutable_ref()->set_subchannel_id(id_within(channel, info.id));
    out.mutable_ref()->set_name(name_of(info, ""));
    auto& data = *out.mutable_data();
    put_state(*data.mutable_state(), info.state);
    data.set_target(name_of(info, ""));
    put_trace(*data.mutable_trace(), info.trace);
    put_calls(data, info.streams);
    for (const ConnectionInfo& connection : info.connections)
        put_socket_ref(*out.add_socket_ref(), channel, connection);
}

void put_server(v1::Server& out, std::uint64_t id, const ServerInfo& info) {
    out.mutable_ref()->set_server_id(number(id));
    auto& data = *out.mutable_data();
    put_calls(data, info.calls);
    put_time(*data.mutable_trace()->mutable_creation_timestamp(), info.created);
    for (std::size_t i = 0; i < info.listening.size(); ++i) {
        auto& ref = *out.add_listen_socket();
        ref.set_socket_id(listener_id(id, i));
        ref.set_name(info.listening[i]);
    }
}

void put_socket(v1::Socket& out, std::uint64_t owner, const ConnectionInfo& info) {
    put_socket_ref(*out.mutable_ref(), owner, info);
    put_address(*out.mutable_remote(), info.peer);
    if (!info.cipher.empty()) out.mutable_security()->mutable_tls()->set_standard_name(info.cipher);
    auto& data = *out.mutable_data();
    data.set_streams_started(number(info.streams_started));
    data.set_streams_succeeded(number(info.streams_succeeded));
    data.set_streams_failed(number(info.streams_failed));
    data.set_messages_sent(number(info.messages_sent));
    data.set_messages_received(number(info.messages_received));
    data.set_keep_alives_sent(number(info.keepalives_sent));
    if (info.streams_started != 0)
        put_time(info.client ? *data.mutable_last_local_stream_created_timestamp()
                             : *data.mutable_last_remote_stream_created_timestamp(),
                 info.last_stream_started);
    data.mutable_local_flow_control_window()->set_value(info.local_window);
    data.mutable_remote_flow_control_window()->set_value(info.remote_window);
}

void put_listener(v1::Socket& out, std::uint64_t server, std::size_t index, const std::string& address) {
    out.mutable_ref()->set_socket_id(listener_id(server, index));
    out.mutable_ref()->set_name(address);
    put_address(*out.mutable_local(), address);
}

}  // namespace weft::grpc::channelz
