// A server's refusal to the errors of error.hpp. Knows google.rpc.Status, nothing of gRPC calls.
#pragma once

#include <weft/p4runtime/error.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace weft::p4runtime {

// The p4.v1.Error of each update, from a serialised google.rpc.Status (grpc-status-details-bin). Empty when
// the bytes are no such message or hold no such details. Never throws: a peer may send anything.
[[nodiscard]] std::vector<UpdateStatus> parse_update_statuses(std::string_view status_bytes);

// Throws what a failed request means. what was tried, as in "insert into 'MyIngress.ipv4_lpm'".
//   statuses with exactly one element   the leaf of that status
//   statuses with more                  BatchError
//   no statuses                         the leaf of the request's own status
[[noreturn]] void throw_request_failure(const std::string& what, Code code, const std::string& message,
                                        std::vector<UpdateStatus> statuses);

}  // namespace weft::p4runtime
