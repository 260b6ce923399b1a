#include "pinger_state.hpp"

#include <weft/core/error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

namespace weft::probe {

namespace {

using std::chrono::nanoseconds;

// Small, so that the last probe of a batch is not long after the time stamp that it shares.
constexpr std::size_t probes_per_batch = 16;
constexpr std::size_t replies_per_read = 32;
// Enough for the largest IPv4 header, the ICMP header and the tag; the rest of a reply is not looked at.
constexpr std::size_t reply_size = 128;
// Reads before other tasks get their turn.
constexpr int reads_per_turn = 16;
constexpr std::size_t control_size = 256;

struct Control {
    alignas(cmsghdr) unsigned char bytes[control_size];
};

nanoseconds wall_clock() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

socklen_t fill_address(sockaddr_storage& storage, const IpAddress& target,
                       const PingOptions& options) noexcept {
    storage = {};
    const auto bytes = target.bytes();
    if (target.is_v4()) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        std::memcpy(&address.sin_addr, bytes.data(), bytes.size());
        std::memcpy(&storage, &address, sizeof address);
        return sizeof address;
    }
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    std::memcpy(&address.sin6_addr, bytes.data(), bytes.size());
    if (options.interface) address.sin6_scope_id = options.interface->value();
    std::memcpy(&storage, &address, sizeof address);
    return sizeof address;
}

std::optional<IpAddress> read_address(const void* memory, std::size_t size) noexcept {
    sockaddr_storage storage{};
    std::memcpy(&storage, memory, std::min(size, sizeof storage));
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&storage);
    if (storage.ss_family == AF_INET && size >= sizeof(sockaddr_in))
        return IpAddress::from_bytes(Bytes(bytes + offsetof(sockaddr_in, sin_addr), 4));
    if (storage.ss_family == AF_INET6 && size >= sizeof(sockaddr_in6))
        return IpAddress::from_bytes(Bytes(bytes + offsetof(sockaddr_in6, sin6_addr), 16));
    return std::nullopt;
}

template <class T>
T read_control(const cmsghdr& control) noexcept {
    T value{};
    std::memcpy(&value, CMSG_DATA(&control), sizeof value);
    return value;
}

// Adds the hop limit to a message; returns the length of the control data.
std::size_t put_hop_limit(msghdr& header, Control& control, IpFamily family, int hops) noexcept {
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(sizeof hops);
    cmsghdr* item = CMSG_FIRSTHDR(&header);
    item->cmsg_level = family == IpFamily::v4 ? IPPROTO_IP : IPPROTO_IPV6;
    item->cmsg_type = family == IpFamily::v4 ? IP_TTL : IPV6_HOPLIMIT;
    item->cmsg_len = CMSG_LEN(sizeof hops);
    std::memcpy(CMSG_DATA(item), &hops, sizeof hops);
    return header.msg_controllen;
}

template <class T>
void set_option(int fd, int level, int option, const T& value) {
    if (::setsockopt(fd, level, option, &value, sizeof value) != 0)
        throw_errno("set option " + std::to_string(option) + " of an ICMP socket");
}

}  // namespace

// ---- a probe

void Probe::finish(PingResult result) noexcept {
    channel_.forget(*this);
    result_ = std::move(result);
    wake();
}

void Probe::fire() noexcept {
    PingTimeout timeout;
    timeout.waited = std::chrono::duration_cast<std::chrono::milliseconds>(options_.timeout);
    finish(timeout);
}

// ---- the socket

PingChannel::PingChannel(IpFamily family) : family_(family), receive_buffer_(replies_per_read * reply_size) {
    const bool v4 = family == IpFamily::v4;
    const int domain = v4 ? AF_INET : AF_INET6;
    const int protocol = v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
    constexpr int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    fd_.reset(::socket(domain, SOCK_DGRAM | flags, protocol));
    if (!fd_) {
        raw_ = true;
        fd_.reset(::socket(domain, SOCK_RAW | flags, protocol));
    }
    if (!fd_) {
        error_number_ = errno;
        return;
    }
    if (::getrandom(&secret_, sizeof secret_, 0) != sizeof secret_) throw_errno("get random bytes");
    id_ = static_cast<std::uint16_t>(secret_ >> 48);

    const int on = 1;
    const int receive_buffer = 8 << 20;
    if (::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer) != 0)
        (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    set_option(fd_.get(), SOL_SOCKET, SO_TIMESTAMPNS, on);
    set_option(fd_.get(), v4 ? int{IPPROTO_IP} : int{IPPROTO_IPV6}, v4 ? IP_RECVERR : IPV6_RECVERR, on);
    set_option(fd_.get(), v4 ? int{IPPROTO_IP} : int{IPPROTO_IPV6}, v4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT, on);
    if (raw_) filter();
}

