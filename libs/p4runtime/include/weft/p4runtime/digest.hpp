// Digests: short messages that the data plane sends to its controller in lists.
#pragma once

#include <weft/p4runtime/data.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace weft::p4runtime {

// How the switch batches a digest. INSERT switches the digest on, DELETE off.
class DigestEntry {
public:
    DigestEntry() = default;
    explicit DigestEntry(std::string digest_) : digest(std::move(digest_)) {}

    DigestEntry& timing(std::chrono::nanoseconds send_after, std::int32_t send_at,
                        std::chrono::nanoseconds resend_after) & {
        max_timeout = send_after;
        max_list_size = send_at;
        ack_timeout = resend_after;
        return *this;
    }
    DigestEntry&& timing(std::chrono::nanoseconds send_after, std::int32_t send_at,
                         std::chrono::nanoseconds resend_after) && {
        return std::move(timing(send_after, send_at, resend_after));
    }

    std::string digest;
    std::chrono::nanoseconds max_timeout{0};  // 0: send at once
    std::int32_t max_list_size = 1;
    std::chrono::nanoseconds ack_timeout{0};  // an un-acked message is not sent again before this

    friend bool operator==(const DigestEntry&, const DigestEntry&) = default;
};

// One list as it arrived. It is acknowledged by the client unless told otherwise.
class DigestList {
public:
    DigestList() = default;

    std::string digest;
    std::uint64_t list_id = 0;
    std::vector<Data> messages;
    std::chrono::nanoseconds timestamp{0};  // of the switch's own clock
};

}  // namespace weft::p4runtime
