// The weft program: every module from a shell.
#include "command.hpp"
#include "run_program.hpp"

#include <weft/core/error.hpp>

#include <iostream>

int main(int argc, char** argv) {
    CLI::App app(
        "weft: build, program and check networks from one program.\n"
        "Each subcommand has a help of its own: weft lab --help");
    app.name("weft");
    app.require_subcommand(1);
    app.set_version_flag("--version", WEFT_VERSION);
    weft::tool::add_log_option(app);
    int status = 0;
    weft::tool::add_lab_command(app, status);
    weft::tool::add_mesh_command(app, status);
    weft::tool::add_ping_command(app, status);
    weft::tool::add_switch_command(app, status);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : weft::tool::cannot_run;
    } catch (const weft::Error& e) {
        std::cerr << "weft: " << e.what() << "\n";
        return weft::tool::cannot_run;
    }
    return status;
}
