// A consumer without CMake and without coroutines.
#include <weft/grpc/sync.hpp>
#include <weft/lab/topology.hpp>

int main() {
    auto channel = weft::grpc::sync::insecure_channel("127.0.0.1:1");
    const bool idle = channel.get_state() == weft::grpc::ChannelConnectivity::idle;
    return idle && weft::lab::Topology().problems().empty() ? 0 : 1;
}
