#include "tls_session.hpp"

#include "tls_advice.hpp"

#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/socket_address.hpp>

#include <algorithm>
#include <array>
#include <cstring>

#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace weft::detail {

namespace {

// RFC 8446 5.1: a record's plaintext.
constexpr std::size_t record_size = SSL3_RT_MAX_PLAIN_LENGTH;
// Answers to a peer that asks and never reads (KeyUpdate), beyond a write of our own.
constexpr std::size_t max_output = std::size_t{1} << 20;
// What one try_write() encrypts at most, so that a huge write lets other tasks run.
constexpr std::size_t max_write = std::size_t{256} << 10;
constexpr Duration linger_limit = std::chrono::seconds(10);
constexpr Duration last_linger_limit = std::chrono::seconds(1);

TlsSession& session_of(BIO* bio);

}  // namespace

// The BIO's functions, as C calls them.
struct TlsBio {
    static int read(BIO* bio, char* data, std::size_t size, std::size_t* got) {
        BIO_clear_retry_flags(bio);
        const int result = session_of(bio).bio_read(data, size, got);
        if (result < 0) BIO_set_retry_read(bio);
        return result > 0 ? 1 : 0;
    }
    static int write(BIO* bio, const char* data, std::size_t size, std::size_t* put) {
        BIO_clear_retry_flags(bio);
        if (!session_of(bio).bio_write(data, size)) return 0;
        *put = size;
        return 1;
    }
    static long control(BIO* bio, int command, long, void*) {
        switch (command) {
            case BIO_CTRL_FLUSH:
                return 1;
            case BIO_CTRL_EOF:
                return session_of(bio).stream_ended_ ? 1 : 0;
            default:
                return 0;
        }
    }
    static const BIO_METHOD* method() {
        static const BioMethodPtr made = [] {
            BioMethodPtr m(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weft stream"));
            if (!m || BIO_meth_set_read_ex(m.get(), read) != 1 ||
                BIO_meth_set_write_ex(m.get(), write) != 1 || BIO_meth_set_ctrl(m.get(), control) != 1)
                throw_tls_configuration("register a BIO with OpenSSL");
            return m;
        }();
        return made.get();
    }
};

namespace {

TlsSession& session_of(BIO* bio) { return *static_cast<TlsSession*>(BIO_get_data(bio)); }

}  // namespace

TlsSession::TlsSession(std::unique_ptr<Stream> stream, std::shared_ptr<TlsContext::State> context,
                       std::string name, std::vector<unsigned char> alpn)
    : stream_(std::move(stream)),
      context_(std::move(context)),
      server_name_(std::move(name)),
      alpn_(std::move(alpn)),
      ssl_(context_->make_ssl()) {
    BIO* bio = BIO_new(TlsBio::method());
    if (!bio) throw_tls_configuration("begin a TLS connection");
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);  // takes it over
    SSL_set_app_data(ssl_.get(), this);
    if (is_server()) {
        prepare_server();
    } else {
        prepare_client();
    }
}

void TlsSession::prepare_client() {
    SSL* ssl = ssl_.get();
    SSL_set_connect_state(ssl);
    // 0 is success here, unlike everywhere else in OpenSSL.
    if (!alpn_.empty() && SSL_set_alpn_protos(ssl, alpn_.data(), static_cast<unsigned>(alpn_.size())) != 0)
        throw_tls_configuration("set the ALPN names");
    // RFC 6066 3: the name is without the final dot, and an address is no name.
    if (server_name_.size() > 1 && server_name_.back() == '.') server_name_.pop_back();
    const bool is_ip = SocketAddress::from_ip(server_name_, 0).has_value();
    if (!server_name_.empty() && !is_ip && SSL_set_tlsext_host_name(ssl, server_name_.c_str()) != 1)
        throw_tls_configuration("ask for the server name '" + server_name_ + "'");
    if (!context_->verify) {
        SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
        return;
    }
    if (server_name_.empty())
        throw UsageError("tls_connect() to " + stream_->peer() +
                         " without a server name: there is nothing to verify its certificate against");
    X509_VERIFY_PARAM* expected = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int ok = is_ip ? X509_VERIFY_PARAM_set1_ip_asc(expected, server_name_.c_str())
                         : X509_VERIFY_PARAM_set1_host(expected, server_name_.data(), server_name_.size());
    if (ok != 1) throw_tls_configuration("expect the server name '" + server_name_ + "'");
    SSL_set_verify(ssl, SSL_VERIFY_PEER, note_verification);
}

