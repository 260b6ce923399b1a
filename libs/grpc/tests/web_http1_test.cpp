// gRPC-Web over HTTP/1.1, as browsers speak it without TLS, on the port that speaks HTTP/2 too.
#include "../src/web.hpp"
#include "raw_call.hpp"

#include <weft/core/tls_stream.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/test_authority.hpp>

#include <gtest/gtest.h>

namespace weft::test {
namespace {

using namespace std::chrono_literals;
using grpc::ServerOptions;

struct Response {
    Response() {}
    std::string status;
    std::map<std::string, std::string> fields;
    std::string body;
    bool cut = false;  // the connection ended within it
};

// A client that reads one response after another from one connection.
class Client {
public:
    Client() = default;
    explicit Client(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}
    Task<void> connect(std::string target) { stream_ = co_await weft::connect(SocketAddress::parse(target)); }
    [[nodiscard]] Stream& stream() noexcept { return *stream_; }
    Task<void> send(std::string text) { co_await stream_->write_all(text); }
    Task<Response> receive() {
        Response response;
        std::string head;
        do {
            head = co_await up_to("\r\n\r\n");
            if (head.empty()) {
                response.cut = true;
                co_return response;
            }
        } while (head.starts_with("HTTP/1.1 100 "));
        EXPECT_TRUE(head.starts_with("HTTP/1.1 ")) << head;
        response.status = head.substr(9, 3);
        std::size_t at = head.find("\r\n") + 2;
        while (head.compare(at, 2, "\r\n") != 0) {
            const std::size_t end = head.find("\r\n", at);
            const std::size_t colon = head.find(": ", at);
            response.fields[head.substr(at, colon - at)] = head.substr(colon + 2, end - colon - 2);
            at = end + 2;
        }
        if (response.fields.count("transfer-encoding") == 0) co_return response;
        for (;;) {
            const std::string line = co_await up_to("\r\n");
            const std::size_t size = line.empty() ? 0 : std::stoul(line, nullptr, 16);
            const std::string data = co_await take(size + 2);
            if (line.empty() || data.size() < size + 2) response.cut = true;
            if (size == 0 || response.cut) co_return response;
            response.body += data.substr(0, size);
        }
    }
    // The server has closed the connection, and said nothing more.
    Task<bool> closed() {
        const std::string rest = co_await take(1);
        co_return rest.empty();
    }

private:
    Task<bool> more() {
        char buffer[1024];
        std::size_t n = 0;
        try {
            n = co_await stream_->read_some(std::as_writable_bytes(std::span(buffer)));
        } catch (const Error&) {
        }
        in_.append(buffer, n);
        co_return n != 0;
    }
    Task<std::string> up_to(std::string end) {
        while (in_.find(end) == std::string::npos) {
            const bool any = co_await more();
            if (!any) co_return "";
        }
        std::string out = in_.substr(0, in_.find(end) + end.size());
        in_.erase(0, out.size());
        co_return out;
    }
    Task<std::string> take(std::size_t size) {
        while (in_.size() < size) {
            const bool any = co_await more();
            if (!any) break;
        }
        std::string out = in_.substr(0, size);
        in_.erase(0, out.size());
        co_return out;
    }

    std::unique_ptr<Stream> stream_;
    std::string in_;
};

std::string post(std::string body, std::string fields = "", std::string path = "/weft.test.Echo/Say") {
    if (fields.find("content-type") == std::string::npos)
        fields += "content-type: application/grpc-web+proto\r\n";
    if (fields.find("transfer-encoding") == std::string::npos)
        fields += "content-length: " + std::to_string(body.size()) + "\r\n";
    return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body;
}

std::string say(std::string text) { return framed(request_of(std::move(text)).SerializeAsString()); }

std::string reply_of(std::string text) {
    EchoReply reply;
    reply.set_text(std::move(text));
    return framed(reply.SerializeAsString());
}

const std::string ok_frame = std::string("\x80\0\0\0\x10", 5) + "grpc-status: 0\r\n";

struct WebPair {
    Task<void> start() {
        co_await echo.start();
        co_await client.connect(echo.target);
    }
    explicit WebPair(ServerOptions options = ServerOptions().grpc_web("https://app.example"))
        : echo(std::move(options)) {}

