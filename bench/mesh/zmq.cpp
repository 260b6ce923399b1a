// ZeroMQ's part of bench/mesh: a DEALER calls a ROUTER, which answers; or both go through zmq_proxy().
//     zmq server | zmq proxy ("port" of the callers, and of the workers) | zmq worker PORT
//     zmq client PORT CASE SECONDS
#include "mesh_case.hpp"

#include <string>
#include <utility>
#include <zmq.hpp>

namespace {

int bind_any(zmq::socket_t& socket) {
    socket.bind("tcp://127.0.0.1:*");
    const std::string at = socket.get(zmq::sockopt::last_endpoint);
    return std::atoi(at.c_str() + at.rfind(':') + 1);
}

// Sends back every message, with the caller's identity in front; nothing is copied.
[[noreturn]] void answer(zmq::socket_t& socket) {
    zmq::message_t identity;
    zmq::message_t body;
    for (;;) {
        (void)socket.recv(identity);
        (void)socket.recv(body);
        socket.send(std::move(identity), zmq::send_flags::sndmore);
        socket.send(std::move(body), zmq::send_flags::none);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string role = argc > 1 ? argv[1] : "";
    zmq::context_t context;
    if (role == "server") {
        zmq::socket_t socket(context, zmq::socket_type::router);
        bench::tell_port(bind_any(socket));
        answer(socket);
    }
    if (role == "proxy") {
        zmq::socket_t callers(context, zmq::socket_type::router);
        zmq::socket_t workers(context, zmq::socket_type::dealer);
        const int front = bind_any(callers);
        std::printf("port %d %d\n", front, bind_any(workers));
        std::fflush(stdout);
        zmq::proxy(callers, workers);
    }
    if (role == "worker" && argc == 3) {
        zmq::socket_t socket(context, zmq::socket_type::dealer);
        socket.connect("tcp://127.0.0.1:" + std::string(argv[2]));
        bench::Case::tell("ready");
        answer(socket);
    }
    if (argc != 5) return 2;
    bench::Case one(argv[3], std::atof(argv[4]));
    zmq::socket_t socket(context, zmq::socket_type::dealer);
    socket.connect("tcp://127.0.0.1:" + std::string(argv[2]));
    const std::string data(one.bytes(), 'x');
    const int window = one.flight() ? bench::Case::in_flight : 1;
    auto began = bench::Clock::now();
    for (int i = 0; i < window; ++i) socket.send(zmq::buffer(data), zmq::send_flags::none);
    zmq::message_t reply;
    for (;;) {
        (void)socket.recv(reply);
        if (reply.size() != data.size()) std::abort();
        if (!one.count(began)) break;
        began = bench::Clock::now();
        // The answer is the next question: nothing is copied, as in weft's large calls.
        socket.send(std::move(reply), zmq::send_flags::none);
    }
    bench::Case::wait_for_end_of_input();
    return 0;
}
