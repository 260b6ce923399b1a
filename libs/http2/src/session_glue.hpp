// The callbacks that nghttp2 makes into a session.
#pragma once

#include <weft/http2/session.hpp>

#include <nghttp2/nghttp2.h>

namespace weft::http2 {

struct SessionGlue {
    // Throws std::bad_alloc.
    static nghttp2_session* make(Session& session, Role role, const SessionOptions& options);

    // The provider of every body: reads the exchange's output.
    static nghttp2_data_provider body_provider() noexcept;

    static Exchange* exchange_of(nghttp2_session* native, std::int32_t id) noexcept {
        return static_cast<Exchange*>(nghttp2_session_get_stream_user_data(native, id));
    }

    static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd*, void*);
    static int on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int, void*);
    static int on_begin_headers(nghttp2_session*, const nghttp2_frame*, void*);
    static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                         const std::uint8_t*, std::size_t, std::uint8_t, void*);
    static int on_frame_recv(nghttp2_session*, const nghttp2_frame*, void*);
    static int on_data_chunk(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t*, std::size_t,
                             void*);
    static int on_frame_send(nghttp2_session*, const nghttp2_frame*, void*);
    static int on_stream_close(nghttp2_session*, std::int32_t, std::uint32_t, void*);
    static ssize_t read_length(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t, std::int32_t,
                               std::uint32_t, void*);
    static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t, std::uint32_t*,
                             nghttp2_data_source*, void*);
    static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t*, std::size_t,
                         nghttp2_data_source*, void*);

    static void headers_complete(Session& session, Exchange& exchange, bool end);
    static void goaway_received(Session& session, const nghttp2_goaway& frame);
    static void ping_acknowledged(Session& session, const std::uint8_t* opaque);
};

}  // namespace weft::http2
