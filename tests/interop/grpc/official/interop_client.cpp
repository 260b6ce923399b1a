// weft's interop client, with the official flags.
//     interop_client --server_host=127.0.0.1 --server_port=10000 --test_case=empty_unary,large_unary
//         [--use_tls=true --use_test_ca=true --ca_file=… --server_host_override=…]
//         [--service_config_json=… --additional_metadata='key:value;…' --soak_iterations=… …]
//         [--concurrent_calls=1000]
// Prints "PASS case" or "FAIL case: why" for each case; exits with 1 when one failed.
#include "interop_cases.hpp"
#include "interop_flags.hpp"

#include <weft/core.hpp>
#include <weft/grpc/client_interceptor.hpp>

#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace interop {
namespace {

using namespace std::chrono_literals;
using weft::Task;

// --additional_metadata: "key:value;key:value" on every call.
class AdditionalMetadata final : public weft::grpc::ClientInterceptor {
public:
    explicit AdditionalMetadata(const std::string& text) {
        std::size_t at = 0;
        while (at < text.size()) {
            const auto end = std::min(text.find(';', at), text.size());
            const auto entry = text.substr(at, end - at);
            const auto colon = entry.find(':');
            if (colon == std::string::npos)
                throw std::invalid_argument("--additional_metadata: '" + entry + "' has no colon");
            metadata_.add(entry.substr(0, colon), entry.substr(colon + 1));
            at = end + 1;
        }
    }
    Task<weft::Pimpl<weft::grpc::RawCall>> intercept(weft::grpc::CallDetails details,
                                                     std::optional<std::string> request,
                                                     weft::grpc::ClientContinuation& next) override {
        for (const auto& [key, value] : metadata_) details.metadata.add(key, value);
        return next(std::move(details), std::move(request));
    }

private:
    weft::grpc::Metadata metadata_;
};

class Connector {
public:
    explicit Connector(Flags flags) : flags_(std::move(flags)) {
        const std::string metadata = flags_.text("additional_metadata");
        if (!metadata.empty()) metadata_.emplace(metadata);
    }
    weft::grpc::Channel connect() {
        auto options = weft::grpc::ChannelOptions().service_config(flags_.text("service_config_json"));
        if (metadata_) options.interceptors.push_back(&*metadata_);
        const std::string target =
            flags_.text("server_host", "localhost") + ":" + flags_.text("server_port", "10000");
        if (!flags_.on("use_tls")) return weft::grpc::insecure_channel(target, std::move(options));
        auto tls = weft::TlsContext::client().alpn("h2");
        if (flags_.on("use_test_ca")) std::move(tls).without_system_cas().ca_file(flags_.text("ca_file"));
        std::move(options).ssl_target_name_override(flags_.text("server_host_override"));
        return weft::grpc::secure_channel(target, tls, std::move(options));
    }

private:
    Flags flags_;
    std::optional<AdditionalMetadata> metadata_;
};

SoakOptions soak_options(const Flags& flags) {
    SoakOptions soak;
    soak.iterations = flags.number("soak_iterations", soak.iterations);
    soak.max_failures = flags.number("soak_max_failures", soak.max_failures);
    soak.max_latency_ms = flags.number("soak_per_iteration_max_acceptable_latency_ms", soak.max_latency_ms);
    soak.overall_timeout_seconds = flags.number("soak_overall_timeout_seconds", soak.overall_timeout_seconds);
    soak.min_ms_between = flags.number("soak_min_time_ms_between_rpcs", soak.min_ms_between);
    soak.request_size = flags.number("soak_request_size", soak.request_size);
    soak.response_size = flags.number("soak_response_size", soak.response_size);
    return soak;
}

Task<int> run_cases(Flags flags) {
    Connector connector(flags);
    Cases cases([&connector] { return connector.connect(); }, soak_options(flags),
                flags.number("concurrent_calls", 1000));
    const std::vector<std::string> names = Flags::list(flags.text("test_case", "large_unary"));
    int failed = 0;
    for (const std::string& name : names) {
        std::string why;
        try {
            co_await weft::timeout(60s, cases.run(name));
        } catch (const weft::Cancelled&) {
            throw;
        } catch (const std::exception& error) {
            why = error.what();
            if (why.empty()) why = "an exception without text";
        }
        if (why.empty()) {
            std::printf("PASS %s\n", name.c_str());
        } else {
            std::printf("FAIL %s: %s\n", name.c_str(), why.c_str());
            failed = 1;
        }
        std::fflush(stdout);
    }
    co_await cases.close();
    co_return failed;
}

}  // namespace
}  // namespace interop

int main(int argc, char** argv) {
    try {
        return weft::run(interop::run_cases(interop::Flags(argc, argv)));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
}