void TlsSession::prepare_server() {
    SSL_set_accept_state(ssl_.get());
    int mode = SSL_VERIFY_NONE;
    if (context_->client_certificate) {
        mode = SSL_VERIFY_PEER;
        if (*context_->client_certificate == TlsClientCertificate::required)
            mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
    SSL_set_verify(ssl_.get(), mode, note_verification);
}

// OpenSSL forgets the certificate that it refused; the message should name it.
int TlsSession::note_verification(int good, X509_STORE_CTX* verification) {
    if (good) return good;
    auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto& session = *static_cast<TlsSession*>(SSL_get_app_data(ssl));
    session.verification_result_ = X509_STORE_CTX_get_error(verification);
    try {
        X509* certificate = X509_STORE_CTX_get_current_cert(verification);
        if (!certificate) certificate = X509_STORE_CTX_get0_cert(verification);
        if (certificate)
            session.verification_detail_ =
                names_a_host(session.verification_result_)
                    ? "it is for " + names_of(certificate)
                    : "certificate of " + describe_certificate(certificate).subject;
    } catch (...) {
        session.verification_detail_.clear();  // out of memory; the verdict stands
    }
    return good;
}

std::string TlsSession::text() const {
    std::string name = server_name_;
    if (is_server() && ssl_)
        if (const char* asked = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name)) name = asked;
    return stream_->peer() + (name.empty() ? "" : " (" + name + ")");
}

void TlsSession::require_open() const {
    if (closed_) throw ClosedError("the TLS stream to " + text() + " is closed");
}

int TlsSession::bio_read(char* data, std::size_t size, std::size_t* got) noexcept {
    *got = 0;
    try {
        const IoResult result = stream_->try_read(std::as_writable_bytes(std::span(data, size)));
        if (result.status == IoResult::Status::would_block) return -1;
        stream_ended_ = result.status == IoResult::Status::end;
        *got = result.bytes;
        return stream_ended_ ? 0 : 1;
    } catch (...) {
        bio_error_ = std::current_exception();
        return 0;
    }
}

bool TlsSession::bio_write(const char* data, std::size_t size) noexcept {
    try {
        if (output_.empty()) {
            while (size > 0) {
                const ConstBuffer buffer{data, size};
                const IoResult result = stream_->try_write({&buffer, 1});
                if (result.status != IoResult::Status::ok) break;
                data += result.bytes;
                size -= result.bytes;
            }
        } else if (output_.size() > max_output) {
            throw TlsError(TlsError::Kind::protocol,
                           "TLS with " + text() + ": the peer asks for answers and does not read them");
        }
        const auto* rest = reinterpret_cast<const std::byte*>(data);
        output_.insert(output_.end(), rest, rest + size);
        return true;
    } catch (...) {
        bio_error_ = std::current_exception();
        return false;
    }
}

bool TlsSession::flush() {
    while (output_sent_ < output_.size()) {
        const ConstBuffer rest{output_.data() + output_sent_, output_.size() - output_sent_};
        const IoResult result = stream_->try_write({&rest, 1});
        if (result.status != IoResult::Status::ok) return false;
        output_sent_ += result.bytes;
    }
    // An idle connection holds no buffer.
    output_ = {};
    output_sent_ = 0;
    return true;
}

void TlsSession::flush_later() {
    if (output_.empty() || flushing_) return;
    flushing_ = true;
    try {
        flusher_ = spawn(run_flusher(shared_from_this()), "TLS output");
    } catch (...) {
        flushing_ = false;
        throw;
    }
}

Task<void> TlsSession::run_flusher(std::shared_ptr<TlsSession> session) {
    TlsSession& s = *session;
    bool asked_to_stop = false;
    try {
        for (;;) {
            const bool done = s.flush();
            if (done || (s.linger_ && Loop::current().now() >= s.linger_end_)) break;
            try {
                co_await s.stream_->write_readiness().wait();
            } catch (const Cancelled&) {
                // The loop ends. A stream that was closed before still sends what it took, but not for long.
                if (!s.closed_ || std::exchange(asked_to_stop, true)) throw;
                s.linger(last_linger_limit);
            }
        }
    } catch (const Cancelled&) {
        s.failure_ = std::make_exception_ptr(ClosedError("TLS with " + s.text() + " was aborted"));
    } catch (...) {
        if (!s.failure_) s.failure_ = std::current_exception();
    }
    s.flushing_ = false;
    s.writable.signal();
    if (s.closed_ || s.failure_) s.shut();
}

