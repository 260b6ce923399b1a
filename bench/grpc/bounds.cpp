// What the benchmark is measured against: how fast the kernel and the frames alone are.
//     bounds tcp …        32 bytes there and back over TCP with epoll: cases unary and pingpong
//     bounds nghttp2 …    gRPC's frames and trailers on one nghttp2 session, epoll, and one write per turn;
//     no
//                         protobuf (the bytes are made once), no coroutines, no library around it
// Started as bench_case.hpp says.
#include "bench_case.hpp"
#include "raw_tcp.h"

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using bench::Clock;

void check(bool right) {
    if (!right) std::abort();
}

int not_blocking(int fd) {
    check(fd >= 0);
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

int accept_one() {
    int port = 0;
    const int listener = listen_on_loopback(1, &port);
    check(listener >= 0);
    std::printf("port %d\n", port);
    std::fflush(stdout);
    return not_blocking(::accept(listener, nullptr, nullptr));
}

int connect_to(int port) { return not_blocking(connect_on_loopback(port)); }

// A socket in an epoll set of its own.
class Socket {
public:
    explicit Socket(int fd) : fd_(fd), epoll_(::epoll_create1(0)) {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLET;
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_, &event);
    }
    void wait() const {
        epoll_event event{};
        ::epoll_wait(epoll_, &event, 1, -1);
    }
    // 0 when there is nothing now; -1 at the end.
    [[nodiscard]] ssize_t read(void* to, std::size_t size) const {
        const ssize_t n = ::recv(fd_, to, size, 0);
        if (n > 0) return n;
        return n < 0 && errno == EAGAIN ? 0 : -1;
    }
    [[nodiscard]] ssize_t write(const void* from, std::size_t size) const {
        const ssize_t n = ::send(fd_, from, size, MSG_NOSIGNAL);
        if (n >= 0) return n;
        return errno == EAGAIN ? 0 : -1;
    }

private:
    int fd_;
    int epoll_;
};

// TCP

constexpr std::size_t tcp_size = 32;

bool read_all(const Socket& socket, char* bytes) {
    std::size_t have = 0;
    while (have < tcp_size) {
        const ssize_t n = socket.read(bytes + have, tcp_size - have);
        if (n < 0) return false;
        if (n == 0) socket.wait();
        have += static_cast<std::size_t>(n);
    }
    return true;
}

void tcp_server() {
    const Socket socket(accept_one());
    char bytes[tcp_size];
    while (read_all(socket, bytes)) check(socket.write(bytes, tcp_size) == tcp_size);
}

void tcp_client(int port, bench::Case& one) {
    const Socket socket(connect_to(port));
    char bytes[tcp_size] = {};
    for (;;) {
        const auto began = Clock::now();
        check(socket.write(bytes, tcp_size) == tcp_size);
        check(read_all(socket, bytes));
        if (!one.count(began)) return;
    }
}

// nghttp2

struct Stream {
    std::string path;
    std::string in;
    std::string out;     // what is still to be sent
    std::size_t at = 0;  // in an endless answer's message
    bool endless = false;
    bool out_ends = false;
    bool responded = false;
    Clock::time_point began;
};

