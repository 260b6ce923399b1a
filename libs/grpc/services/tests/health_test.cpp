// The health service, as its clients see it.
#include "grpc/health/v1/health.pb.h"

#include <weft/core.hpp>
#include <weft/grpc/channel.hpp>
#include <weft/grpc/health_service.hpp>
#include <weft/grpc/protobuf.hpp>
#include <weft/grpc/server.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

namespace weft::test {
namespace {

using grpc::ServingStatus;
using grpc::StatusCode;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

struct HealthPair {
    HealthPair() {
        server.add_service(health);
        target = "127.0.0.1:" + std::to_string(server.add_insecure_port("127.0.0.1:0"));
    }
    static HealthCheckRequest about(const std::string& service) {
        HealthCheckRequest request;
        request.set_service(service);
        return request;
    }
    grpc::HealthService health;
    grpc::Server server;
    std::string target;
};

CO_TEST(Health, check_knows_what_was_set) {
    HealthPair pair;
    pair.health.set("lab", ServingStatus::not_serving);
    co_await pair.server.start();
    auto channel = grpc::insecure_channel(pair.target);
    auto check = channel.unary_unary<HealthCheckRequest, HealthCheckResponse>("/grpc.health.v1.Health/Check");
    const auto whole = co_await check(HealthPair::about(""));
    EXPECT_EQ(whole.status(), HealthCheckResponse::SERVING);
    const auto lab = co_await check(HealthPair::about("lab"));
    EXPECT_EQ(lab.status(), HealthCheckResponse::NOT_SERVING);
    auto other = check(HealthPair::about("other"));
    const StatusCode code = co_await other.code();
    EXPECT_EQ(code, StatusCode::not_found);
    co_await channel.close();
    co_await pair.server.stop();
}

CO_TEST(Health, watch_tells_every_change_also_of_services_that_come_later) {
    HealthPair pair;
    co_await pair.server.start();
    auto channel = grpc::insecure_channel(pair.target);
    auto watch =
        channel.unary_stream<HealthCheckRequest, HealthCheckResponse>("/grpc.health.v1.Health/Watch");
    auto call = watch(HealthPair::about("lab"));
    auto answer = co_await call.read();
    EXPECT_EQ(answer->status(), HealthCheckResponse::SERVICE_UNKNOWN);
    pair.health.set("lab", ServingStatus::serving);
    answer = co_await call.read();
    EXPECT_EQ(answer->status(), HealthCheckResponse::SERVING);
    pair.health.set("lab", ServingStatus::serving);
    pair.health.shut_down();
    answer = co_await call.read();
    EXPECT_EQ(answer->status(), HealthCheckResponse::NOT_SERVING);
    pair.health.set("lab", ServingStatus::serving);
    call.cancel();
    auto check = channel.unary_unary<HealthCheckRequest, HealthCheckResponse>("/grpc.health.v1.Health/Check");
    const auto late = co_await check(HealthPair::about("lab"));
    EXPECT_EQ(late.status(), HealthCheckResponse::NOT_SERVING) << "after shut_down() nothing serves";
    co_await channel.close();
    co_await pair.server.stop();
}

CO_TEST(Health, list_names_all_up_to_a_hundred) {
    HealthPair pair;
    pair.health.set("a", ServingStatus::not_serving);
    co_await pair.server.start();
    auto channel = grpc::insecure_channel(pair.target);
    auto list = channel.unary_unary("/grpc.health.v1.Health/List");
    const std::string answer = co_await list("");
    EXPECT_EQ(answer, std::string("\x0A\x06\x0A\x00\x12\x02\x08\x01\x0A\x07\x0A\x01"
                                  "a\x12\x02\x08\x02",
                                  17));
    for (int i = 0; i < 100; ++i) pair.health.set("s" + std::to_string(i), ServingStatus::serving);
    auto many = list("");
    const StatusCode code = co_await many.code();
    EXPECT_EQ(code, StatusCode::resource_exhausted);
    co_await channel.close();
    co_await pair.server.stop();
}

}  // namespace
}  // namespace weft::test
