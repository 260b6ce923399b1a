#include "packet_queue.hpp"

#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/unique_fd.hpp>
#include <weft/p4switch/packet_port.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace weft::p4switch {

namespace {

constexpr std::size_t batch = 64;
// Room for a jumbo frame, a VLAN tag in front of the packet's type, and what a careless peer may send.
constexpr std::size_t frame_capacity = 9216 + 64;
constexpr std::size_t tag_size = 4;
constexpr std::size_t addresses_size = 2 * ETH_ALEN;
constexpr std::size_t max_queued = 4096;
constexpr int socket_buffer = 4 << 20;

void set_option(int fd, int level, int option, int value, const std::string& what) {
    if (::setsockopt(fd, level, option, &value, sizeof value) != 0) throw_errno(what);
}

}  // namespace

class PacketPort::Socket final : private FdHandler, private TurnEnd {
public:
    Socket(const std::string& interface, PacketReceiver& receiver, std::uint32_t port)
        : loop_(Loop::current()),
          receiver_(receiver),
          port_(port),
          queue_(max_queued),
          frames_(batch * frame_capacity) {
        const std::string what = "open a packet socket on interface " + interface;
        const unsigned index = ::if_nametoindex(interface.c_str());
        if (index == 0) throw_errno(what);
        // Protocol 0: nothing arrives before the socket is bound to its one interface.
        fd_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!fd_) throw_errno(what);
        // What the interface's own kernel side sends (IPv6 discovery, say) is no packet for the switch.
        set_option(fd_.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, what);
        set_option(fd_.get(), SOL_PACKET, PACKET_AUXDATA, 1, what);
        for (const auto& [force, plain] :
             {std::pair(SO_RCVBUFFORCE, SO_RCVBUF), std::pair(SO_SNDBUFFORCE, SO_SNDBUF)}) {
            // Beyond rmem_max only with CAP_NET_ADMIN in the first user namespace; the plain option takes
            // what it gets.
            if (::setsockopt(fd_.get(), SOL_SOCKET, force, &socket_buffer, sizeof socket_buffer) != 0)
                set_option(fd_.get(), SOL_SOCKET, plain, socket_buffer, what);
        }
        packet_mreq membership{};
        membership.mr_ifindex = static_cast<int>(index);
        membership.mr_type = PACKET_MR_PROMISC;
        if (::setsockopt(fd_.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership) != 0)
            throw_errno(what);
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(ETH_P_ALL);
        address.sll_ifindex = static_cast<int>(index);
        if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            throw_errno(what);
        for (std::size_t i = 0; i < batch; ++i) {
            // The frame starts behind room for a tag that may have to be put back.
            rx_vectors_[i] = {frames_.data() + i * frame_capacity + tag_size, frame_capacity - tag_size};
        }
        loop_.add_fd(fd_.get(), *this);
    }

    ~Socket() { loop_.remove_fd(fd_.get(), *this); }

    void transmit(std::span<const std::byte> packet) noexcept {
        if (!queue_.push(packet)) {
            ++statistics.tx_dropped;
            return;
        }
        loop_.at_turn_end(*this);
    }

    PortStatistics statistics;