nghttp2_nv field(const char* name, const char* value) {
    const auto bytes = [](const char* text) {
        return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text));
    };
    return {bytes(name), bytes(value), std::strlen(name), std::strlen(value),
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

std::string message_of(const std::string& value) {
    std::string varint;
    std::size_t n = value.size();
    for (; n >= 128; n >>= 7) varint += static_cast<char>(n | 128);
    varint += static_cast<char>(n);
    const std::string body = '\x0a' + varint + value;
    std::string prefix(5, '\0');
    for (int i = 0; i < 4; ++i) prefix[1 + i] = static_cast<char>(body.size() >> (24 - 8 * i));
    return prefix + body;
}

class Http2 {
public:
    explicit Http2(int fd) : socket_(fd) {}
    virtual ~Http2() { nghttp2_session_del(session_); }
    void run() {
        std::vector<std::uint8_t> buffer(262144);
        while (!over_) {
            if (!flush()) return;
            const ssize_t n = socket_.read(buffer.data(), buffer.size());
            if (n < 0) return;
            if (n == 0) {
                socket_.wait();
                continue;
            }
            if (nghttp2_session_mem_recv(session_, buffer.data(), static_cast<std::size_t>(n)) < 0) return;
        }
    }

protected:
    virtual void on_message(Stream& stream, std::int32_t id, bool end) = 0;
    virtual void on_end(Stream&, std::int32_t) {}

    void make(bool server) {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, chunk);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, closed);
        if (server) {
            nghttp2_session_server_new(&session_, callbacks, this);
        } else {
            nghttp2_session_client_new(&session_, callbacks, this);
        }
        nghttp2_session_callbacks_del(callbacks);
        const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 4 << 20},
                                                   {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 20000},
                                                   {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1 << 20}};
        nghttp2_submit_settings(session_, 0, settings, 3);
        nghttp2_session_set_local_window_size(session_, 0, 0, 1 << 30);
    }
    Stream& add(std::int32_t id) {
        auto stream = std::make_unique<Stream>();
        Stream& added = *stream;
        streams_[id] = std::move(stream);
        nghttp2_session_set_stream_user_data(session_, id, &added);
        return added;
    }
    static nghttp2_data_provider provider(Stream& stream) {
        nghttp2_data_provider made;
        made.source.ptr = &stream;
        made.read_callback = read_body;
        return made;
    }
    void send(Stream& stream, std::int32_t id, const std::string& bytes) {
        stream.out += bytes;
        nghttp2_session_resume_data(session_, id);
    }

    nghttp2_session* session_ = nullptr;
    bool over_ = false;

private:
    bool flush() {
        for (;;) {
            while (wire_.size() < 262144) {
                const std::uint8_t* bytes = nullptr;
                const ssize_t n = nghttp2_session_mem_send(session_, &bytes);
                check(n >= 0);
                if (n == 0) break;
                wire_.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n));
            }
            if (wire_.empty()) return true;
            const ssize_t n = socket_.write(wire_.data(), wire_.size());
            if (n < 0) return false;
            if (n == 0) return true;
            wire_.erase(0, static_cast<std::size_t>(n));
        }
    }
    static Http2& self(void* user) { return *static_cast<Http2*>(user); }
    static int begin_headers(nghttp2_session*, const nghttp2_frame* got, void* user) {
        if (got->headers.cat == NGHTTP2_HCAT_REQUEST) self(user).add(got->hd.stream_id);
        return 0;
    }
    static int header(nghttp2_session* session, const nghttp2_frame* got, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                      void*) {
        auto* stream = static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, got->hd.stream_id));
        if (stream && name_size == 5 && std::memcmp(name, ":path", 5) == 0)
            stream->path.assign(reinterpret_cast<const char*>(value), value_size);
        return 0;
    }
    static int chunk(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                     std::size_t size, void* user) {
        auto* stream = static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
        if (!stream) return 0;
        stream->in.append(reinterpret_cast<const char*>(bytes), size);
        self(user).on_message(*stream, id, false);
        return 0;
    }
    static int frame(nghttp2_session* session, const nghttp2_frame* got, void* user) {
        if (got->hd.type != NGHTTP2_DATA && got->hd.type != NGHTTP2_HEADERS) return 0;
        if ((got->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
        auto* stream = static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, got->hd.stream_id));
        if (stream) self(user).on_message(*stream, got->hd.stream_id, true);
        return 0;
    }
    static int closed(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
        Http2& me = self(user);
        const auto at = me.streams_.find(id);
        if (at == me.streams_.end()) return 0;
        const auto stream = std::move(at->second);
        me.streams_.erase(at);
        me.on_end(*stream, id);
        return 0;
    }
    static ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t* to, std::size_t size,
                             std::uint32_t* flags, nghttp2_data_source* source, void*) {
        Stream& stream = *static_cast<Stream*>(source->ptr);
        if (stream.endless) {
            // Whole messages one after the other, cut where the frame ends.
            std::size_t n = 0;
            while (n < size) {
                const std::size_t part = std::min(size - n, stream.in.size() - stream.at);
                std::memcpy(to + n, stream.in.data() + stream.at, part);
                n += part;
                stream.at = (stream.at + part) % stream.in.size();
            }
            return static_cast<ssize_t>(n);
        }
        const std::size_t n = std::min(size, stream.out.size());
        std::memcpy(to, stream.out.data(), n);
        stream.out.erase(0, n);
        if (stream.out.empty() && stream.out_ends) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
            if (stream.responded) {
                *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
                const nghttp2_nv trailer = field("grpc-status", "0");
                nghttp2_submit_trailer(session, id, &trailer, 1);
            }
        } else if (n == 0) {
            return NGHTTP2_ERR_DEFERRED;
        }
        return static_cast<ssize_t>(n);
    }

    Socket socket_;
    std::string wire_;
    std::map<std::int32_t, std::unique_ptr<Stream>> streams_;
};