void TlsSession::linger(Duration limit) {
    Loop& loop = Loop::current();
    if (!linger_) linger_.emplace(stream_->write_readiness());
    linger_end_ = loop.now() + limit;
    loop.arm(*linger_, linger_end_);
}

std::exception_ptr TlsSession::explain_verification(const std::string& what, const std::string& reason) {
    const bool is_name = names_a_host(verification_result_);
    std::string text = what + ": " + reason;
    if (!verification_detail_.empty()) text += ": " + verification_detail_;
    text += verification_advice(verification_result_, is_server());
    return std::make_exception_ptr(
        TlsError(is_name ? TlsError::Kind::host_name : TlsError::Kind::verification, text, reason));
}

std::exception_ptr TlsSession::explain(int result, const char* doing) {
    const int kind = SSL_get_error(ssl_.get(), result);
    const unsigned long code = ERR_peek_last_error();
    // What TLS says comes first: its alert may have met a stream that was closed meanwhile.
    std::exception_ptr stream_error = std::exchange(bio_error_, nullptr);
    if (stream_error && code == 0) return failure_ = std::move(stream_error);
    const int reason_code = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    const std::string reason = take_openssl_error();
    const std::string what = std::string(doing) + " " + text();
    if (kind == SSL_ERROR_ZERO_RETURN) {
        failure_ = std::make_exception_ptr(
            TlsError(TlsError::Kind::protocol, what + ": the peer ended TLS (close_notify) in the handshake",
                     "close_notify"));
    } else if (reason_code == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        failure_ = explain_verification(what, X509_verify_cert_error_string(verification_result_));
    } else if (reason_code == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
        failure_ = std::make_exception_ptr(
            TlsError(TlsError::Kind::verification,
                     what + ": the client showed no certificate (it needs one that our client CA has signed)",
                     reason));
    } else if (reason_code > SSL_AD_REASON_OFFSET) {
        const int alert = reason_code - SSL_AD_REASON_OFFSET;
        failure_ = std::make_exception_ptr(
            TlsError(TlsError::Kind::alert,
                     what + ": the peer refused with alert " + std::to_string(alert) + " (" +
                         SSL_alert_desc_string_long(alert) + ")" + alert_advice(alert, is_server()),
                     reason, alert));
    } else if (reason_code == SSL_R_UNEXPECTED_EOF_WHILE_READING || stream_ended_) {
        const char* advice = established_ ? " without close_notify: bytes may be missing"
                                          : " in the handshake: does it speak TLS, and this version?";
        failure_ = std::make_exception_ptr(
            TlsError(TlsError::Kind::truncated, what + ": the peer vanished" + advice, reason));
    } else {
        failure_ = std::make_exception_ptr(
            TlsError(TlsError::Kind::protocol,
                     what + ": " + reason + protocol_advice(reason_code, is_server()), reason));
    }
    return failure_;
}

TlsSession::Progress TlsSession::shake_hands() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
        established_ = true;
        return Progress::done;
    }
    if (!bio_error_ && SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return Progress::wants_read;
    std::rethrow_exception(explain(result, "TLS handshake with"));
}

IoResult TlsSession::try_read(std::span<std::byte> buffer) {
    require_open();
    if (buffer.empty()) return IoResult::done(0);
    if (failure_) std::rethrow_exception(failure_);
    ERR_clear_error();
    std::size_t total = 0;
    while (total < buffer.size()) {
        std::size_t n = 0;
        const int result = SSL_read_ex(ssl_.get(), buffer.data() + total, buffer.size() - total, &n);
        if (result == 1) {
            total += n;
            // Else the next call would cost a system call to learn that there is no more.
            if (SSL_has_pending(ssl_.get()) == 0) break;
            continue;
        }
        const int kind = bio_error_ ? SSL_ERROR_SYSCALL : SSL_get_error(ssl_.get(), result);
        if (kind == SSL_ERROR_WANT_READ) break;
        if (kind == SSL_ERROR_ZERO_RETURN) {
            if (total > 0) break;
            return IoResult::end_of_stream();
        }
        const std::exception_ptr error = explain(result, "read from TLS stream of");
        if (total > 0) break;  // the next call throws
        std::rethrow_exception(error);
    }
    flush_later();  // the answer to a KeyUpdate
    return total > 0 ? IoResult::done(total) : IoResult::again();
}

