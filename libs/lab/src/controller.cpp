#include <weft/core/gather.hpp>
#include <weft/lab/controller.hpp>
#include <weft/lab/error.hpp>
#include <weft/lab/network.hpp>
#include <weft/p4runtime/client.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

namespace weft::lab {

namespace {

// The counters of the program `fabric`, indexed by port.
constexpr const char* ingress_counter = "MyIngress.ingress_port_counter";
constexpr const char* egress_counter = "MyEgress.egress_port_counter";

template <class Info>
bool has_name(const std::vector<Info>& objects, std::string_view name) {
    return std::any_of(objects.begin(), objects.end(),
                       [&](const Info& object) { return object.name == name; });
}

Duration median(std::vector<Duration> times) {
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    return *middle;
}

enum class Operation { insert, remove };

Task<void> write_one(p4runtime::Client& client, p4runtime::TableEntry entry, Operation operation) {
    if (operation == Operation::insert) {
        co_await client.insert_table_entry(std::move(entry));
    } else {
        co_await client.delete_table_entry(std::move(entry));
    }
}

}  // namespace

struct Controller::Member {
    const Switch* spec;
    p4runtime::Client client;
};

Controller::Controller(Network& network) : network_(network) {
    for (const Switch& sw : network.topology().switches()) {
        members_.push_back(std::make_unique<Member>(Member{
            &sw,
            p4runtime::Client(p4runtime::ClientOptions(network.p4runtime_address(sw.name), sw.device_id))}));
    }
}

Controller::~Controller() = default;

Task<void> Controller::for_each_switch(Task<void> (Controller::*step)(Member&)) {
    std::vector<Task<void>> tasks;
    for (const auto& member : members_) tasks.push_back((this->*step)(*member));
    co_await gather(std::move(tasks));
}

Task<void> Controller::connect_one(Member& member) { co_await member.client.connect(); }
Task<void> Controller::close_one(Member& member) { co_await member.client.close(); }

Task<void> Controller::push_one(Member& member) {
    const Program& program = *network_.topology().find_program(member.spec->program);
    auto config = p4runtime::PipelineConfig::load(program.p4info, program.bmv2_json);
    co_await member.client.set_pipeline_config(std::move(config));
}

Task<std::unique_ptr<Controller>> Controller::connect(Network& network) {
    std::unique_ptr<Controller> controller(new Controller(network));
    co_await controller->for_each_switch(&Controller::connect_one);
    co_return controller;
}

Task<void> Controller::push_pipelines() { return for_each_switch(&Controller::push_one); }
Task<void> Controller::close() { return for_each_switch(&Controller::close_one); }

std::vector<SwitchRoutes> Controller::plan_routes(const RouteTable& names) {
    auto plan = lab::plan_routes(network_.topology(), names);
    std::erase_if(plan, [&](const SwitchRoutes& routes) {
        return !has_name(client(routes.switch_name).p4info().tables(), names.table);
    });
    return plan;
}

Task<void> Controller::install(std::vector<SwitchRoutes> routes) {
    std::vector<Task<void>> writes;
    for (SwitchRoutes& of_switch : routes) {
        p4runtime::Client& switch_client = client(of_switch.switch_name);
        for (p4runtime::TableEntry& entry : of_switch.entries)
            writes.push_back(write_one(switch_client, std::move(entry), Operation::insert));
    }
    co_await gather(std::move(writes));
}

Task<void> Controller::install_one_by_one(std::vector<SwitchRoutes> routes) {
    for (SwitchRoutes& of_switch : routes) {
        p4runtime::Client& switch_client = client(of_switch.switch_name);
        for (p4runtime::TableEntry& entry : of_switch.entries)
            co_await switch_client.insert_table_entry(std::move(entry));
    }
}

Task<void> Controller::remove(std::vector<SwitchRoutes> routes) {
    std::vector<Task<void>> writes;
    for (SwitchRoutes& of_switch : routes) {
        p4runtime::Client& switch_client = client(of_switch.switch_name);
        for (p4runtime::TableEntry& entry : of_switch.entries)
            writes.push_back(write_one(switch_client, std::move(entry), Operation::remove));
    }
    co_await gather(std::move(writes));
}

Task<InstallTimes> Controller::measure_install(std::vector<SwitchRoutes> routes, unsigned rounds) {
    std::vector<Duration> concurrently;
    std::vector<Duration> one_by_one;
    // The first round of all warms up connections and memory, and is not counted.
    for (unsigned round = 0; round <= rounds; ++round) {
        const TimePoint start = Clock::now();
        co_await install_one_by_one(routes);
        const TimePoint middle = Clock::now();
        co_await remove(routes);
        const TimePoint again = Clock::now();
        co_await install(routes);
        const TimePoint end = Clock::now();
        if (round < rounds) co_await remove(routes);
        if (round == 0 && rounds > 0) continue;
        one_by_one.push_back(middle - start);
        concurrently.push_back(end - again);
    }
    const InstallTimes times{median(std::move(concurrently)), median(std::move(one_by_one))};
    co_return times;
}

Task<SwitchCounters> Controller::read_one(Member& member) {
    SwitchCounters result;
    result.switch_name = member.spec->name;
    auto ingress_task = member.client.read_counter(ingress_counter);
    auto egress_task = member.client.read_counter(egress_counter);
    auto cells = co_await gather(std::move(ingress_task), std::move(egress_task));
    std::map<std::uint32_t, PortCounters> ports;
    for (const Link& link : network_.topology().links()) {
        for (const Endpoint* end : {&link.a, &link.b})
            if (end->node == result.switch_name) ports[*end->port] = PortCounters{*end->port, {}, {}};
    }
    const auto take = [&](const std::vector<p4runtime::CounterEntry>& entries,
                          p4runtime::CounterData PortCounters::*slot) {
        for (const p4runtime::CounterEntry& entry : entries) {
            const auto it = ports.find(static_cast<std::uint32_t>(entry.index.value_or(0)));
            if (it != ports.end()) it->second.*slot = entry.data;
        }
    };
    take(std::get<0>(cells), &PortCounters::ingress);
    take(std::get<1>(cells), &PortCounters::egress);
    for (const auto& [number, counters] : ports) result.ports.push_back(counters);
    co_return result;
}

Task<std::vector<SwitchCounters>> Controller::read_port_counters() {
    std::vector<Task<SwitchCounters>> reads;
    for (const auto& member : members_) {
        const auto& counters = member->client.p4info().counters();
        if (has_name(counters, ingress_counter) && has_name(counters, egress_counter))
            reads.push_back(read_one(*member));
    }
    return gather(std::move(reads));
}

Controller::Member& Controller::member(std::string_view switch_name) {
    const auto it = std::find_if(members_.begin(), members_.end(),
                                 [&](const auto& m) { return m->spec->name == switch_name; });
    if (it == members_.end()) throw Error("no switch is called '" + std::string(switch_name) + "'");
    return **it;
}

p4runtime::Client& Controller::client(std::string_view switch_name) { return member(switch_name).client; }

}  // namespace weft::lab
