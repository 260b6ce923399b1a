// error_of(): what a task complains of.
//
//     const std::string text = co_await error_of<mesh::Disconnected>(conn.rpc(5s).call<int>("hang"));
//     EXPECT_THAT(text, HasSubstr("left before it answered"));
#pragma once

#include <weft/core/task.hpp>

#include <string>
#include <utility>

namespace weft::testing {

// Gives the text of the E that `task` throws, or "(no error)". Lets every other exception through.
template <class E, class T>
Task<std::string> error_of(Task<T> task) {
    std::string text = "(no error)";
    try {
        co_await std::move(task);
    } catch (const E& error) {
        text = error.what();
    }
    co_return text;
}

}  // namespace weft::testing