private:
    void on_events(std::uint32_t events) noexcept override {
        if (events & (EPOLLIN | EPOLLERR)) receive();
    }

    void on_turn_end() noexcept override {
        if (!queue_.empty()) flush();
        if (more_to_read_) receive();
    }

    // One batch; a port with more waits for the next turn, so that no port starves the others.
    void receive() noexcept {
        for (std::size_t i = 0; i < batch; ++i) {
            msghdr& header = rx_headers_[i].msg_hdr;
            header = {};
            header.msg_iov = &rx_vectors_[i];
            header.msg_iovlen = 1;
            header.msg_control = rx_controls_[i].data();
            header.msg_controllen = rx_controls_[i].size();
        }
        const int count = ::recvmmsg(fd_.get(), rx_headers_.data(), batch, MSG_DONTWAIT, nullptr);
        // ENETDOWN is reported once when the interface goes down; packets come again when it is up.
        more_to_read_ = count == static_cast<int>(batch) || (count < 0 && errno != EAGAIN);
        if (more_to_read_) loop_.at_turn_end(*this);
        for (int i = 0; i < count; ++i) {
            msghdr& header = rx_headers_[static_cast<std::size_t>(i)].msg_hdr;
            if (header.msg_flags & MSG_TRUNC) continue;
            auto* begin = static_cast<std::byte*>(header.msg_iov->iov_base);
            std::size_t size = rx_headers_[static_cast<std::size_t>(i)].msg_len;
            restore_tag(header, begin, size);
            ++statistics.rx_packets;
            statistics.rx_bytes += size;
            receiver_.receive(port_, {begin, size});
        }
    }

    // The kernel hands the outer VLAN tag beside the frame (packet(7), PACKET_AUXDATA).
    static void restore_tag(msghdr& header, std::byte*& begin, std::size_t& size) noexcept {
        for (cmsghdr* control = CMSG_FIRSTHDR(&header); control; control = CMSG_NXTHDR(&header, control)) {
            if (control->cmsg_level != SOL_PACKET || control->cmsg_type != PACKET_AUXDATA) continue;
            tpacket_auxdata data;
            std::memcpy(&data, CMSG_DATA(control), sizeof data);
            if (!(data.tp_status & TP_STATUS_VLAN_VALID) || size < addresses_size) return;
            const std::uint16_t protocol =
                data.tp_status & TP_STATUS_VLAN_TPID_VALID ? data.tp_vlan_tpid : std::uint16_t{ETH_P_8021Q};
            const std::uint16_t tag[2] = {htons(protocol), htons(data.tp_vlan_tci)};
            std::memmove(begin - tag_size, begin, addresses_size);
            begin -= tag_size;
            size += tag_size;
            std::memcpy(begin + addresses_size, tag, tag_size);
            return;
        }
    }

    void flush() noexcept {
        for (std::size_t next = 0; next < queue_.size();) {
            const std::size_t count = std::min(batch, queue_.size() - next);
            for (std::size_t i = 0; i < count; ++i) {
                const auto packet = queue_[next + i];
                tx_vectors_[i] = {const_cast<std::byte*>(packet.data()), packet.size()};
                tx_headers_[i] = {};
                tx_headers_[i].msg_hdr.msg_iov = &tx_vectors_[i];
                tx_headers_[i].msg_hdr.msg_iovlen = 1;
            }
            const int sent =
                ::sendmmsg(fd_.get(), tx_headers_.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
            if (sent <= 0) {
                // The first of the batch cannot go (interface down, too long, no buffer): a switch drops it.
                ++statistics.tx_dropped;
                ++next;
                continue;
            }
            for (std::size_t i = 0; i < static_cast<std::size_t>(sent); ++i)
                statistics.tx_bytes += tx_vectors_[i].iov_len;
            statistics.tx_packets += static_cast<std::uint64_t>(sent);
            next += static_cast<std::size_t>(sent);
        }
        queue_.clear();
    }

    Loop& loop_;
    PacketReceiver& receiver_;
    std::uint32_t port_;
    UniqueFd fd_;
    bool more_to_read_ = false;
    PacketQueue queue_;
    std::vector<std::byte> frames_;
    std::array<iovec, batch> rx_vectors_;
    std::array<mmsghdr, batch> rx_headers_;
    struct alignas(cmsghdr) Control : std::array<char, CMSG_SPACE(sizeof(tpacket_auxdata))> {};
    std::array<Control, batch> rx_controls_;
    std::array<iovec, batch> tx_vectors_;
    std::array<mmsghdr, batch> tx_headers_;
};

PacketPort::PacketPort(const std::string& interface, PacketReceiver& receiver, std::uint32_t port)
    : socket_(std::make_unique<Socket>(interface, receiver, port)) {}

PacketPort::~PacketPort() = default;

void PacketPort::transmit(std::span<const std::byte> packet) noexcept { socket_->transmit(packet); }

PortStatistics PacketPort::statistics() const noexcept { return socket_->statistics; }

}  // namespace weft::p4switch
