#include "socket_state.hpp"

#include <weft/core/error.hpp>
#include <weft/netlink/error.hpp>
#include <weft/netlink/socket.hpp>

#include <cerrno>
#include <utility>

#include <linux/netlink.h>
#include <sys/socket.h>

namespace weft::netlink {

std::shared_ptr<SocketState> open_socket(Protocol protocol, const Namespace& where, SocketOptions options) {
    const int number = static_cast<int>(protocol);
    const std::string tried = "open a netlink socket of protocol " + std::to_string(number);
    UniqueFd fd;
    int error_number = 0;
    in_namespace(where, [&] {
        fd.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, number));
        error_number = errno;
    });
    if (!fd) throw_errno(error_number, tried);

    const auto bytes = static_cast<int>(options.receive_buffer);
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    // Each is a courtesy of newer kernels; without them errors are errno values alone.
    const int on = 1;
    for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK})
        (void)::setsockopt(fd.get(), SOL_NETLINK, option, &on, sizeof on);

    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;  // port 0: the kernel chooses a free one
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw_errno(tried);
    return std::make_shared<SocketState>(std::move(fd), where, options);
}

Task<Answer> transact(std::shared_ptr<SocketState> state, MessageBuilder request, Expect expect,
                      AnswerSink* sink) {
    request.add_flags(NLM_F_REQUEST);
    if (expect == Expect::ack) request.add_flags(NLM_F_ACK);
    if (expect == Expect::dump) request.add_flags(NLM_F_DUMP);
    // The buffer doubles with each message that does not fit, from 64 KiB to 16 MiB.
    unsigned growths = 8;
    for (unsigned retries = state->options().dump_retries;;) {
        SocketState::Exchange exchange(*state, request, expect, sink);
        Answer answer = co_await exchange;
        if (answer.closed) throw ClosedError("the netlink socket was closed");
        if (answer.failure) std::rethrow_exception(answer.failure);
        const bool lost = answer.truncated && expect != Expect::ack;
        if (answer.verdict.code == 0 && ((lost && growths > 0) || (answer.interrupted && retries > 0))) {
            lost ? --growths : --retries;
            if (sink) sink->restart();
            continue;
        }
        if (answer.verdict.offset)
            answer.attribute_path =
                attribute_path(request.bytes(), request.fixed_size(), *answer.verdict.offset);
        co_return answer;
    }
}

void throw_failed(const Answer& answer, const std::string& tried) {
    if (answer.verdict.code == 0 && answer.interrupted)
        throw DumpInterruptedError(tried + ": the list changed during each try to read it");
    Error::Details details;
    details.kernel_text = answer.verdict.text;
    details.offset = answer.verdict.offset;
    details.attribute_path = answer.attribute_path;
    details.missing = answer.verdict.missing;
    throw Error(answer.verdict.code ? answer.verdict.code : EMSGSIZE, tried, std::move(details));
}

namespace {

class Messages final : public AnswerSink {
public:
    void on_message(const MessageView& message) override { items.emplace_back(message); }
    void restart() override { items.clear(); }
    std::vector<Message> items;
};

Task<std::vector<Message>> request_messages(std::shared_ptr<SocketState> state, MessageBuilder message,
                                            std::string tried) {
    const std::uint16_t flags = message.flags();
    Expect expect = Expect::reply;
    if ((flags & NLM_F_DUMP) == NLM_F_DUMP) {
        expect = Expect::dump;
    } else if (flags & NLM_F_ACK) {
        expect = Expect::ack;
    }
    Messages sink;
    const Answer answer = co_await transact(std::move(state), std::move(message), expect, &sink);
    require_success(answer, [&] { return tried; });
    co_return std::move(sink.items);
}

}  // namespace

Task<std::optional<Event>> wait_event(std::shared_ptr<SocketState> state) {
    if (!state->closed()) state->attach();
    std::optional<Event> event = state->events().try_get();
    if (event) co_return event;
    if (state->take_overflow()) co_return Event();
    event = co_await state->events().next();
    co_return event;
}

Socket Socket::open(Protocol protocol, SocketOptions options) {
    return open(protocol, Namespace::current(), options);
}

Socket Socket::open(Protocol protocol, const Namespace& where, SocketOptions options) {
    return Socket(open_socket(protocol, where, options));
}

Socket::Socket(std::shared_ptr<SocketState> state) noexcept : state_(std::move(state)) {}
Socket::Socket(Socket&&) noexcept = default;

Socket& Socket::operator=(Socket&& other) noexcept {
    if (this != &other) {
        close();
        state_ = std::move(other.state_);
    }
    return *this;
}

Socket::~Socket() { close(); }

Task<std::vector<Message>> Socket::request(MessageBuilder message, std::string tried) const {
    return request_messages(state_, std::move(message), std::move(tried));
}

void Socket::join(std::uint32_t group) const { state_->join(group); }

Task<std::optional<Event>> Socket::next_event() const { return wait_event(state_); }

void Socket::close() noexcept {
    if (state_) state_->close();
}

const Namespace& Socket::network_namespace() const noexcept { return state_->network_namespace(); }

}  // namespace weft::netlink