// A raw socket gets a copy of every ICMP message of the host: only echo replies with our id may queue up.
// Errors come by the error queue, for what we sent only.
void PingChannel::filter() {
    const bool v4 = family_ == IpFamily::v4;
    sock_filter v4_code[] = {
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),  // X = length of the IPv4 header
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 4),  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, id_, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffff),      BPF_STMT(BPF_RET | BPF_K, 0),
    };
    sock_filter v6_code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, id_, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffff),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    sock_fprog program{};
    program.len = static_cast<unsigned short>(v4 ? std::size(v4_code) : std::size(v6_code));
    program.filter = v4 ? v4_code : v6_code;
    set_option(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, program);
    if (v4) {
        icmp_filter wanted{};
        wanted.data = ~(1u << ICMP_ECHOREPLY);
        set_option(fd_.get(), SOL_RAW, ICMP_FILTER, wanted);
    } else {
        icmp6_filter wanted{};
        std::memset(&wanted, 0xff, sizeof wanted);
        wanted.data[ICMPV6_ECHO_REPLY >> 5] &= ~(1u << (ICMPV6_ECHO_REPLY & 31));
        set_option(fd_.get(), IPPROTO_ICMPV6, ICMPV6_FILTER, wanted);
    }
}

void PingChannel::attach() {
    Loop& current = Loop::current();
    if (loop_ == &current) return;
    if (loop_) throw UsageError("a pinger is used on a second loop; open one for each");
    current.add_fd(fd_.get(), *this);
    loop_ = &current;
}

void PingChannel::close() noexcept {
    if (!fd_) return;
    const auto end = [](Probe& probe) {
        probe.phase_ = Probe::Phase::idle;
        probe.disarm();
        probe.closed_ = true;
        probe.wake();
    };
    while (!outbox_.empty()) end(outbox_.pop_front());
    for (auto& [sequence, probe] : pending_) end(*probe);
    pending_.clear();
    retry_.disarm();
    TurnEnd::unlink();
    if (loop_) loop_->remove_fd(fd_.get(), *this);
    fd_.reset();
}

void PingChannel::enqueue(Probe& probe) noexcept {
    probe.phase_ = Probe::Phase::queued;
    outbox_.push_back(probe);
    loop_->arm_after(probe, probe.options_.timeout);
    loop_->at_turn_end(*this);
}

void PingChannel::forget(Probe& probe) noexcept {
    probe.disarm();
    const auto phase = std::exchange(probe.phase_, Probe::Phase::idle);
    if (phase == Probe::Phase::queued) probe.ListHook<>::unlink();
    if (phase == Probe::Phase::pending) pending_.erase(probe.sequence_);
}

void PingChannel::on_events(std::uint32_t events) noexcept {
    if (events & ~static_cast<std::uint32_t>(EPOLLOUT)) readable_ = true;
    if (events & EPOLLOUT) blocked_ = false;
    if (readable_ || !outbox_.empty()) loop_->at_turn_end(*this);
}

void PingChannel::on_turn_end() noexcept {
    if (!fd_) return;
    try {
        if (readable_) receive();
        if (!outbox_.empty() && !blocked_ && !retry_.armed()) {
            flush();
            // What answers on this host has answered while we sent.
            receive();
        }
    } catch (...) {
        // Only memory can fail here; probes that are left end by their time limit.
    }
    if (readable_ || (!outbox_.empty() && !blocked_ && !retry_.armed())) loop_->at_turn_end(*this);
}

// ---- sending

void PingChannel::refuse(Probe& probe, int error_number) noexcept {
    PingUnreachable unreachable;
    unreachable.error_number = error_number;
    probe.finish(std::move(unreachable));
}

