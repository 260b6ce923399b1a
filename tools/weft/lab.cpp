// weft lab: run a topology, check it, draw it.
#include "command.hpp"
#include "lab_report.hpp"
#include "run_program.hpp"

#include <weft/core.hpp>
#include <weft/lab/controller.hpp>
#include <weft/lab/error.hpp>
#include <weft/lab/network.hpp>
#include <weft/lab/picture.hpp>
#include <weft/lab/ping_matrix.hpp>
#include <weft/lab/topology_file.hpp>

#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace weft::tool {

namespace {

using namespace std::chrono_literals;

struct RunOptions {
    std::string file;
    std::string svg;
    std::vector<std::string> fail_links;
    double ping_timeout = 1.0;
    bool stay = false;
};

// Index of the link that "leaf1-spine1" names. Node names may hold '-' themselves, so every place is tried.
std::size_t link_named(const lab::Topology& topology, const std::string& text) {
    for (std::size_t at = text.find('-'); at != std::string::npos; at = text.find('-', at + 1)) {
        if (const auto index = topology.find_link(text.substr(0, at), text.substr(at + 1))) return *index;
    }
    throw lab::Error("--fail-link " + text + ": there is no such link; name both ends, as in leaf1-spine1");
}

void write_svg(const std::string& file, const lab::Topology& topology, const std::set<std::size_t>& down) {
    std::ofstream out(file);
    out << lab::svg_picture(topology, down);
    if (!out.flush()) throw_errno("write " + file);
    std::cout << "Picture written to " << file << "\n\n";
}

Task<bool> operate(lab::Network& network, lab::Controller& controller, RunOptions options) {
    Stopwatch clock;
    co_await controller.push_pipelines();
    print_step("pushed the pipelines", clock.lap());

    auto routes = controller.plan_routes();
    const auto times = co_await controller.measure_install(routes);
    print_install(routes, times);

    for (const std::string& name : options.fail_links)
        co_await network.set_link_up(link_named(network.topology(), name), false);
    std::cout << "\nTopology\n\n" << lab::text_picture(network.topology(), network.links_down()) << "\n";
    if (!options.svg.empty()) write_svg(options.svg, network.topology(), network.links_down());

    clock.lap();
    const auto timeout =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options.ping_timeout));
    const lab::PingMatrix matrix = co_await lab::ping_all(network, timeout);
    print_matrix(matrix, clock.lap());
    print_counters(network.topology(), co_await controller.read_port_counters());

    if (options.stay) {
        print_places(network);
        Event never;
        co_await never.wait();
    }
    co_return matrix.answered() == matrix.pairs.size();
}

Task<void> run_lab(lab::Topology topology, RunOptions options, bool& all_answered) {
    for (const std::string& name : options.fail_links) (void)link_named(topology, name);
    Stopwatch clock;
    auto network = co_await lab::Network::start(std::move(topology));
    print_built(network->topology(), clock.lap());
    std::exception_ptr failure;
    try {
        auto controller = co_await lab::Controller::connect(*network);
        print_step("connected to every switch as its primary controller", clock.lap());
        all_answered = co_await operate(*network, *controller, std::move(options));
        co_await controller->close();
    } catch (...) {
        failure = std::current_exception();
    }
    clock.lap();
    co_await network->stop();
    network.reset();
    print_step("took everything down", clock.lap());
    if (failure) std::rethrow_exception(failure);
}

int run_command(const RunOptions& options) {
    auto topology = lab::load_topology(options.file);
    topology.validate();
    try {
        lab::prepare_privileges();
    } catch (const lab::PrivilegeError& e) {
        std::cerr << "weft: " << e.what() << "\n";
        return cannot_run;
    }
    bool all_answered = false;
    const int status = run_program(run_lab(std::move(topology), options, all_answered));
    if (status != 0) return options.stay && status == exit_status_of_signal(2) ? 0 : status;
    return all_answered ? 0 : failed;
}

int check_command(const std::string& file) {
    const auto topology = lab::load_topology(file);
    const auto problems = topology.problems();
    for (const std::string& problem : problems) std::cout << problem << "\n";
    if (!problems.empty()) return failed;
    std::cout << "sound: " << topology.hosts().size() << " hosts, " << topology.switches().size()
              << " switches, " << topology.links().size() << " links\n";
    return 0;
}

int graph_command(const std::string& file, const std::string& svg) {
    const auto topology = lab::load_topology(file);
    topology.validate();
    if (svg.empty()) {
        std::cout << lab::text_picture(topology);
    } else {
        write_svg(svg, topology, {});
    }
    return 0;
}

}  // namespace

void add_lab_command(CLI::App& app, int& status) {
    auto* lab =
        app.add_subcommand("lab", "Networks of hosts and P4 switches on this machine, from a topology file");
    lab->require_subcommand(1);
    lab->footer(
        "A topology file is JSON; examples/fabric/topology.json is one.\n"
        "Needs root, or a system that lets users make user namespaces.");

    auto options = std::make_shared<RunOptions>();
    auto* run = lab->add_subcommand("run",
                                    "Build the network, start and program its switches, ping every pair of "
                                    "hosts, print what was seen, and take\n"
                                    "everything down. Ctrl-C takes it down at any moment. Exit status: 0 "
                                    "every pair answered, 1 some did not,\n"
                                    "2 it could not be built.");
    run->add_option("topology", options->file, "Topology file")->required();
    run->add_option("--fail-link", options->fail_links,
                    "Take a link down before the pings: leaf1-spine1 (repeatable)")
        ->type_name("A-B");
    run->add_option("--svg", options->svg, "Write a picture of the network to this file")->type_name("FILE");
    run->add_option("--ping-timeout", options->ping_timeout, "Seconds to wait for an answer")
        ->capture_default_str()
        ->check(CLI::Range(0.001, 3600.0));
    run->add_flag("--stay", options->stay, "Keep the network until Ctrl-C, and say how to enter its hosts");
    run->callback([options, &status] { status = run_command(*options); });

    auto file = std::make_shared<std::string>();
    auto* check = lab->add_subcommand("check", "Report every problem of a topology file; builds nothing");
    check->add_option("topology", *file, "Topology file")->required();
    check->callback([file, &status] { status = check_command(*file); });

    auto svg = std::make_shared<std::string>();
    auto* graph = lab->add_subcommand("graph", "Print a picture of a topology file; builds nothing");
    graph->add_option("topology", *file, "Topology file")->required();
    graph->add_option("--svg", *svg, "Write it as SVG to this file instead")->type_name("FILE");
    graph->callback([file, svg, &status] { status = graph_command(*file, *svg); });
}

}  // namespace weft::tool
