#include "keepalive.hpp"

#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/timeout.hpp>

namespace weft::grpc {

Task<bool> ask_whether_alive(http2::Session& session, Duration limit, std::string peer) {
    bool answered = true;
    const TimePoint asked = Loop::current().now();
    try {
        co_await timeout(limit, session.ping());
    } catch (const TimeoutError&) {
        answered = false;
    } catch (const ClosedError&) {
        co_return false;
    }
    if (answered) co_return true;
    // A loop that stood still (between blocking calls, or in a slow handler) has not read the answer yet.
    co_await yield();
    if (session.last_received() <= asked)
        session.abort("keepalive: the " + peer + " did not answer a PING in time");
    co_return true;
}

}  // namespace weft::grpc
