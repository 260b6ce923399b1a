// Any bytes as WriteRequest, ReadRequest and StreamMessageRequest of a primary client: the service answers
// each.
#include "service_core.hpp"

#include <weft/core/loop.hpp>
#include <weft/core/task.hpp>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

namespace {

using namespace weft;
using namespace weft::p4switch;

std::string contents(const std::string& name) {
    std::ifstream file(std::string(WEFT_P4_FOLDER) + "/" + name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

Task<void> answer(const std::uint8_t* data, int size) {
    SwitchDevice device;
    P4RuntimeService service(device);
    static const std::string p4info = contents("fabric/fabric.p4info.txtpb");
    static const std::string program = contents("fabric/fabric.json");
    service.install(p4info, program);
    ServiceCore& core = *service.core();
    const auto outbox = std::make_shared<ServiceCore::Outbox>(64);
    const auto stream = core.open_stream(outbox);
    p4::v1::StreamMessageRequest hello;
    hello.mutable_arbitration()->set_device_id(1);
    hello.mutable_arbitration()->mutable_election_id()->set_low(1);
    (void)core.receive(stream, hello);

    p4::v1::WriteRequest write;
    if (write.ParseFromArray(data, size)) {
        write.set_device_id(1);
        write.clear_role();
        write.clear_atomicity();
        write.mutable_election_id()->set_high(0);
        write.mutable_election_id()->set_low(1);
        (void)core.write(write);
    }
    p4::v1::ReadRequest read;
    if (read.ParseFromArray(data, size)) {
        read.set_device_id(1);
        (void)core.read(read, [](p4::v1::ReadResponse&&) {});
    }
    p4::v1::StreamMessageRequest message;
    if (message.ParseFromArray(data, size)) (void)core.receive(stream, message);
    core.close_stream(stream);
    co_return;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 1U << 20) return 0;
    Loop loop;
    loop.run(answer(data, static_cast<int>(size)));
    return 0;
}
