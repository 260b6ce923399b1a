// A peer of the mesh that sends anything, beside honest ones: to a router, to a service, or as the server of
// a client. Nothing crashes or leaks, every call of the honest ones ends, and the others are served as
// before.
//
// byte 0: which of the three; 1: bits: what is said honestly before the rest (1 SYN, 2 a handshake), 4
// whether the rest is bytes or makes frames; 2: the size of the pieces, 0: all at once.
#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/mesh/frame.hpp>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <string_view>

#include <stdlib.h>

namespace {

using namespace weft;
using namespace std::chrono_literals;

// One folder for the program, where the sockets are; port numbers would run out.
const std::string& folder() {
    class Folder {
    public:
        Folder() {
            if (!::mkdtemp(name.data())) throw_errno("make a folder");
        }
        ~Folder() {
            std::error_code ignored;
            std::filesystem::remove_all(name, ignored);
        }
        std::string name = "/tmp/weft-fuzz-XXXXXX";
    };
    static const Folder made;
    return made.name;
}

void check(bool holds, const char* what) {
    if (holds) return;
    std::cerr << "broken: " << what << "\n";
    std::abort();
}

struct Input {
    std::uint8_t who = 0;
    bool syn = false;
    bool handshake = false;
    std::size_t piece = 0;
    std::string bytes;
};

std::string frame(mesh::FrameHeader header, std::string_view from, std::string_view to,
                  std::string_view function, std::string_view data) {
    mesh::Buffer out;
    mesh::FrameWriter writer(out, from, to, function);
    writer.data().append(data);
    return writer.finish(header) ? std::string(out.text()) : std::string();
}

std::string handshake(std::string_view to, std::string_view type, std::string_view members) {
    mesh::FrameHeader header;
    header.id = 1;
    header.serde = mesh::Serde::json;
    header.wants_reply = true;
    return frame(header, to, "", "",
                 R"({"meta":{"type":")" + std::string(type) + R"(;weft=1","error":null},"members":)" +
                     std::string(members) + "}");
}

std::string extension(std::uint8_t kind, std::string_view attributes, std::string_view data) {
    std::string out(1, static_cast<char>(kind));
    out += static_cast<char>(attributes.size());
    out += static_cast<char>(attributes.size() >> 8);
    return out + std::string(attributes) + std::string(data);
}

// Records of eight bytes and data as frames that parse: what is in them may be wrong.
std::string frames(std::string_view in) {
    static constexpr std::array<std::string_view, 6> names = {"m", "caller",  "worker",
                                                              "",  "service", "other"};
    static constexpr std::array<std::string_view, 8> functions = {
        "", "f", "twice", "sum", "zeros", "weft.members", "weft.stats", "weft.methods"};
    static constexpr std::array<std::string_view, 8> attributes = {
        "",      "size=5\n", "size=600000\n",         "size=99999999999\n",
        "n=7\n", "n=-1\n",   "stream=100\ntrace=0\n", "stream=4000000000\n"};
    std::string out;
    while (in.size() >= 8) {
        const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(in[i]); };
        const auto one = [&](const auto& table, std::size_t i) { return table[byte(i) % table.size()]; };
        mesh::FrameHeader header;
        header.flag = static_cast<mesh::Flag>(byte(0) % 6);
        header.serde = static_cast<mesh::Serde>(byte(1) & 3);
        header.is_bytes = (byte(1) & 4) != 0;
        header.wants_reply = (byte(1) & 8) != 0;
        header.tail = byte(1) & 0xf0;
        header.id = byte(2);
        const std::size_t size = std::min<std::size_t>(byte(7), in.size() - 8);
        std::string data(in.substr(8, size));
        if (header.flag == mesh::Flag::extension)
            data = extension(byte(6) & 15, attributes[(byte(6) >> 4) % attributes.size()], data);
        out += frame(header, one(names, 3), one(names, 4), one(functions, 5), data);
        in.remove_prefix(8 + size);
    }
    return out;
}

Input read_input(std::string_view in) {
    Input out;
    out.who = static_cast<std::uint8_t>(in[0]) % 3;
    out.syn = (in[1] & 1) == 0;
    out.handshake = (in[1] & 2) == 0;
    out.piece = static_cast<std::uint8_t>(in[2]);
    out.bytes = (in[1] & 4) != 0 ? std::string(in.substr(3)) : frames(in.substr(3));
    return out;
}

Task<void> drain(Stream& stream) {
    std::array<std::byte, 16384> room;
    try {
        for (;;) {
            const std::size_t n = co_await stream.read_some(room);
            if (n == 0) break;
        }
    } catch (const Error&) {
    }
}

// Sends it all, and waits until the other end has closed.
Task<void> send(Stream& stream, std::string bytes, std::size_t piece) {
    auto reader = spawn(drain(stream), "drain");
    try {
        const std::size_t step = piece == 0 ? std::max<std::size_t>(1, bytes.size()) : piece;
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            const std::string part = bytes.substr(at, step);
            co_await stream.write_all(part);
            if (piece != 0) co_await yield();
        }
        stream.shutdown_write();
    } catch (const Error&) {  // it has closed already
    }
    co_await std::move(reader);
    stream.close();
}

// A call that may end in any way, but ends.
Task<void> call(mesh::ClientConnection conn, std::string function) {
    try {
        (void)co_await conn.rpc().receiver("m").call<mesh::Value>(function, 1);
    } catch (const Error&) {
    }
}

