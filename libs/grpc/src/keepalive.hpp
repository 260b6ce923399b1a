// Keepalive's question to a quiet peer, for both sides of a connection.
#pragma once

#include <weft/core/task.hpp>
#include <weft/core/timer.hpp>
#include <weft/http2/session.hpp>

#include <string>

namespace weft::grpc {

// Sends a PING. When nothing comes within `limit` the session is aborted; `peer` says whose silence it was.
// False when the session has ended meanwhile. The session must stay until the task is done.
[[nodiscard]] Task<bool> ask_whether_alive(http2::Session& session, Duration limit, std::string peer);

}  // namespace weft::grpc
