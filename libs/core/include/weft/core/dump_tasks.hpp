// Seeing inside a program that runs: which tasks there are, who owns them, where each waits and since when.
#pragma once

#include <weft/core/loop.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace weft {

enum class TaskPhase : unsigned char { not_started, running, ready, waiting };

// A place in the program: a co_await.
class CodePlace {
public:
    CodePlace(std::string file_name, unsigned line_number) : file(std::move(file_name)), line(line_number) {}
    std::string file;
    unsigned line;
};

// One task as it is now.
class TaskInfo {
public:
    explicit TaskInfo(std::string task_name) : name(std::move(task_name)) {}
    std::string name;       // empty for a task without one
    std::size_t depth = 0;  // 0 for a task that the loop owns, 1 for one that a group in it owns, …
    TaskPhase phase = TaskPhase::not_started;
    Duration waiting_for{0};        // how long it has waited; zero unless it waits
    std::vector<CodePlace> places;  // where it waits, the innermost coroutine first; empty while it runs
};

// The tasks of `loop`, each followed by those that its groups and gathers own. Call it on the loop's thread;
// from another one, by Loop::post().
[[nodiscard]] std::vector<TaskInfo> list_tasks(Loop& loop);

// The same as text, one line a task:
//
//     main: waits 2.1 s at backup.cpp:41
//       backup sw1: waits 1.4 s at ssh.cpp:88 < backup.cpp:30
[[nodiscard]] std::string dump_tasks(Loop& loop);
// Of the loop that runs on this thread. Throws UsageError when there is none.
[[nodiscard]] std::string dump_tasks();

}  // namespace weft
