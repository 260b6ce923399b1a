// NATS's part of bench/mesh, with its C library: requests to a queue group by way of nats-server.
//     nats worker PORT | nats client PORT CASE SECONDS
#include "mesh_case.hpp"

#include <atomic>
#include <string>

#include <nats/nats.h>
#include <unistd.h>

namespace {

void check(natsStatus status) {
    if (status == NATS_OK) return;
    std::fprintf(stderr, "NATS: %s\n", natsStatus_GetText(status));
    std::exit(1);
}

natsConnection* connect_to(const char* port, bool send_asap) {
    natsOptions* options = nullptr;
    check(natsOptions_Create(&options));
    check(natsOptions_SetURL(options, ("nats://127.0.0.1:" + std::string(port)).c_str()));
    check(natsOptions_SetSendAsap(options, send_asap));
    natsConnection* connection = nullptr;
    check(natsConnection_Connect(&connection, options));
    return connection;
}

void answer(natsConnection* connection, natsSubscription*, natsMsg* message, void*) {
    natsConnection_Publish(connection, natsMsg_GetReply(message), natsMsg_GetData(message),
                           natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
}

struct Flight {
    bench::Case& one;
    std::string data;
    std::string inbox;
    std::atomic<bool> over = false;
};

void ask(natsConnection* connection, const Flight& flight) {
    check(natsConnection_PublishRequest(connection, "bench.echo", flight.inbox.c_str(), flight.data.data(),
                                        static_cast<int>(flight.data.size())));
}

void answered(natsConnection* connection, natsSubscription*, natsMsg* message, void* closure) {
    auto& flight = *static_cast<Flight*>(closure);
    natsMsg_Destroy(message);
    if (flight.over) return;
    if (flight.one.count_messages(1)) {
        ask(connection, flight);
    } else {
        flight.over = true;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3) {
        // Sending at once is best for one call at a time, waiting for the library's own flush for many.
        natsConnection* connection = connect_to(argv[2], std::string(::getenv("NATS_ASAP")) == "1");
        natsSubscription* subscription = nullptr;
        check(
            natsConnection_QueueSubscribe(&subscription, connection, "bench.echo", "bench", answer, nullptr));
        check(natsConnection_Flush(connection));
        bench::Case::tell("ready");
        for (;;) ::pause();
    }
    if (argc != 5) return 2;
    bench::Case one(argv[3], std::atof(argv[4]));
    natsConnection* connection = connect_to(argv[2], !one.flight());
    const std::string data(one.bytes(), 'x');
    if (one.flight()) {
        natsInbox* inbox = nullptr;
        check(natsInbox_Create(&inbox));
        Flight flight{one, data, inbox};
        natsSubscription* subscription = nullptr;
        check(natsConnection_Subscribe(&subscription, connection, inbox, answered, &flight));
        for (int i = 0; i < bench::Case::in_flight; ++i) ask(connection, flight);
        bench::Case::wait_for_end_of_input();
        ::_exit(0);
    }
    for (;;) {
        const auto began = bench::Clock::now();
        natsMsg* reply = nullptr;
        check(natsConnection_Request(&reply, connection, "bench.echo", data.data(),
                                     static_cast<int>(data.size()), 30'000));
        if (natsMsg_GetDataLength(reply) != static_cast<int>(data.size())) std::abort();
        natsMsg_Destroy(reply);
        if (!one.count(began)) break;
    }
    bench::Case::wait_for_end_of_input();
    return 0;
}
