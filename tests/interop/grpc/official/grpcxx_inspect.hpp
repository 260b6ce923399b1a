// Whether grpc++ received a message compressed. Its own interop programs ask the same way: through the class
// that the contexts name as a friend, and the core's functions for tests, which the library exports but whose
// header Debian does not install.
#pragma once

#include <grpcpp/grpcpp.h>

#include <grpc/compression.h>

// GRPC_WRITE_INTERNAL_TEST_ONLY_WAS_COMPRESSED of the core.
inline constexpr unsigned message_was_compressed = 0x40000000U;

unsigned grpc_call_test_only_get_message_flags(grpc_call* call);

namespace grpc::testing {

class InteropClientContextInspector {
public:
    static bool compressed(const ::grpc::ClientContext& context) {
        return (grpc_call_test_only_get_message_flags(context.call_) & message_was_compressed) != 0;
    }
};

class InteropServerContextInspector {
public:
    static bool compressed(const ::grpc::ServerContext& context) {
        return (grpc_call_test_only_get_message_flags(context.call_.call) & message_was_compressed) != 0;
    }
};

}  // namespace grpc::testing