Task<void> talk(mesh::ClientConnection conn) {
    try {
        auto duplex = conn.open().receiver("m").call("f");
        co_await duplex.send(1);
        for (;;) {
            const auto value = co_await duplex.next<mesh::Value>();
            if (!value) break;
        }
        duplex.finish();
        (void)co_await duplex.result<mesh::Value>();
    } catch (const Error&) {
    }
}

// What the honest ones want of the one that sends anything.
Task<void> ask(mesh::ClientConnection conn) {
    std::vector<Task<void>> calls;
    calls.push_back(call(conn, "f"));
    calls.push_back(talk(conn));
    calls.push_back(call(conn, "f"));
    co_await gather(std::move(calls));
}

void offer(mesh::Callbacks& callbacks) {
    callbacks.add("twice", [](int n) { return 2 * n; });
    callbacks.add("zeros", [](std::size_t n) { return mesh::Bytes(std::min<std::size_t>(n, 2'000'000)); });
    callbacks.add("sum", [](const mesh::CallInfo& info) -> Task<int> {
        mesh::Duplex talk = info.duplex();
        int sum = 0;
        for (;;) {
            const auto n = co_await talk.next<int>();
            if (!n) break;
            sum = *n;
        }
        co_return sum;
    });
}

mesh::Options options(const char* name) {
    return mesh::Options(name).message_limit(1'000'000).workers(4).queue_limit(16, 1'000'000);
}

Task<bool> still_served(mesh::ClientConnection conn) {
    int four = 0;
    try {
        four = co_await conn.rpc(4s).call<int>("twice", 2);
    } catch (const mesh::Error&) {
    }
    co_return four == 4;
}

std::string preface(const Input& input) {
    std::string out;
    if (input.syn) {
        const auto text = reinterpret_cast<const char*>(mesh::syn.data());
        out.assign(text, mesh::syn.size());
    }
    if (input.handshake) out += handshake("m", "client", R"([{"name":"m","methods":["f"]}])");
    return out;
}

Task<void> at_router(Input input) {
    const std::string path = folder() + "/r";
    mesh::Router router(options("router").unix_path(path).metrics(true));
    router.start();
    mesh::Callbacks callbacks;
    offer(callbacks);
    mesh::Client worker(options("worker").unix_path(path), std::move(callbacks));
    co_await worker.connect();
    mesh::Client caller(options("caller").unix_path(path));
    auto conn = co_await caller.connect();
    co_await conn.wait_for_method("twice", 4s);
    auto stream = co_await connect(SocketAddress::unix_path(path));
    const std::string begin = preface(input);
    co_await stream->write_all(begin);
    std::optional<TaskHandle<void>> asked;
    if (input.syn && input.handshake) {
        co_await conn.wait_for_method("f", 4s);
        asked = spawn(ask(conn), "ask");
    }
    co_await send(*stream, std::move(input.bytes), input.piece);
    if (asked) co_await std::move(*asked);
    // Whoever says that it is the worker has taken its name.
    const bool taken = router.stats().evicted != 0;
    const bool served = co_await still_served(conn);
    check(served || taken, "the router's other clients are served");
    check(router.members().size() <= 2, "whoever went is a member no more");
}

Task<void> at_service(Input input) {
    const std::string path = folder() + "/s";
    mesh::Callbacks callbacks;
    offer(callbacks);
    mesh::Service service(options("service").unix_path(path).metrics(true), std::move(callbacks));
    service.start();
    mesh::Client caller(options("caller").unix_path(path));
    auto conn = co_await caller.connect();
    auto stream = co_await connect(SocketAddress::unix_path(path));
    const std::string begin = preface(input);
    co_await stream->write_all(begin);
    co_await send(*stream, std::move(input.bytes), input.piece);
    const bool taken = service.stats().evicted != 0;
    const bool served = co_await still_served(conn);
    check(served || taken, "the service's other clients are served");
    check(service.members().size() <= 1, "whoever went is a member no more");
}

Task<void> as_server(Input input) {
    const std::string path = folder() + "/c";
    Listener listener(SocketAddress::unix_path(path));
    mesh::Callbacks callbacks;
    offer(callbacks);
    mesh::Client client(options("caller").unix_path(path).reconnect(false), std::move(callbacks));
    auto connecting = spawn(client.connect(), "connect");
    auto stream = co_await listener.accept();
    std::string begin;
    if (input.handshake) {
        mesh::FrameHeader header;
        header.flag = mesh::Flag::extension;
        begin = frame(header, "", "", "", extension(10, "", "m|other"));
        begin += handshake("caller", "router", R"([{"name":"m","methods":["f","twice"]},{"name":"caller"}])");
    }
    co_await stream->write_all(begin);
    std::optional<TaskHandle<void>> asked;
    if (input.handshake) {
        auto conn = co_await std::move(connecting);
        asked = spawn(ask(conn), "ask");
    }
    co_await send(*stream, std::move(input.bytes), input.piece);
    if (asked) co_await std::move(*asked);
    bool connected = input.handshake;
    if (!connected) {
        try {
            (void)co_await std::move(connecting);
            connected = true;
        } catch (const Error&) {
        }
    }
    if (!connected) co_return;
    try {
        co_await client.join();
        check(false, "a client whose server went knows it");
    } catch (const mesh::Error&) {
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3) return 0;
    Input input = read_input(std::string_view(reinterpret_cast<const char*>(data), size));
    const std::uint8_t who = input.who;
    Loop loop;
    loop.run(who == 0   ? at_router(std::move(input))
             : who == 1 ? at_service(std::move(input))
                        : as_server(std::move(input)));
    return 0;
}
