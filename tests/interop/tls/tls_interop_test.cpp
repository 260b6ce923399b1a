// TLS against the openssl program and Python's ssl, as their client and as their server.
#include <weft/core.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/test_authority.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

// A CA and a certificate for a server and for a client, in a folder of their own.
class Files {
public:
    Files() {
        std::string pattern = (std::filesystem::temp_directory_path() / "weft-tls-XXXXXX").string();
        if (!::mkdtemp(pattern.data())) throw_errno("make a folder for certificates");
        folder_ = pattern;
        const TestCertificate server = authority_.issue({"sw1.test"});
        const TestCertificate client = authority_.issue({"alice"});
        write("ca.pem", authority_.pem());
        write("server.pem", server.chain);
        write("server.key", server.key);
        write("client.pem", client.chain);
        write("client.key", client.key);
    }
    ~Files() { std::filesystem::remove_all(folder_); }
    Files(const Files&) = delete;
    Files& operator=(const Files&) = delete;

    [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
    [[nodiscard]] TlsContext client() const {
        return TlsContext::client()
            .without_system_cas()
            .ca_file(path("ca.pem"))
            .identity(TlsIdentity::from_files(path("client.pem"), path("client.key")));
    }
    [[nodiscard]] TlsContext server() const {
        return TlsContext::server(TlsIdentity::from_files(path("server.pem"), path("server.key")))
            .ca_file(path("ca.pem"))
            .client_certificates(TlsClientCertificate::required);
    }

private:
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(folder_ / name) << text;
    }

    TestAuthority authority_;
    std::filesystem::path folder_;
};

// Lines that a peer program prints.
class Output {
public:
    explicit Output(Process& process) : stream_(*process.out()) {}
    Task<std::string> line() { return next_line(*this); }

private:
    static Task<std::string> next_line(Output& output) {
        std::string buffer(512, '\0');
        for (;;) {
            const std::size_t end = output.held_.find('\n');
            if (end != std::string::npos) {
                std::string line = output.held_.substr(0, end);
                output.held_.erase(0, end + 1);
                co_return line;
            }
            const std::size_t n =
                co_await output.stream_.read_some(std::as_writable_bytes(std::span(buffer)));
            if (n == 0) throw ClosedError("the peer ended; it had printed: " + output.held_);
            output.held_.append(buffer, 0, n);
        }
    }

    Stream& stream_;
    std::string held_;
};

Process start(std::vector<std::string> args) {
    return Process(args, ProcessOptions().stdio(Stdio::pipe, Stdio::pipe, Stdio::null));
}

Task<std::unique_ptr<TlsStream>> connect_tls(std::uint16_t port, TlsContext context) {
    auto raw = co_await connect(SocketAddress::loopback(port));
    auto tls = co_await tls_connect(std::move(raw), std::move(context), "sw1.test");
    co_return tls;
}

Task<void> ask_s_server(std::string version_option, std::string version) {
    const Files files;
    std::vector<std::string> args{OPENSSL_PROGRAM,
                                  "s_server",
                                  "-accept",
                                  "127.0.0.1:0",
                                  "-rev",
                                  "-naccept",
                                  "1",
                                  "-cert",
                                  files.path("server.pem"),
                                  "-key",
                                  files.path("server.key"),
                                  "-CAfile",
                                  files.path("ca.pem"),
                                  "-Verify",
                                  "1",
                                  "-verify_return_error",
                                  "-alpn",
                                  "h2",
                                  version_option};
    auto server = start(std::move(args));
    Output output(server);
    std::string line;
    while (line.rfind("ACCEPT 127.0.0.1:", 0) != 0) line = co_await output.line();
    const auto port = static_cast<std::uint16_t>(std::stoi(line.substr(17)));
    auto tls = co_await connect_tls(port, files.client().alpn("http/1.1", "h2"));
    EXPECT_EQ(tls->version(), version);
    EXPECT_EQ(tls->alpn(), "h2");
    co_await tls->write_all("hello\n");
    std::string answer(6, '\0');
    co_await tls->read_exactly(std::as_writable_bytes(std::span(answer)));
    EXPECT_EQ(answer, "olleh\n");
    tls->close();
    const ExitStatus status = co_await server.wait();
    EXPECT_TRUE(status.ok()) << status.to_string();
}

CO_TEST(TlsInterop, openssl_s_server_1_3) { co_await ask_s_server("-tls1_3", "TLSv1.3"); }
CO_TEST(TlsInterop, openssl_s_server_1_2) { co_await ask_s_server("-tls1_2", "TLSv1.2"); }

