// The reflection service: what grpcurl asks for.
#include "grpc/reflection/v1/reflection.pb.h"

#include <weft/core.hpp>
#include <weft/grpc/channel.hpp>
#include <weft/grpc/health_service.hpp>
#include <weft/grpc/protobuf.hpp>
#include <weft/grpc/reflection_service.hpp>
#include <weft/testing/co_test.hpp>

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <vector>

namespace weft::test {
namespace {

using Request = ::grpc::reflection::v1::ServerReflectionRequest;
using Response = ::grpc::reflection::v1::ServerReflectionResponse;

Task<void> ask_everything(std::string package) {
    grpc::Server server;
    grpc::HealthService health;
    grpc::ReflectionService reflection(server);
    server.add_service(health);
    server.add_service(reflection);
    const int port = server.add_insecure_port("127.0.0.1:0");
    co_await server.start();
    auto channel = grpc::insecure_channel("127.0.0.1:" + std::to_string(port));
    auto call =
        channel.stream_stream<Request, Response>("/" + package + ".ServerReflection/ServerReflectionInfo")();

    Request request;
    request.set_list_services("*");
    co_await call.write(request);
    auto response = co_await call.read();
    std::vector<std::string> names;
    for (const auto& service : response->list_services_response().service()) names.push_back(service.name());
    EXPECT_EQ(names, (std::vector<std::string>{"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                               "grpc.reflection.v1alpha.ServerReflection"}));

    request.set_file_containing_symbol("grpc.health.v1.Health.Check");
    co_await call.write(request);
    response = co_await call.read();
    google::protobuf::FileDescriptorProto file;
    EXPECT_EQ(response->file_descriptor_response().file_descriptor_proto_size(), 1);
    EXPECT_TRUE(file.ParseFromString(response->file_descriptor_response().file_descriptor_proto(0)));
    EXPECT_EQ(file.name(), "grpc/health/v1/health.proto");
    EXPECT_EQ(response->original_request().file_containing_symbol(), "grpc.health.v1.Health.Check");

    request.set_file_by_filename("google/protobuf/descriptor.proto");
    co_await call.write(request);
    response = co_await call.read();
    EXPECT_EQ(response->file_descriptor_response().file_descriptor_proto_size(), 1);

    request.set_file_by_filename("no/such.proto");
    co_await call.write(request);
    response = co_await call.read();
    EXPECT_EQ(response->error_response().error_code(), 5);

    request.set_all_extension_numbers_of_type("grpc.health.v1.HealthCheckRequest");
    co_await call.write(request);
    response = co_await call.read();
    EXPECT_EQ(response->all_extension_numbers_response().extension_number_size(), 0);

    request.mutable_file_containing_extension()->set_containing_type("no.Such");
    co_await call.write(request);
    response = co_await call.read();
    EXPECT_EQ(response->error_response().error_code(), 5);

    call.done_writing();
    auto end = co_await call.read();
    EXPECT_FALSE(end.has_value());
    co_await channel.close();
    co_await server.stop();
}

CO_TEST(Reflection, v1_lists_and_describes) { return ask_everything("grpc.reflection.v1"); }
CO_TEST(Reflection, v1alpha_does_the_same) { return ask_everything("grpc.reflection.v1alpha"); }

}  // namespace
}  // namespace weft::test