bool TlsSession::write_record(const void* data, std::size_t size) {
    std::size_t n = 0;
    const int result = SSL_write_ex(ssl_.get(), data, size, &n);
    if (result != 1) std::rethrow_exception(explain(result, "write to TLS stream of"));
    return output_.empty();
}

IoResult TlsSession::try_write(std::span<const ConstBuffer> buffers) {
    require_open();
    if (failure_) std::rethrow_exception(failure_);
    if (write_ended_) throw ClosedError("write to " + text() + " after shutdown_write()");
    buffers = buffers.first(std::min<std::size_t>(buffers.size(), 64));
    std::size_t left = 0;
    for (const ConstBuffer& b : buffers) left += b.size;
    if (left == 0) return IoResult::done(0);
    if (!output_.empty() && (flushing_ || !flush())) {
        flush_later();
        return IoResult::again();
    }
    ERR_clear_error();
    left = std::min(left, max_write);
    std::size_t written = 0;
    std::size_t offset = 0;  // into the first buffer
    for (bool room = true; room && left > 0;) {
        if (offset == buffers.front().size) {
            buffers = buffers.subspan(1);
            offset = 0;
            continue;
        }
        const auto* first = static_cast<const std::byte*>(buffers.front().data) + offset;
        const std::size_t first_size = std::min(buffers.front().size - offset, left);
        std::size_t n = std::min(first_size, record_size);
        if (n == record_size || n == left) {
            room = write_record(first, n);
            offset += n;
        } else {
            // Small pieces share a record: a header, a tag and a system call for each would cost more than
            // the copy.
            std::array<std::byte, record_size> record;
            for (n = 0; n < std::min(left, record_size);) {
                const ConstBuffer& b = buffers.front();
                const std::size_t part = std::min({b.size - offset, record_size - n, left - n});
                if (part > 0)
                    std::memcpy(record.data() + n, static_cast<const std::byte*>(b.data) + offset, part);
                n += part;
                offset += part;
                if (offset == b.size) {
                    buffers = buffers.subspan(1);
                    offset = 0;
                }
            }
            room = write_record(record.data(), n);
        }
        written += n;
        left -= n;
    }
    flush_later();
    return IoResult::done(written);
}

void TlsSession::shutdown_write() {
    require_open();
    if (failure_) std::rethrow_exception(failure_);
    if (std::exchange(write_ended_, true)) return;
    ERR_clear_error();
    // 0: sent, the peer's own has not come yet.
    const int result = SSL_shutdown(ssl_.get());
    if (result < 0 || bio_error_) std::rethrow_exception(explain(result, "end TLS stream to"));
    flush_later();
}

void TlsSession::close() noexcept {
    if (std::exchange(closed_, true)) return;
    try {
        if (established_ && !failure_ && !write_ended_) {
            ERR_clear_error();
            SSL_shutdown(ssl_.get());
            bio_error_ = nullptr;
            ERR_clear_error();
        }
        if (established_ && !failure_) {
            // A kernel resets a connection that is closed with bytes unread, and the reset overtakes what we
            // wrote. A TLS 1.3 server's ticket is such bytes for a client that only writes.
            std::array<std::byte, 4096> unread;
            for (int i = 0; i < 16; ++i)
                if (stream_->try_read(unread).status != IoResult::Status::ok) break;
        }
        flush_later();
        if (flushing_ && !failure_) {
            linger(linger_limit);
            stream_->read_readiness().signal();
            writable.signal();
            return;
        }
    } catch (...) {
        // The stream underneath is broken, or no loop runs any more: there is nothing left to send.
        ERR_clear_error();
    }
    shut();
}

void TlsSession::shut() noexcept {
    linger_.reset();
    stream_->close();
    writable.signal();
}

}  // namespace weft::detail