    EchoPair echo;
    Client client;
};

CO_TEST(WebHttp1, calls_follow_each_other_on_one_connection) {
    WebPair web;
    co_await web.start();
    for (const char* text : {"one", "two"}) {
        co_await web.client.send(post(say(text), "Origin: https://app.example\r\nX-Initial: 1\r\n"));
        const Response response = co_await web.client.receive();
        EXPECT_EQ(response.status, "200");
        EXPECT_EQ(response.fields.at("content-type"), "application/grpc-web+proto");
        EXPECT_EQ(response.fields.at("access-control-allow-origin"), "https://app.example");
        EXPECT_EQ(response.fields.at("x-initial-back"), "1");
        EXPECT_EQ(response.fields.count("connection"), 0U);
        EXPECT_EQ(response.body, reply_of(text) + ok_frame);
    }
    EXPECT_EQ(web.echo.service.calls, 2);
    co_await web.echo.close();
    EXPECT_TRUE(co_await web.client.closed());
}

CO_TEST(WebHttp1, http2_is_on_the_same_port) {
    WebPair web;
    co_await web.start();
    const EchoRequest request = request_of("both");
    const EchoReply reply = co_await web.echo.stub->Say(request);
    EXPECT_EQ(reply.text(), "both");
    co_await web.client.send(post(say("one")));
    const Response response = co_await web.client.receive();
    EXPECT_EQ(response.body, reply_of("one") + ok_frame);
    co_await web.echo.close();
}

CO_TEST(WebHttp1, requests_may_come_in_bytes_chunks_and_all_at_once) {
    WebPair web;
    co_await web.start();
    const std::string message = say("abc");
    std::string chunks;
    for (const char c : message) chunks += std::string("1\r\n") + c + "\r\n";
    const std::string chunked = post(chunks + "0\r\n\r\n", "transfer-encoding: chunked\r\n");
    for (const char c : chunked) {
        co_await web.client.send(std::string(1, c));
        co_await yield();
    }
    const Response slow = co_await web.client.receive();
    EXPECT_EQ(slow.body, reply_of("abc") + ok_frame);
    co_await web.client.send("\r\n" + chunked + post(say("second")) +
                             post(say("third"), "connection: close\r\n"));
    for (const char* text : {"abc", "second", "third"}) {
        const Response response = co_await web.client.receive();
        EXPECT_EQ(response.body, reply_of(text) + ok_frame);
    }
    EXPECT_TRUE(co_await web.client.closed());
    co_await web.echo.close();
}

CO_TEST(WebHttp1, messages_of_a_stream_come_as_they_are_written) {
    WebPair web;
    co_await web.start();
    const std::string request = framed(request_of("x", 3, 0, 10'000).SerializeAsString());
    co_await web.client.send(post(request, "", "/weft.test.Echo/List"));
    // The first message is there while the handler sleeps.
    std::string seen;
    while (seen.find(reply_of("x")) == std::string::npos) {
        char buffer[256];
        const std::size_t n =
            co_await web.client.stream().read_some(std::as_writable_bytes(std::span(buffer)));
        EXPECT_NE(n, 0U);
        if (n == 0) break;
        seen.append(buffer, n);
    }
    EXPECT_EQ(web.echo.service.written, 1);
    // A browser that cancels closes the connection.
    web.client.stream().close();
    co_await web.echo.service.cancellation_seen.wait();
    EXPECT_EQ(web.echo.service.cancelled, 1);
    co_await web.echo.close();
}

CO_TEST(WebHttp1, large_responses_wait_for_a_slow_reader) {
    WebPair web;
    co_await web.start();
    const std::string request = framed(request_of(std::string(10'000, 'y'), 1000).SerializeAsString());
    co_await web.client.send(post(request, "", "/weft.test.Echo/List"));
    for (int i = 0; i < 200; ++i) co_await sleep(1ms);
    EXPECT_LT(web.echo.service.written, 900);
    const Response response = co_await web.client.receive();
    EXPECT_EQ(web.echo.service.written, 1000);
    EXPECT_GT(response.body.size(), 10'000'000U);
    EXPECT_TRUE(response.body.ends_with(ok_frame));
    co_await web.echo.close();
}

CO_TEST(WebHttp1, text_is_base64_both_ways) {
    WebPair web;
    co_await web.start();
    const std::string message = say("text");
    const std::string body = grpc::web::base64(std::as_bytes(std::span(message)));
    co_await web.client.send(post(body, "content-type: application/grpc-web-text\r\n"));
    const Response response = co_await web.client.receive();
    EXPECT_EQ(response.fields.at("content-type"), "application/grpc-web-text+proto");
    const std::string reply = reply_of("text");
    EXPECT_EQ(response.body, grpc::web::base64(std::as_bytes(std::span(reply))) +
                                 grpc::web::base64(std::as_bytes(std::span(ok_frame))));
    co_await web.echo.close();
}

CO_TEST(WebHttp1, errors_keep_the_connection) {
    WebPair web;
    co_await web.start();
    co_await web.client.send(post(framed(request_of("gone", 0, 5).SerializeAsString())));
    const Response failed = co_await web.client.receive();
    EXPECT_EQ(failed.status, "200");
    EXPECT_EQ(failed.fields.at("grpc-status"), "5");
    EXPECT_EQ(failed.fields.at("grpc-message"), "gone");
    EXPECT_EQ(failed.fields.at("content-length"), "0");
    co_await web.client.send(post(say("x"), "content-type: text/plain\r\n"));
    EXPECT_EQ((co_await web.client.receive()).status, "415");
    // Without trailers there is no gRPC.
    co_await web.client.send(post(say("x"), "content-type: application/grpc\r\n"));
    EXPECT_EQ((co_await web.client.receive()).status, "415");
    co_await web.client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ((co_await web.client.receive()).status, "405");
    co_await web.client.send(post(say("x"), "", "/weft.test.Echo/None"));
    EXPECT_EQ((co_await web.client.receive()).fields.at("grpc-status"), "12");
    co_await web.client.send(post(std::string("\0\0\0\0\x09x", 6)));
    EXPECT_EQ((co_await web.client.receive()).fields.at("grpc-status"), "13");
    co_await web.client.send(post(say("still there")));
    const Response good = co_await web.client.receive();
    EXPECT_EQ(good.body, reply_of("still there") + ok_frame);
    co_await web.echo.close();
}

CO_TEST(WebHttp1, preflight_is_answered) {
    WebPair web;
    co_await web.start();
    const std::string question =
        "OPTIONS /weft.test.Echo/Say HTTP/1.1\r\nHost: x\r\nAccess-Control-Request-Method: POST\r\n"
        "Access-Control-Request-Headers: content-type,x-grpc-web\r\nOrigin: https://";
    co_await web.client.send(question + "app.example\r\n\r\n" + question + "other.example\r\n\r\n");
    const Response yes = co_await web.client.receive();
    EXPECT_EQ(yes.status, "204");
    EXPECT_EQ(yes.fields.at("access-control-allow-headers"), "content-type,x-grpc-web");
    EXPECT_EQ(yes.fields.count("content-length"), 0U);
    const Response no = co_await web.client.receive();
    EXPECT_EQ(no.status, "403");
    EXPECT_EQ(no.fields.count("access-control-allow-origin"), 0U);
    co_await web.echo.close();
}

CO_TEST(WebHttp1, expectations_are_met) {
    WebPair web;
    co_await web.start();
    const std::string request = post(say("later"), "expect: 100-continue\r\n");
    const std::size_t body = request.find("\r\n\r\n") + 4;
    co_await web.client.send(request.substr(0, body));
    std::string answer(25, '\0');
    co_await web.client.stream().read_exactly(std::as_writable_bytes(std::span(answer)));
    EXPECT_EQ(answer, "HTTP/1.1 100 Continue\r\n\r\n");
    co_await web.client.send(request.substr(body));
    const Response response = co_await web.client.receive();
    EXPECT_EQ(response.body, reply_of("later") + ok_frame);
    co_await web.echo.close();
}

// Sends it all, and gives the status of the one response, behind which the connection must be closed.
Task<std::string> refusal_of(std::string bytes, ServerOptions options = ServerOptions().grpc_web()) {
    WebPair web(std::move(options));
    co_await web.start();
    try {
        co_await web.client.send(std::move(bytes));
    } catch (const Error&) {  // it need not be read to its end
    }
    const Response response = co_await web.client.receive();
    EXPECT_EQ(response.fields.count("connection"), 1U);
    EXPECT_TRUE(co_await web.client.closed());
    co_await web.echo.close();
    co_return response.status;
}

CO_TEST(WebHttp1, what_is_no_request_is_refused) {
    EXPECT_EQ(co_await refusal_of("\x16\x03\x01 TLS on a plain port\r\n\r\n"), "400");
    EXPECT_EQ(co_await refusal_of("POST / HTTP/1.1\r\n\r\n"), "400");
    EXPECT_EQ(co_await refusal_of("PRX * HTTP/2.0\r\n\r\n"), "505");
    EXPECT_EQ(co_await refusal_of(post("zz\r\n", "transfer-encoding: chunked\r\n")), "400");
    EXPECT_EQ(co_await refusal_of(post("", "transfer-encoding: gzip\r\n")), "501");
    EXPECT_EQ(co_await refusal_of(post("", "x: " + std::string(17'000, 'a') + "\r\n")), "431");
    EXPECT_EQ(co_await refusal_of(std::string(40'000, 'a')), "431");
}

CO_TEST(WebHttp1, a_head_that_never_ends_is_not_waited_for) {
    const std::string status =
        co_await refusal_of("POST / HTTP/1.1\r\nHost:", ServerOptions().grpc_web().handshake_timeout(50ms));
    EXPECT_EQ(status, "408");
}

CO_TEST(WebHttp1, silence_ends_the_connection_before_anything_is_said) {
    EchoPair echo(ServerOptions().grpc_web().handshake_timeout(50ms));
    co_await echo.start();
    Client client;
    co_await client.connect(echo.target);
    EXPECT_TRUE(co_await client.closed());
    co_await echo.close();
}

CO_TEST(WebHttp1, too_large_a_message_is_refused_before_it_comes) {
    EchoPair echo(ServerOptions().grpc_web().max_receive_message_length(1000));
    co_await echo.start();
    Client client;
    co_await client.connect(echo.target);
    const std::string message = say(std::string(1'000'000, 'x'));
    const std::string request = post(message);
    co_await client.send(request.substr(0, request.size() - message.size() + 5));
    const Response response = co_await client.receive();
    EXPECT_EQ(response.fields.at("grpc-status"), "8");
    try {  // the rest is not read without end
        co_await client.send(message.substr(5));
    } catch (const Error&) {
    }
    EXPECT_TRUE(co_await client.closed());
    co_await echo.close();
}

CO_TEST(WebHttp1, a_body_that_ends_early_is_a_cancelled_call) {
    WebPair web;
    co_await web.start();
    const std::string request = post(say("half"));
    co_await web.client.send(request.substr(0, request.size() - 2));
    web.client.stream().shutdown_write();
    EXPECT_TRUE(co_await web.client.closed());
    EXPECT_EQ(web.echo.service.calls, 0);
    co_await web.echo.close();
}

CO_TEST(WebHttp1, stop_waits_for_the_call_and_closes_idle_connections) {
    WebPair web;
    co_await web.start();
    Client idle;
    co_await idle.connect(web.echo.target);
    co_await idle.send(post(say("x")));
    static_cast<void>(co_await idle.receive());
    const std::string slow = framed(request_of("slow", 0, 0, 100).SerializeAsString());
    co_await web.client.send(post(slow));
    while (web.echo.server.active_calls() == 0) co_await yield();
    TaskHandle<void> stopped = spawn(web.echo.server.stop(10s));
    const Response response = co_await web.client.receive();
    EXPECT_EQ(response.body, reply_of("slow") + ok_frame);
    EXPECT_EQ(response.fields.at("connection"), "close");
    EXPECT_TRUE(co_await web.client.closed());
    EXPECT_TRUE(co_await idle.closed());
    co_await stopped;
    co_await web.echo.close();
}

CO_TEST(WebHttp1, stop_does_not_wait_for_the_silent) {
    WebPair web;
    co_await web.start();  // whose client has said nothing
    co_await yield();
    co_await timeout(5s, web.echo.server.stop());
    co_await web.echo.close();
}

CO_TEST(WebHttp1, works_over_tls_for_clients_without_http2) {
    const weft::testing::TestAuthority authority;
    const auto made = authority.issue({"web.test"});
    grpc::Server server(ServerOptions().grpc_web());
    EchoService service;
    server.add_service(service);
    const int port = server.add_secure_port(
        "127.0.0.1:0",
        TlsContext::server(TlsIdentity::from_pem(made.chain, made.key)).alpn("h2", "http/1.1"));
    co_await server.start();
    for (const bool negotiated : {true, false}) {
        auto tls = TlsContext::client().without_system_cas().ca_pem(authority.pem());
        if (negotiated) tls = std::move(tls).alpn("http/1.1");
        auto plain = co_await connect(SocketAddress::parse("127.0.0.1:" + std::to_string(port)));
        auto secure = co_await tls_connect(std::move(plain), tls, "web.test");
        Client client(std::move(secure));
        co_await client.send(post(say("tls")));
        const Response response = co_await client.receive();
        EXPECT_EQ(response.body, reply_of("tls") + ok_frame);
    }
    co_await server.stop();
}

CO_TEST(WebHttp1, is_not_spoken_unless_asked_for) {
    EchoPair echo;
    co_await echo.start();
    Client client;
    co_await client.connect(echo.target);
    co_await client.send(post(say("x")));
    char first = 0;
    const std::size_t n = co_await client.stream().read_some(std::as_writable_bytes(std::span(&first, 1)));
    EXPECT_TRUE(n == 0 || first != 'H');  // HTTP/2's own answer, if any
    co_await echo.close();
}

}  // namespace
}  // namespace weft::test
