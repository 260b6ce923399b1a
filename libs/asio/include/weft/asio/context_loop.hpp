// ContextLoop: a weft loop that a foreign boost::asio::io_context runs.
#pragma once

#include <weft/core/loop.hpp>
#include <weft/core/loop_driver.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/task.hpp>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <utility>

namespace weft::asio {

// Tasks run inside context.run(), which must be called by one thread only, and keep it from returning as long
// as there are any. Functions that other threads post() to the loop run as long as there are tasks. The
// context must outlive this. A handler of the context may start tasks with spawn() of this, cancel them and
// wake them (Event::set(), Queue::try_put(), …); in it no loop is current, so it cannot use weft's sockets.
//
//     boost::asio::io_context context;
//     weft::asio::ContextLoop weft_loop(context);
//     auto task = weft_loop.spawn(talk_to_switch());
//     context.run();
class ContextLoop {
public:
    // Throws SystemError.
    explicit ContextLoop(boost::asio::io_context& context);
    ContextLoop(const ContextLoop&) = delete;
    ContextLoop& operator=(const ContextLoop&) = delete;
    // Destroys tasks that are left where they are suspended. Orderly: cancel_all() and run the context until
    // it returns.
    ~ContextLoop();

    [[nodiscard]] boost::asio::io_context& context() const noexcept;
    [[nodiscard]] Loop& loop() const noexcept;

    // As weft::spawn(), from a handler of the context or before it runs. Inside of a task it is
    // weft::spawn().
    template <class T>
    [[nodiscard("dropping the handle cancels the task")]] TaskHandle<T> spawn(Task<T> task,
                                                                              std::string_view name = {}) {
        return driver().spawn(std::move(task), name);
    }
    // Requests the cancellation of all tasks.
    void cancel_all();

    // The one whose task runs on this thread. Throws UsageError when a weft task runs elsewhere, or none.
    [[nodiscard]] static ContextLoop& current();

private:
    struct State;
    [[nodiscard]] LoopDriver& driver() const noexcept;
    std::shared_ptr<State> state_;
};

}  // namespace weft::asio