void PingChannel::flush() {
    for (int batches = 4; batches > 0 && !outbox_.empty(); --batches) {
        mmsghdr messages[probes_per_batch] = {};
        iovec parts[probes_per_batch];
        sockaddr_storage addresses[probes_per_batch];
        Control controls[probes_per_batch];
        Probe* probes[probes_per_batch];
        std::size_t offsets[probes_per_batch];

        send_buffer_.clear();
        std::size_t count = 0;
        outbox_.for_each([&](Probe& probe) {
            if (count == probes_per_batch) return;
            do {
                ++last_sequence_;
            } while (pending_.contains(last_sequence_));
            probe.sequence_ = last_sequence_;
            probe.tag_.secret = secret_;
            probe.tag_.number = ++last_number_;
            offsets[count] = send_buffer_.size();
            append_echo_request(send_buffer_, family_, id_, probe.sequence_, probe.tag_,
                                probe.options_.payload);
            probes[count++] = &probe;
        });
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t end = i + 1 < count ? offsets[i + 1] : send_buffer_.size();
            parts[i].iov_base = send_buffer_.data() + offsets[i];
            parts[i].iov_len = end - offsets[i];
            msghdr& header = messages[i].msg_hdr;
            header.msg_name = &addresses[i];
            header.msg_namelen = fill_address(addresses[i], probes[i]->target_, probes[i]->options_);
            header.msg_iov = &parts[i];
            header.msg_iovlen = 1;
            if (probes[i]->options_.hop_limit)
                put_hop_limit(header, controls[i], family_, *probes[i]->options_.hop_limit);
        }
        const nanoseconds wall = wall_clock();
        const TimePoint steady = Clock::now();
        const int sent = ::sendmmsg(fd_.get(), messages, static_cast<unsigned>(count), MSG_DONTWAIT);
        const int error_number = sent < 0 ? errno : 0;
        for (int i = 0; i < sent; ++i) {
            Probe& probe = *probes[i];
            probe.ListHook<>::unlink();
            probe.phase_ = Probe::Phase::pending;
            probe.sent_wall_ = wall;
            probe.sent_steady_ = steady;
            pending_.emplace(probe.sequence_, &probe);
        }
        if (sent >= 0 || error_number == EINTR) continue;
        if (error_number == EAGAIN) {
            blocked_ = true;
            return;
        }
        if (error_number == ENOBUFS || error_number == ENOMEM) {
            loop_->arm_after(retry_, std::chrono::milliseconds(1));
            return;
        }
        // The first entry failed; or the socket passes on an error about an earlier probe. That one is taken
        // from the error queue, and this one tried once more.
        Probe& probe = *probes[0];
        receive_errors();
        if (probe.phase_ != Probe::Phase::queued) continue;
        if (std::exchange(probe.retried_, true)) refuse(probe, error_number);
    }
}

// ---- receiving

void PingChannel::receive() {
    readable_ = false;
    receive_errors();
    for (int reads = reads_per_turn; reads > 0; --reads) {
        mmsghdr messages[replies_per_read] = {};
        iovec parts[replies_per_read];
        sockaddr_storage addresses[replies_per_read];
        Control controls[replies_per_read];
        for (std::size_t i = 0; i < replies_per_read; ++i) {
            parts[i].iov_base = receive_buffer_.data() + i * reply_size;
            parts[i].iov_len = reply_size;
            msghdr& header = messages[i].msg_hdr;
            header.msg_name = &addresses[i];
            header.msg_namelen = sizeof addresses[i];
            header.msg_iov = &parts[i];
            header.msg_iovlen = 1;
            header.msg_control = controls[i].bytes;
            header.msg_controllen = sizeof controls[i].bytes;
        }
        const int count = ::recvmmsg(fd_.get(), messages, replies_per_read, MSG_DONTWAIT, nullptr);
        if (count < 0) {
            if (errno == EAGAIN) return;
            // A pending error of the socket; reading it took it away. Its probe is told by the error queue.
            receive_errors();
            continue;
        }
        for (int i = 0; i < count; ++i) take_reply(messages[i].msg_hdr, messages[i].msg_len);
    }
    readable_ = true;  // perhaps more: go on in the next turn
}

