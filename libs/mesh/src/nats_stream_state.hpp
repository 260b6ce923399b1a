// The adapter between a link and a NATS server: its tables, shared by what the server says (nats_stream.cpp)
// and who is there (nats_presence.cpp).
#pragma once

#include "adapter_stream.hpp"
#include "extension.hpp"
#include "nats_stream.hpp"

#include <weft/core/loop.hpp>
#include <weft/mesh/handshake.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace weft::mesh {

// What an announcement begins with, behind its kind: another for each connection.
inline constexpr std::size_t nats_instance_size = 16;
// Nodes say that they are there this often, and are taken for gone when they have not for so long.
inline constexpr Duration nats_announce_interval = std::chrono::seconds(2);
inline constexpr Duration nats_member_lifetime = std::chrono::seconds(7);
// Those who have not answered a cast after so long are looked for, once: a known one may have died without a
// word, and where others take the cast NATS does not say so.
inline constexpr Duration nats_cast_check = std::chrono::milliseconds(250);
// Who joins waits for the others' announcements: until nothing was heard for so long, and no longer than that
// in all. Only members that stand still or have died are waited for in vain.
inline constexpr Duration nats_gather_pause = std::chrono::milliseconds(300);
inline constexpr Duration nats_gather_limit = std::chrono::seconds(2);

class NatsStream final : public AdapterStream, private NatsParser::Handler, private Timer {
    // Looks after casts that are not answered yet.
    class CastCheck final : public Timer {
    public:
        explicit CastCheck(NatsStream& stream) noexcept : stream_(stream) {}
        void fire() noexcept override { stream_.check_casts(); }

    private:
        NatsStream& stream_;
    };

public:
    NatsStream(NatsConnection connection, NatsServer server, std::string prefix,
               std::shared_ptr<NatsServers> servers);
    ~NatsStream() override {
        disarm();
        cast_check_.disarm();
    }
    IoResult try_read(std::span<std::byte> buffer) override;
    void close() noexcept override;

private:
    // A call of ours that was published.
    struct Asked {
        std::string who;  // any_worker until one has taken it; every_worker
        std::string subject;
        TimePoint since;
        std::set<std::string, std::less<>> waiting;  // of a cast: those who have not answered
        bool cancelled = false;
        bool checked = false;  // of a cast: whether those are there at all
    };
    struct Known {
        Member member;
        std::string instance;
        TimePoint heard;
    };

    // What a PING of ours was for; the PONGs come in the same order.
    enum class PongFor : std::uint8_t { joining, introduction, link };

    void from_peer(std::span<const std::byte> bytes) override {
        parser_.feed(bytes, *this);
        flush();
    }
    void from_link(std::span<const std::byte> bytes) override;
    void say_goodbye() override { leave(); }
    [[nodiscard]] bool ended() const noexcept override { return refused_; }
    void fire() noexcept override;

    void on_info(std::string_view json) override;
    void on_message(const NatsMessage& message) override;
    void on_ping() override { out_.append(std::string_view("PONG\r\n")); }
    void on_pong() override;
    void on_error(std::string_view text) override;

    // What the link sends.
    void frame(const Frame& frame);
    void introduce(const Frame& frame);
    void cancel_untaken(const Frame& frame);
    void answer_failure(const Frame& request, const std::string& type, const std::string& text);
    // Of a cast: the part of `who`.
    void fail(std::uint16_t id, const std::string& who, const std::string& type, const std::string& text);
    // Nobody has it, or nobody may.
    void fail_all(std::uint16_t id, const std::string& type, const std::string& text);
    [[nodiscard]] bool answered(std::uint16_t id, std::string_view by);
    void expect_everyone(std::uint16_t id, std::string_view names);
    void check_casts() noexcept;
    // What others publish.
    void take_frame(std::span<const std::byte> raw);
    void take_shared(std::span<const std::byte> raw);
    void take_cast(std::span<const std::byte> raw);
    void take_over(const Frame& frame);
    void deliver(std::span<const std::byte> frame);
    [[nodiscard]] bool take_claim(const Frame& frame);
    void take_member(std::string_view text, bool joins);
    void take_leaver(std::string_view text);
    void no_responders(std::string_view subject);
    void forbidden(std::string_view text);

    void learn(const NatsInfo& info);
    void join();
    // The members are known, as far as they are there.
    void gathered();
    [[nodiscard]] bool gathered_all() const noexcept {
        return nobody_ || (expected_ != 0 && members_.size() >= expected_);
    }
    void subscribe_functions();
    void say(std::string_view to, FrameHeader header, ExtKind kind);
    void leave();
    void remove(const std::string& name);
    void fail_calls_to(const std::string& name);
    void tell(const Member& member, bool is_new);
    void event(std::string_view type, std::string_view member);
    void reply_handshake(const std::optional<std::string>& error);
    // `known`: see the number in nats_stream.hpp.
    [[nodiscard]] std::string announcement(char kind, std::string known = std::string()) const;
    void ping(PongFor what);
    [[nodiscard]] std::string node(std::string_view name) const {
        return prefix_ + ".node." + nats_token(name);
    }
    [[nodiscard]] std::string group(std::string_view function) const {
        return prefix_ + ".fn." + nats_token(function);
    }
    [[nodiscard]] std::string everyone(std::string_view function) const {
        return prefix_ + ".all." + nats_token(function);
    }
    [[nodiscard]] std::string events() const { return prefix_ + ".ev"; }
    [[nodiscard]] std::string errors() const { return prefix_ + ".err." + nats_token(self_.name) + "."; }
    void publish(std::string_view subject, std::string_view reply, std::string_view head,
                 std::span<const std::byte> data = {});

    NatsServer server_;
    std::shared_ptr<NatsServers> servers_;
    std::string prefix_;
    std::string seen_;  // of the server's, while it was connected to
    std::size_t max_frame_;
    std::string instance_;
    NatsParser parser_;
    Buffer in_;  // a frame of the link's, while it is cut
    std::size_t syn_left_ = syn.size();
    Member self_;
    std::uint16_t handshake_id_ = 0;
    std::map<std::string, Known, std::less<>> members_;
    std::map<std::uint16_t, Asked> in_flight_;
    std::map<std::string, std::uint64_t> functions_;  // subscriptions: function -> number
    std::uint64_t last_subscription_ = 3;
    Buffer early_;  // frames that came before the link had joined
    std::deque<PongFor> pings_;
    std::size_t expected_ = 0;  // members that others have said there are
    TimePoint news_{};          // of joining: when the last member was heard of
    TimePoint gathering_since_{};
    CastCheck cast_check_{*this};
    bool introduced_ = false;
    bool announced_ = false;  // the others have been told of us
    bool gathering_ = false;
    bool nobody_ = false;      // when we came
    bool name_taken_ = false;  // while we joined
    bool joined_ = false;
    bool refused_ = false;
};

}  // namespace weft::mesh
