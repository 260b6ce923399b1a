// The cipher of a stream that is TLS, for introspection.
#pragma once

#include <weft/core/tls_stream.hpp>

#include <string>

namespace weft::grpc::detail {

inline std::string cipher_of(const Stream& stream) {
    const auto* tls = dynamic_cast<const TlsStream*>(&stream);
    return tls ? tls->cipher() : std::string();
}

}  // namespace weft::grpc::detail
