#include "service_config.hpp"

#include <weft/core/error.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

namespace weft::grpc::detail {

namespace {

using nlohmann::json;

constexpr int most_attempts = 5;

[[noreturn]] void refuse(const std::string& what) { throw UsageError("service config: " + what); }

// "1.5s", as protobuf's JSON writes durations.
Duration duration_of(const json& value, const std::string& where) {
    const std::string text = value.is_string() ? value.get<std::string>() : std::string();
    std::size_t used = 0;
    double seconds = -1;
    try {
        seconds = std::stod(text, &used);
    } catch (const std::exception&) {
        used = 0;
    }
    constexpr double most = 1e9;
    if (used == 0 || text.substr(used) != "s" || !(seconds >= 0) || seconds > most)
        refuse(where + " is '" + value.dump() + "'; write seconds as \"1.5s\"");
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

std::size_t size_of(const json& value, const std::string& where) {
    // protobuf's JSON writes 64-bit numbers as strings, too.
    if (value.is_number_unsigned()) return value.get<std::size_t>();
    if (value.is_string()) {
        const std::string text = value.get<std::string>();
        if (!text.empty() && text.size() < 19 &&
            std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }))
            return std::stoull(text);
    }
    refuse(where + " is " + value.dump() + ", not a number of bytes");
}

double number_of(const json& value, const std::string& where) {
    if (!value.is_number() || !(value.get<double>() > 0)) refuse(where + " is no number above 0");
    return value.get<double>();
}

StatusCode code_of(const json& value) {
    for (int code = 0; code <= 16; ++code) {
        const auto status = static_cast<StatusCode>(code);
        if (value.is_number_integer() && value.get<int>() == code) return status;
        if (value.is_string() && value.get<std::string>() == to_string(status)) return status;
    }
    refuse("there is no status code " + value.dump());
}

RetryPolicy retry_of(const json& value) {
    RetryPolicy policy;
    const json attempts = value.value("maxAttempts", json());
    if (!attempts.is_number_integer() || attempts.get<int>() < 2) refuse("maxAttempts is below 2");
    policy.max_attempts = std::min(attempts.get<int>(), most_attempts);
    policy.initial_backoff = duration_of(value.value("initialBackoff", json()), "initialBackoff");
    policy.max_backoff = duration_of(value.value("maxBackoff", json()), "maxBackoff");
    policy.multiplier = number_of(value.value("backoffMultiplier", json()), "backoffMultiplier");
    const json codes = value.value("retryableStatusCodes", json());
    if (!codes.is_array() || codes.empty()) refuse("retryableStatusCodes is no list with codes");
    for (const json& code : codes) policy.codes.add(code_of(code));
    if (policy.initial_backoff <= Duration::zero() || policy.max_backoff <= Duration::zero())
        refuse("initialBackoff and maxBackoff must be above 0");
    return policy;
}

HedgingPolicy hedging_of(const json& value) {
    HedgingPolicy policy;
    const json attempts = value.value("maxAttempts", json());
    if (!attempts.is_number_integer() || attempts.get<int>() < 2) refuse("hedging: maxAttempts is below 2");
    policy.max_attempts = std::min(attempts.get<int>(), most_attempts);
    if (const auto at = value.find("hedgingDelay"); at != value.end())
        policy.delay = duration_of(*at, "hedgingDelay");
    const json codes = value.value("nonFatalStatusCodes", json::array());
    if (!codes.is_array()) refuse("nonFatalStatusCodes is no list");
    for (const json& code : codes) policy.non_fatal.add(code_of(code));
    return policy;
}

MethodConfig method_of(const json& value) {
    MethodConfig config;
    if (const auto at = value.find("timeout"); at != value.end())
        config.timeout = duration_of(*at, "timeout");
    if (const auto at = value.find("waitForReady"); at != value.end()) {
        if (!at->is_boolean()) refuse("waitForReady is neither true nor false");
        config.wait_for_ready = at->get<bool>();
    }
    if (const auto at = value.find("maxRequestMessageBytes"); at != value.end())
        config.max_request = size_of(*at, "maxRequestMessageBytes");
    if (const auto at = value.find("maxResponseMessageBytes"); at != value.end())
        config.max_response = size_of(*at, "maxResponseMessageBytes");
    if (const auto at = value.find("retryPolicy"); at != value.end()) config.retry = retry_of(*at);
    if (const auto at = value.find("hedgingPolicy"); at != value.end()) {
        if (config.retry) refuse("a method has either a retryPolicy or a hedgingPolicy");
        if (!at->is_object()) refuse("hedgingPolicy is no object");
        config.hedging = hedging_of(*at);
    }
    return config;
}

std::string text_of(const json& object, const char* key) {
    const auto at = object.find(key);
    if (at == object.end() || at->is_null()) return {};
    if (!at->is_string()) refuse(std::string(key) + " is no string");
    return at->get<std::string>();
}

}  // namespace

