#include "spawn_child.hpp"

#include <weft/core/error.hpp>

#include <cerrno>
#include <csignal>

#include <spawn.h>

namespace weft::detail {

namespace {

struct FileActions {
    FileActions() { ::posix_spawn_file_actions_init(&actions); }
    ~FileActions() { ::posix_spawn_file_actions_destroy(&actions); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;
    posix_spawn_file_actions_t actions;
};

struct Attributes {
    Attributes() { ::posix_spawnattr_init(&attributes); }
    ~Attributes() { ::posix_spawnattr_destroy(&attributes); }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;
    posix_spawnattr_t attributes;
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> out;
    out.reserve(strings.size() + 1);
    for (const std::string& s : strings) out.push_back(const_cast<char*>(s.c_str()));
    out.push_back(nullptr);
    return out;
}

const char* spawn_advice(int error) {
    switch (error) {
        case ENOENT:
            return " (no such program in PATH, or no such working directory)";
        case EACCES:
            return " (not executable)";
        case EAGAIN:
            return " (too many processes: ulimit -u)";
        case E2BIG:
            return " (the arguments are too long)";
        default:
            return "";
    }
}

}  // namespace

std::string command_text(const std::vector<std::string>& args) {
    std::string text;
    for (const std::string& arg : args) {
        if (!text.empty()) text += ' ';
        text += arg.empty() || arg.find_first_of(" \t\n'\"") != arg.npos ? "'" + arg + "'" : arg;
    }
    constexpr std::size_t most = 200;
    if (text.size() > most) text = text.substr(0, most) + "…";
    return text;
}

pid_t spawn_child(const ChildSpec& spec) {
    FileActions files;
    for (int target = 0; target < 3; ++target)
        if (spec.stdio[target] >= 0)
            ::posix_spawn_file_actions_adddup2(&files.actions, spec.stdio[target], target);
    // The program may hold descriptors that are not close-on-exec.
    ::posix_spawn_file_actions_addclosefrom_np(&files.actions, 3);
    if (!spec.directory.empty())
        ::posix_spawn_file_actions_addchdir_np(&files.actions, spec.directory.c_str());

    Attributes attributes;
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes.attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes.attributes, &all);
    ::posix_spawnattr_setpgroup(&attributes.attributes, 0);
    ::posix_spawnattr_setflags(&attributes.attributes,
                               POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

    const auto argv = pointers(spec.args);
    const auto envp = pointers(spec.environment);
    pid_t pid = 0;
    const int error =
        ::posix_spawnp(&pid, argv.front(), &files.actions, &attributes.attributes, argv.data(), envp.data());
    if (error != 0) throw_errno(error, "run '" + command_text(spec.args) + "'" + spawn_advice(error));
    return pid;
}

}  // namespace weft::detail
