// Signals as values: a task waits for them.
#pragma once

#include <weft/core/async_fd.hpp>
#include <weft/core/task.hpp>

#include <initializer_list>
#include <memory>

namespace weft {

// Receives the given signals for as long as it lives. They are blocked on the calling thread meanwhile, so no
// handler of the program runs for them; the previous mask comes back in the destructor.
class Signals {
public:
    // Throws SystemError.
    Signals(std::initializer_list<int> signals);
    Signals(Signals&&) noexcept;
    ~Signals();

    // The number of the next signal, in the order of arrival.
    [[nodiscard]] Task<int> next();

private:
    struct State;
    static Task<int> read_next(State& state);
    std::unique_ptr<State> state_;
};

}  // namespace weft