Task<void> serve_s_client(std::string version_option, std::string version) {
    const Files files;
    Listener listener(SocketAddress::loopback(0));
    std::vector<std::string> args{OPENSSL_PROGRAM,
                                  "s_client",
                                  "-quiet",
                                  "-verify_quiet",
                                  "-connect",
                                  "127.0.0.1:" + std::to_string(listener.port()),
                                  "-CAfile",
                                  files.path("ca.pem"),
                                  "-verify_return_error",
                                  "-verify_hostname",
                                  "sw1.test",
                                  "-servername",
                                  "sw1.test",
                                  "-cert",
                                  files.path("client.pem"),
                                  "-key",
                                  files.path("client.key"),
                                  "-alpn",
                                  "h2",
                                  version_option};
    auto client = start(std::move(args));
    auto raw = co_await listener.accept();
    auto tls = co_await tls_accept(std::move(raw), files.server().alpn("h2"));
    EXPECT_EQ(tls->version(), version);
    EXPECT_EQ(tls->alpn(), "h2");
    EXPECT_EQ(tls->server_name(), "sw1.test");
    EXPECT_EQ(tls->peer_certificate()->subject, "CN=alice");
    co_await client.in()->write_all("ping\n");
    std::string got(5, '\0');
    co_await tls->read_exactly(std::as_writable_bytes(std::span(got)));
    EXPECT_EQ(got, "ping\n");
    co_await tls->write_all("pong\n");
    Output output(client);
    const std::string answer = co_await output.line();
    EXPECT_EQ(answer, "pong");
    tls->close();
    const ExitStatus status = co_await client.wait();
    EXPECT_TRUE(status.ok()) << status.to_string();
}

CO_TEST(TlsInterop, openssl_s_client_1_3) { co_await serve_s_client("-tls1_3", "TLSv1.3"); }
CO_TEST(TlsInterop, openssl_s_client_1_2) { co_await serve_s_client("-tls1_2", "TLSv1.2"); }

Task<void> send_and_end(TlsStream& tls, std::string text) {
    co_await tls.write_all(text);
    tls.shutdown_write();
}

CO_TEST(TlsInterop, python_server) {
    const Files files;
    std::vector<std::string> args{
        PYTHON_PROGRAM,           PYTHON_PEER,         "server", files.path("server.pem"),
        files.path("server.key"), files.path("ca.pem")};
    auto server = start(std::move(args));
    Output output(server);
    const std::string port = co_await output.line();
    auto tls = co_await connect_tls(static_cast<std::uint16_t>(std::stoi(port)),
                                    files.client().alpn("h2", "http/1.1"));
    const std::string text(200'000, 'a');
    auto sender = spawn(send_and_end(*tls, text));
    std::string got;
    std::string buffer(8192, '\0');
    for (;;) {
        const std::size_t n = co_await tls->read_some(std::as_writable_bytes(std::span(buffer)));
        if (n == 0) break;
        got.append(buffer, 0, n);
    }
    co_await sender;
    EXPECT_TRUE(got == "alice TLSv1.3 http/1.1\n" + std::string(200'000, 'A')) << got.substr(0, 100);
    tls->close();
    const ExitStatus status = co_await server.wait();
    EXPECT_TRUE(status.ok()) << status.to_string();
}

CO_TEST(TlsInterop, python_client) {
    const Files files;
    Listener listener(SocketAddress::loopback(0));
    std::vector<std::string> args{PYTHON_PROGRAM,
                                  PYTHON_PEER,
                                  "client",
                                  std::to_string(listener.port()),
                                  "sw1.test",
                                  files.path("ca.pem"),
                                  files.path("client.pem"),
                                  files.path("client.key")};
    auto client = start(std::move(args));
    auto raw = co_await listener.accept();
    auto tls = co_await tls_accept(std::move(raw), files.server().alpn("http/1.1"));
    EXPECT_EQ(tls->server_name(), "sw1.test");
    std::string buffer(8192, '\0');
    std::size_t echoed = 0;
    for (;;) {
        const std::size_t n = co_await tls->read_some(std::as_writable_bytes(std::span(buffer)));
        if (n == 0) break;
        co_await tls->write_all(std::string_view(buffer).substr(0, n));
        echoed += n;
    }
    EXPECT_EQ(echoed, 300'001u);
    tls->close();
    Output output(client);
    const std::string line = co_await output.line();
    EXPECT_EQ(line, "300001 TLSv1.3 http/1.1");
    const ExitStatus status = co_await client.wait();
    EXPECT_TRUE(status.ok()) << status.to_string();
}

}  // namespace
}  // namespace weft::testing
