// TlsSession: one TLS connection over a stream, without waiting. What TlsStream and the handshake share.
#pragma once

#include "tls_openssl.hpp"
#include "wake_timer.hpp"

#include <weft/core/readiness.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/stream.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weft::detail {

// OpenSSL reads from and writes to the stream through a BIO of ours. Writing into the BIO always succeeds:
// what the stream has no room for goes to output_, and the flusher, a task that exists while output_ is not
// empty, sends it. So reading never has to wait for room to write (a KeyUpdate's answer), nor the other way
// round. Nothing new is encrypted while output_ is not empty, which bounds it.
class TlsSession final : public std::enable_shared_from_this<TlsSession> {
public:
    // `alpn`: as detail::alpn_wire() has it.
    TlsSession(std::unique_ptr<Stream> stream, std::shared_ptr<TlsContext::State> context, std::string name,
               std::vector<unsigned char> alpn);
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;
    ~TlsSession() = default;

    enum class Progress { done, wants_read };
    // One step of the handshake. Throws TlsError and what the stream throws.
    Progress shake_hands();

    IoResult try_read(std::span<std::byte> buffer);
    IoResult try_write(std::span<const ConstBuffer> buffers);
    void shutdown_write();
    void close() noexcept;

    // Sends what waits in output_; true when that is all gone. Throws what the stream throws.
    bool flush();
    // Sends it in the background.
    void flush_later();

    [[nodiscard]] Stream& stream() const noexcept { return *stream_; }
    [[nodiscard]] SSL* ssl() const noexcept { return ssl_.get(); }
    [[nodiscard]] const std::vector<unsigned char>& alpn() const noexcept { return alpn_; }
    [[nodiscard]] bool is_server() const noexcept { return context_->is_server; }
    [[nodiscard]] Duration handshake_timeout() const noexcept { return context_->handshake_timeout; }
    // "the TLS stream to ipv4:127.0.0.1:443 (sw1)"
    [[nodiscard]] std::string text() const;
    void require_open() const;

    Readiness writable;

private:
    friend struct TlsBio;

    static int note_verification(int good, X509_STORE_CTX* verification);
    void prepare_client();
    void prepare_server();
    // Both see BIO calls, between which no exception may pass: bio_error_ keeps it.
    int bio_read(char* data, std::size_t size, std::size_t* got) noexcept;
    bool bio_write(const char* data, std::size_t size) noexcept;
    [[nodiscard]] bool write_record(const void* data, std::size_t size);

    // Explains why a call of OpenSSL failed; sets failure_.
    [[nodiscard]] std::exception_ptr explain(int result, const char* doing);
    [[nodiscard]] std::exception_ptr explain_verification(const std::string& what, const std::string& reason);
    void linger(Duration limit);
    void shut() noexcept;

    static Task<void> run_flusher(std::shared_ptr<TlsSession> session);

    std::unique_ptr<Stream> stream_;
    std::shared_ptr<TlsContext::State> context_;
    std::string server_name_;
    std::vector<unsigned char> alpn_;
    SslPtr ssl_;
    std::vector<std::byte> output_;
    std::size_t output_sent_ = 0;
    std::exception_ptr bio_error_;
    std::exception_ptr failure_;  // the session is good for close() only
    std::string verification_detail_;
    long verification_result_ = 0;
    TaskHandle<void> flusher_;  // holds this session: the cycle ends with the task
    std::optional<WakeTimer> linger_;
    TimePoint linger_end_;
    bool stream_ended_ = false;
    bool established_ = false;
    bool write_ended_ = false;
    bool flushing_ = false;
    bool closed_ = false;
};

}  // namespace weft::detail