class Http2Server final : public Http2 {
public:
    Http2Server() : Http2(accept_one()) { make(true); }

private:
    void on_message(Stream& stream, std::int32_t id, bool end) override {
        if (stream.path.back() == 't') {  // Chat
            respond(stream, id);
            if (end) stream.out_ends = true;
            send(stream, id, stream.in);
            stream.in.clear();
        } else if (end) {
            stream.endless = stream.path.back() == 'n';  // Down
            if (!stream.endless) stream.out.swap(stream.in);
            stream.out_ends = true;
            respond(stream, id);
        }
    }
    void respond(Stream& stream, std::int32_t id) {
        if (stream.responded) return;
        stream.responded = true;
        const nghttp2_nv fields[] = {field(":status", "200"), field("content-type", "application/grpc")};
        const auto body = provider(stream);
        nghttp2_submit_response(session_, id, fields, 2, &body);
    }
};

class Http2Client final : public Http2 {
public:
    Http2Client(int port, bench::Case& one)
        : Http2(connect_to(port)), one_(one), message_(message_of(one.value())) {
        make(false);
        if (one.unary()) {
            for (int i = 0; i < one.in_flight(); ++i) start("/bench.Bench/Unary", true);
        } else if (one.stream()) {
            start("/bench.Bench/Down", true);
        } else {
            start("/bench.Bench/Chat", false);
        }
    }

private:
    void start(const char* path, bool ends) {
        const nghttp2_nv fields[] = {field(":method", "POST"),    field(":scheme", "http"),
                                     field(":path", path),        field(":authority", "127.0.0.1"),
                                     field("te", "trailers"),     field("content-type", "application/grpc"),
                                     field("user-agent", "bound")};
        pending_ = std::make_unique<Stream>();
        pending_->out = message_;
        pending_->out_ends = ends;
        pending_->began = Clock::now();
        const auto body = provider(*pending_);
        const std::int32_t id =
            nghttp2_submit_request(session_, nullptr, fields, std::size(fields), &body, pending_.get());
        check(id > 0);
        open_[id] = std::move(pending_);
    }
    void on_message(Stream& stream, std::int32_t id, bool end) override {
        if (one_.stream()) {
            const std::size_t messages = stream.in.size() / message_.size();
            stream.in.erase(0, messages * message_.size());
            over_ = over_ || !one_.count_messages(messages);
        } else if (one_.unary()) {
            if (!end) return;
            check(stream.in.size() == message_.size());
            over_ = over_ || !one_.count(stream.began);
            open_.erase(id);
            if (!over_) start("/bench.Bench/Unary", true);
        } else if (!end && stream.in.size() >= message_.size()) {
            stream.in.clear();
            over_ = !one_.count(stream.began);
            stream.began = Clock::now();
            send(stream, id, message_);
        }
    }

    bench::Case& one_;
    std::string message_;
    std::unique_ptr<Stream> pending_;
    std::map<std::int32_t, std::unique_ptr<Stream>> open_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const bool tcp = std::string(argv[1]) == "tcp";
    if (std::string(argv[2]) == "server") {
        if (tcp) {
            tcp_server();
        } else {
            Http2Server().run();
        }
        return 0;
    }
    if (argc != 6) return 2;
    bench::Case one(argv[4], std::atof(argv[5]));
    if (tcp) {
        tcp_client(std::atoi(argv[3]), one);
    } else {
        Http2Client(std::atoi(argv[3]), one).run();
    }
    bench::Case::wait_for_end_of_input();
}
