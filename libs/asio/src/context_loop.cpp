#include <weft/asio/context_loop.hpp>
#include <weft/core/error.hpp>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>

namespace weft::asio {

namespace {

constinit thread_local ContextLoop* current_context_loop = nullptr;

}  // namespace

// Shared with the handlers that the context holds; those that run after the ContextLoop has gone do nothing.
struct ContextLoop::State : std::enable_shared_from_this<ContextLoop::State> {
    State(ContextLoop& o, boost::asio::io_context& c)
        : owner(&o),
          context(c),
          driver(std::make_unique<LoopDriver>()),
          events(c, driver->native_handle()),
          timer(c) {
        driver->on_ready([this] { kick(); });
    }

    void turn() {
        if (!owner) return;
        struct Current {
            explicit Current(ContextLoop* c) : before(std::exchange(current_context_loop, c)) {}
            ~Current() { current_context_loop = before; }
            ContextLoop* before;
        } const current(owner);
        driver->step();
        prepare_next();
    }

    void prepare_next() {
        if (driver->loop().task_count() == 0) {
            // What is pending here would keep the context from returning.
            events.cancel();
            timer.cancel();
            timer_at.reset();
            return;
        }
        watch();
        const auto next = driver->next_step();
        if (next && *next <= Clock::now()) {
            kick();
        } else if (next && next != timer_at) {
            timer_at = next;
            timer.expires_at(*next);
            timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
                if (error) return;  // another time was set
                self->timer_at.reset();
                self->turn();
            });
        }
    }

    void watch() {
        if (watching) return;
        watching = true;
        events.async_wait(events.wait_read, [self = shared_from_this()](boost::system::error_code error) {
            self->watching = false;
            if (!error) {
                self->turn();
            } else if (self->owner && self->driver->loop().task_count() > 0) {
                self->watch();  // a task came between the cancellation and this
            }
        });
    }

    void kick() {
        if (std::exchange(kicked, true)) return;
        boost::asio::post(context, [self = shared_from_this()] {
            self->kicked = false;
            self->turn();
        });
    }

    void shut() noexcept {
        owner = nullptr;
        boost::system::error_code ignored;
        timer.cancel(ignored);
        (void)events.release();  // cancels; the loop owns the descriptor
        driver.reset();
    }

    ContextLoop* owner;
    boost::asio::io_context& context;
    std::unique_ptr<LoopDriver> driver;
    boost::asio::posix::stream_descriptor events;
    boost::asio::steady_timer timer;
    std::optional<TimePoint> timer_at;
    bool watching = false;
    bool kicked = false;
};

ContextLoop::ContextLoop(boost::asio::io_context& context)
    : state_(std::make_shared<State>(*this, context)) {}
ContextLoop::~ContextLoop() { state_->shut(); }

boost::asio::io_context& ContextLoop::context() const noexcept { return state_->context; }
Loop& ContextLoop::loop() const noexcept { return state_->driver->loop(); }
LoopDriver& ContextLoop::driver() const noexcept { return *state_->driver; }
void ContextLoop::cancel_all() { state_->driver->cancel_all(); }

ContextLoop& ContextLoop::current() {
    if (!current_context_loop)
        throw UsageError(
            "an Asio operation was awaited outside of a ContextLoop; run the task with ContextLoop::spawn()");
    return *current_context_loop;
}

}  // namespace weft::asio
