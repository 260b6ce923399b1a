// Controller: the P4Runtime clients of a network's switches, used together.
#pragma once

#include <weft/core/task.hpp>
#include <weft/core/timer.hpp>
#include <weft/lab/route_plan.hpp>
#include <weft/p4runtime/table_entry.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weft::p4runtime {
class Client;
}

namespace weft::lab {

class Network;

// Packets and bytes of one port, as the program on the switch counts them.
struct PortCounters {
    std::uint32_t port;
    p4runtime::CounterData ingress;
    p4runtime::CounterData egress;
};

struct SwitchCounters {
    std::string switch_name;
    std::vector<PortCounters> ports;
};

struct InstallTimes {
    Duration concurrently;
    Duration one_by_one;
};

// Owns one client a switch. Everything is done on all switches at once unless the name says otherwise.
// Belongs to one loop; the network must outlive it.
class Controller {
public:
    // Connects to every switch and becomes primary there. Throws p4runtime::Error.
    [[nodiscard]] static Task<std::unique_ptr<Controller>> connect(Network& network);
    ~Controller();

    // Pushes each switch's program. Throws SystemError when a program's file cannot be read,
    // p4runtime::PipelineError when the switch refuses it.
    [[nodiscard]] Task<void> push_pipelines();

    // plan_routes() for the switches whose program has such a table. After push_pipelines().
    [[nodiscard]] std::vector<SwitchRoutes> plan_routes(const RouteTable& names = RouteTable());

    // Inserts the entries of all switches, one request an entry, all at once.
    [[nodiscard]] Task<void> install(std::vector<SwitchRoutes> routes);
    // The same writes, each after the one before has been answered.
    [[nodiscard]] Task<void> install_one_by_one(std::vector<SwitchRoutes> routes);
    [[nodiscard]] Task<void> remove(std::vector<SwitchRoutes> routes);

    // Installs the routes both ways, `rounds` times in turn, and leaves them installed. Medians.
    [[nodiscard]] Task<InstallTimes> measure_install(std::vector<SwitchRoutes> routes, unsigned rounds = 5);

    // The port counters of each switch whose program counts ports as `fabric` does; others are left out.
    [[nodiscard]] Task<std::vector<SwitchCounters>> read_port_counters();

    // Throws Error for a name that is none of a switch.
    [[nodiscard]] p4runtime::Client& client(std::string_view switch_name);

    [[nodiscard]] Task<void> close();

private:
    struct Member;
    explicit Controller(Network& network);
    Task<void> for_each_switch(Task<void> (Controller::*step)(Member& member));
    Task<void> connect_one(Member& member);
    Task<void> push_one(Member& member);
    Task<void> close_one(Member& member);
    Task<SwitchCounters> read_one(Member& member);
    Member& member(std::string_view switch_name);

    Network& network_;
    std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace weft::lab