void PingChannel::take_reply(msghdr& header, std::size_t size) {
    Bytes message(static_cast<const std::uint8_t*>(header.msg_iov->iov_base), size);
    if (raw_ && family_ == IpFamily::v4) {
        const auto inner = icmp_of_ipv4(message);
        if (!inner) return;
        message = *inner;
    }
    const auto echo = parse_echo_reply(family_, message);
    if (!echo || !echo->tag) return;
    const auto found = pending_.find(echo->sequence);
    if (found == pending_.end() || found->second->tag_ != *echo->tag) return;
    Probe& probe = *found->second;

    PingReply reply;
    const nanoseconds elapsed = Clock::now() - probe.sent_steady_;
    reply.rtt = elapsed;
    if (const auto from = read_address(header.msg_name, header.msg_namelen)) reply.from = *from;
    for (cmsghdr* item = CMSG_FIRSTHDR(&header); item; item = CMSG_NXTHDR(&header, item)) {
        if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_TIMESTAMPNS) {
            const auto stamp = read_control<timespec>(*item);
            const nanoseconds arrived = std::chrono::seconds(stamp.tv_sec) + nanoseconds(stamp.tv_nsec);
            const nanoseconds rtt = arrived - probe.sent_wall_;
            // The wall clock may be set while we wait; the steady one is an upper bound.
            if (rtt > nanoseconds::zero() && rtt <= elapsed) reply.rtt = rtt;
        }
        const bool ttl = item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_TTL;
        const bool hops = item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_HOPLIMIT;
        if (ttl || hops) reply.ttl = static_cast<std::uint8_t>(read_control<int>(*item));
    }
    probe.finish(std::move(reply));
}

void PingChannel::receive_errors() {
    for (int reads = 1024; reads > 0; --reads) {
        std::uint8_t bytes[reply_size];
        sockaddr_storage address{};
        Control control;
        iovec part{bytes, sizeof bytes};
        msghdr header{};
        header.msg_name = &address;
        header.msg_namelen = sizeof address;
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof control.bytes;
        const ssize_t size = ::recvmsg(fd_.get(), &header, MSG_ERRQUEUE | MSG_DONTWAIT);
        if (size < 0) {
            if (errno == EINTR) continue;
            return;
        }
        take_error(header, std::min(static_cast<std::size_t>(size), sizeof bytes));
    }
    readable_ = true;
}

void PingChannel::take_error(msghdr& header, std::size_t size) {
    const Bytes quoted(static_cast<const std::uint8_t*>(header.msg_iov->iov_base), size);
    const auto echo = parse_echo_request(family_, quoted);
    if (!echo || (raw_ && echo->id != id_)) return;
    const auto found = pending_.find(echo->sequence);
    if (found == pending_.end()) return;
    Probe& probe = *found->second;
    // Routers may quote 8 bytes only, without the tag; then the target has to be the one.
    if (echo->tag) {
        if (*echo->tag != probe.tag_) return;
    } else if (read_address(header.msg_name, header.msg_namelen) != probe.target_) {
        return;
    }
    for (cmsghdr* item = CMSG_FIRSTHDR(&header); item; item = CMSG_NXTHDR(&header, item)) {
        const bool v4 = item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_RECVERR;
        const bool v6 = item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_RECVERR;
        if ((!v4 && !v6) || item->cmsg_len < CMSG_LEN(sizeof(sock_extended_err))) continue;
        const auto error = read_control<sock_extended_err>(*item);
        PingUnreachable unreachable;
        unreachable.error_number = static_cast<int>(error.ee_errno);
        if (error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6) {
            unreachable.icmp_type = error.ee_type;
            unreachable.icmp_code = error.ee_code;
            unreachable.time_exceeded = is_time_exceeded(family_, error.ee_type);
            // SO_EE_OFFENDER: the sender's address follows the structure.
            const unsigned char* offender = CMSG_DATA(item) + sizeof error;
            const std::size_t left = item->cmsg_len - CMSG_LEN(sizeof error);
            unreachable.reporter = read_address(offender, left);
        }
        probe.finish(std::move(unreachable));
        return;
    }
}

// ---- both

PingerState::PingerState(const netlink::Namespace& where) {
    netlink::in_namespace(where, [&] {
        channels_[0] = std::make_unique<PingChannel>(IpFamily::v4);
        channels_[1] = std::make_unique<PingChannel>(IpFamily::v6);
    });
    if (channels_[0]->is_open() || channels_[1]->is_open()) return;
    throw_errno(channels_[0]->error_number(),
                "open an ICMP socket; it needs CAP_NET_RAW, or a group in net.ipv4.ping_group_range");
}

void PingerState::close() noexcept {
    closed_ = true;
    for (const auto& channel : channels_) channel->close();
}

}  // namespace weft::probe
