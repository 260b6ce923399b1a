#include "mesh_options.hpp"

#include <weft/core/error.hpp>
#include <weft/core/tls_context.hpp>
#include <weft/mesh/error.hpp>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <span>
#include <utility>

namespace weft::tool {

namespace {

std::pair<std::string, std::uint16_t> split_address(const std::string& at) {
    if (at.starts_with('/')) return {at, 0};
    const std::size_t colon = at.rfind(':');
    std::uint16_t port = 0;
    const char* end = at.data() + at.size();
    if (colon == std::string::npos || colon == 0 ||
        std::from_chars(at.data() + colon + 1, end, port).ptr != end || colon + 1 == at.size())
        throw UsageError("--at '" + at +
                         "': it is HOST:PORT, the path of a unix socket, or nats://HOST:PORT");
    std::string host = at.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    return {std::move(host), port};
}

mesh::Options place(const MeshOptions& options) {
    if (options.in_nats()) return mesh::Options(options.name).host(options.at).token(options.token);
    auto [host, port] = split_address(options.at);
    return mesh::Options(options.name).host(std::move(host)).port(port).token(options.token);
}

}  // namespace

bool MeshOptions::in_nats() const { return at.starts_with("nats://") || at.starts_with("tls://"); }

void MeshOptions::add_to(CLI::App& command) {
    command
        .add_option("--at", at,
                    "The router or service: HOST:PORT, [IPV6]:PORT, or the path of a unix socket; or a NATS "
                    "cluster:\n"
                    "nats://[USER:PASSWORD@]HOST[:PORT][,HOST...][/MESH], tls:// for TLS")
        ->capture_default_str()
        ->envname("WEFT_MESH_AT");
    command.add_option("--token", token, "The shared token, when the router wants one")
        ->envname("WEFT_MESH_TOKEN");
    command.add_flag("--tls", tls, "Speak TLS; implied by the options below");
    command.add_option("--ca", ca, "PEM file of the CA to trust (a router: that signs its clients)");
    command.add_option("--cert", certificate, "PEM file of our own certificate with its chain");
    command.add_option("--key", key, "PEM file of its private key");
    command.add_flag("--insecure", insecure, "Take any certificate of the server's");
}

mesh::Options MeshOptions::client() const {
    mesh::Options out = place(*this);
    if (tls || insecure || !ca.empty() || !certificate.empty()) {
        TlsContext context = TlsContext::client().verify(!insecure);
        if (!ca.empty()) context = TlsContext(std::move(context)).ca_file(ca);
        if (!certificate.empty())
            context = TlsContext(std::move(context)).identity(TlsIdentity::from_files(certificate, key));
        out = mesh::Options(std::move(out)).tls(std::move(context));
    }
    return mesh::Options(std::move(out)).reconnect(false).handshake_timeout(limit());
}

mesh::Options MeshOptions::router() const {
    mesh::Options out = place(*this).metrics(metrics);
    if (tls || !ca.empty() || !certificate.empty()) {
        TlsContext context = TlsContext::server(TlsIdentity::from_files(certificate, key));
        if (!ca.empty())
            context = TlsContext(std::move(context))
                          .ca_file(ca)
                          .client_certificates(TlsClientCertificate::required);
        out = mesh::Options(std::move(out)).tls(std::move(context));
    }
    return out;
}

Duration MeshOptions::limit() const {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(timeout));
}

mesh::Serde MeshOptions::serialiser() const {
    if (serde == "pickle") return mesh::Serde::pickle;
    if (serde == "msgpack") return mesh::Serde::msgpack;
    return serde == "opaque" ? mesh::Serde::opaque : mesh::Serde::json;
}

mesh::Value parse_argument(const std::string& text) {
    try {
        return mesh::decode_value(mesh::Serde::json, std::as_bytes(std::span(text)));
    } catch (const mesh::DecodeError&) {
        return mesh::Value(text);
    }
}

std::string show(const mesh::Value& value) {
    try {
        mesh::Buffer out;
        mesh::encode_value(mesh::Serde::json, value, out);
        return std::string(out.text());
    } catch (const mesh::EncodeError&) {
        return value.to_string(std::size_t{1} << 20);
    }
}

}  // namespace weft::tool
