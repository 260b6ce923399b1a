// A server's refusals become typed errors; nothing that it sends makes the parser fail.
#include "status_codec.hpp"

#include <google/rpc/status.pb.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <p4/v1/p4runtime.pb.h>

namespace weft::p4runtime {
namespace {

std::string details(const std::vector<Code>& codes) {
    google::rpc::Status status;
    status.set_code(2);
    for (const Code code : codes) {
        p4::v1::Error error;
        error.set_canonical_code(static_cast<int>(code));
        if (code != Code::ok) error.set_message("no");
        error.set_space("weft");
        error.set_code(7);
        status.add_details()->PackFrom(error);
    }
    return status.SerializeAsString();
}

void fail_with(const std::vector<Code>& codes, Code code = Code::unknown) {
    throw_request_failure("insert into 't'", code, "", parse_update_statuses(details(codes)));
}

TEST(StatusCodec, keeps_every_status_in_order) {
    const auto statuses = parse_update_statuses(details({Code::ok, Code::already_exists, Code::ok}));
    ASSERT_EQ(statuses.size(), 3U);
    EXPECT_TRUE(statuses[0].ok());
    EXPECT_EQ(statuses[1], UpdateStatus(Code::already_exists, "no", "weft", 7));
}

TEST(StatusCodec, a_single_refused_update_is_the_error_of_its_status) {
    EXPECT_THROW(fail_with({Code::already_exists}), DuplicateEntryError);
    EXPECT_THROW(fail_with({Code::not_found}), EntryNotFoundError);
    try {
        fail_with({Code::permission_denied});
        FAIL();
    } catch (const NotPrimaryError&) {
        FAIL() << "a constant table says nothing about this client's role";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::permission_denied);
        EXPECT_STREQ(error.what(), "insert into 't': no (PERMISSION_DENIED)");
    }
}

TEST(StatusCodec, a_batch_keeps_all_statuses) {
    std::vector<Code> codes(1000, Code::ok);
    for (std::size_t i = 3; i < codes.size(); i += 7) codes[i] = Code::not_found;
    try {
        fail_with(codes);
        FAIL();
    } catch (const BatchError& error) {
        ASSERT_EQ(error.statuses().size(), codes.size());
        for (std::size_t i = 0; i < codes.size(); ++i) EXPECT_EQ(error.statuses()[i].code, codes[i]) << i;
        EXPECT_EQ(error.failed(), 143U);
        EXPECT_NE(std::string(error.what()).find("143 of 1000 updates failed, the first is number 4"),
                  std::string::npos)
            << error.what();
    }
}

TEST(StatusCodec, a_refused_request_is_the_error_of_its_own_status) {
    EXPECT_THROW(fail_with({}, Code::permission_denied), NotPrimaryError);
    EXPECT_THROW(fail_with({}, Code::failed_precondition), PipelineError);
    EXPECT_THROW(fail_with({}, Code::unavailable), ConnectionError);
    EXPECT_THROW(fail_with({}, Code::cancelled), OperationCancelledError);
    EXPECT_THROW(fail_with({}, Code::deadline_exceeded), TimeoutError);
    EXPECT_THROW(fail_with({}, Code::internal), Error);
}

TEST(StatusCodec, foreign_or_damaged_details_give_no_statuses) {
    google::rpc::Status status;
    status.add_details()->set_type_url("type.googleapis.com/google.rpc.Status");
    EXPECT_TRUE(parse_update_statuses(status.SerializeAsString()).empty());
    EXPECT_TRUE(parse_update_statuses("\xff\xff\xff").empty());
    EXPECT_TRUE(parse_update_statuses("").empty());
    std::string cut = details({Code::ok, Code::not_found});
    for (std::size_t size = 0; size < cut.size(); ++size) (void)parse_update_statuses(cut.substr(0, size));
}

}  // namespace
}  // namespace weft::p4runtime