Duration RetryPolicy::pause_before(int n) const {
    static thread_local std::minstd_rand random{std::random_device{}()};
    const double factor = std::pow(multiplier, n - 2);
    const double base = std::min(static_cast<double>(initial_backoff.count()) * factor,
                                 static_cast<double>(max_backoff.count()));
    return Duration(
        static_cast<Duration::rep>(base * std::uniform_real_distribution<double>(0.8, 1.2)(random)));
}

ServiceConfig::ServiceConfig(std::string_view text) {
    const json root = json::parse(text, nullptr, false);
    if (!root.is_object()) refuse("this is no JSON object");
    const auto object = [](const json& value, const char* what) -> const json& {
        if (!value.is_object()) refuse(std::string(what) + " is no object");
        return value;
    };
    const auto list = [](const json& value, const char* what) -> const json& {
        if (!value.is_array()) refuse(std::string(what) + " is no list");
        return value;
    };
    if (const auto methods = root.find("methodConfig"); methods != root.end()) {
        for (const json& entry : list(*methods, "methodConfig")) {
            configs_.push_back(method_of(object(entry, "an entry of methodConfig")));
            const json names = entry.value("name", json::array());
            for (const json& name : list(names, "name")) {
                const std::string service = text_of(object(name, "a name"), "service");
                const std::string method = text_of(name, "method");
                if (service.empty() && !method.empty()) refuse("the method '" + method + "' has no service");
                const std::string key = service.empty() ? "" : service + "/" + method;
                if (!names_.emplace(key, configs_.size() - 1).second)
                    refuse("'" + key + "' is configured twice");
            }
        }
    }
    if (const auto throttling = root.find("retryThrottling"); throttling != root.end()) {
        object(*throttling, "retryThrottling");
        const double tokens = number_of(throttling->value("maxTokens", json()), "maxTokens");
        if (tokens > 1000) refuse("maxTokens is above 1000");
        throttle_ = RetryThrottle(tokens, number_of(throttling->value("tokenRatio", json()), "tokenRatio"));
    }
    if (const auto policies = root.find("loadBalancingConfig"); policies != root.end()) {
        for (const json& policy : list(*policies, "loadBalancingConfig")) {
            for (const char* known : {"pick_first", "round_robin"})
                if (balancing_.empty() && object(policy, "a load balancing policy").contains(known))
                    balancing_ = known;
        }
        if (balancing_.empty() && !policies->empty())
            refuse("no policy of loadBalancingConfig is known; there are pick_first and round_robin");
    }
    if (const auto health = root.find("healthCheckConfig"); health != root.end())
        health_service_ = text_of(object(*health, "healthCheckConfig"), "serviceName");
}

const MethodConfig* ServiceConfig::find(std::string_view method) const noexcept {
    if (names_.empty()) return nullptr;
    if (method.starts_with('/')) method.remove_prefix(1);
    auto at = names_.find(method);
    if (at == names_.end()) at = names_.find(method.substr(0, method.rfind('/') + 1));
    if (at == names_.end()) at = names_.find(std::string_view());
    return at == names_.end() ? nullptr : &configs_[at->second];
}

}  // namespace weft::grpc::detail
