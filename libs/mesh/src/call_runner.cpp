#include "call_runner.hpp"

#include "inspect.hpp"

#include <weft/core/to_thread.hpp>
#include <weft/mesh/error.hpp>

#include <algorithm>

namespace weft::mesh {

namespace {

// Distinct method names that are counted on their own.
constexpr std::size_t max_method_stats = 4096;
// Of a node, see valid_name().
constexpr std::size_t max_name_size = 255;
// Requests that come in parts at a time.
constexpr std::size_t max_incoming = 1024;

Failure not_found(const std::string& node, std::string_view function) {
    return make_failure("ReceiverNotFound", "daffi.exceptions",
                        node + " has no callback '" + std::string(function) + "'");
}

void count_busy(MethodStats& stats) noexcept {
    ++stats.calls;
    ++stats.errors;
    ++stats.busy;
}

}  // namespace

CallRunner::CallRunner(const OptionsAccess& options, std::shared_ptr<detail::Registry> registry,
                       const CallHost& host)
    : node_(options.name),
      host_(&host),
      pool_(options.pool),
      workers_max_(options.workers),
      queue_bytes_max_(options.queue_bytes),
      message_limit_(options.message_limit),
      registry_(std::move(registry)),
      queue_(options.queue_calls) {}

void CallRunner::refuse(const std::shared_ptr<Link>& link, const Frame& request, const Failure& failure) {
    if (!request.header.wants_reply) return;
    send_failure(*link, node_, request.header, request.transmitter, request.function, request.header.serde,
                 failure);
}

void CallRunner::tell(const std::shared_ptr<Link>& link, const Frame& request) {
    if (!request.header.wants_reply) return;
    const std::string_view what = request.function.substr(own_prefix.size());
    Value answer;
    if (what == "ping") {
        answer = true;
    } else if (what == "methods") {
        answer = describe(*registry_);
    } else if (!host_ || !host_->inspect(what, answer)) {
        return refuse(link, request, not_found(node_, request.function));
    }
    if (!send_result(*link, node_, request, answer))
        refuse(link, request, make_failure("EncodeError", "weft.mesh", "the answer is larger than 32 MiB"));
}

bool CallRunner::refuse_leaving(const std::shared_ptr<Link>& link, const Frame& request) {
    if (!leaving_ || request.function.starts_with(own_prefix)) return false;
    refuse(link, request, make_failure("ReceiverNotFound", "daffi.exceptions", node_ + " is leaving"));
    return true;
}

void CallRunner::accept(const std::shared_ptr<Link>& link, const Frame& request) {
    if (refuse_leaving(link, request)) return;
    CallInfo info;
    info.caller = request.transmitter;
    info.function = request.function;
    info.serde = request.header.serde;
    auto payload = link->take_payload();
    take(link, request, std::move(info), payload ? &payload->bytes : nullptr);
}

void CallRunner::take(const std::shared_ptr<Link>& link, const Frame& request, CallInfo info,
                      Bytes* payload) {
    const auto* callback = registry_->find(request.function);
    if (!callback) {
        if (request.function.starts_with(own_prefix)) return tell(link, request);
        return refuse(link, request, not_found(node_, request.function));
    }
    auto stats = stats_.find(request.function);
    if (stats == stats_.end()) stats = stats_.emplace(std::string(request.function), MethodStats()).first;

    Call call;
    call.callback = *callback;
    call.link = link;
    call.info = std::move(info);
    call.header = request.header;
    call.size = request.data.size();
    call.stats = &stats->second;
    if (const std::uint64_t ms = decode_deadline(request.header.tail); ms != 0)
        call.deadline = Loop::current().now() + std::chrono::milliseconds(ms);
    try {
        if (payload && request.header.serde == Serde::opaque && request.header.is_bytes) {
            call.args.positional.emplace_back(std::move(*payload));
        } else {
            call.args = decode_arguments(request.header.serde, request.header.is_bytes, request.data);
        }
    } catch (const Error&) {
        fail(call, std::current_exception());
        return;
    }
    if (!call.callback->is_coroutine() && !pool_ && running_ < workers_max_ && queue_.empty()) {
        run_now(std::move(call));
        return;
    }
    if (queued_bytes_ + call.size > queue_bytes_max_ && !queue_.empty()) {
        count_busy(stats->second);
        refuse(link, request,
               make_failure("Busy", "weft.mesh", node_ + " has no room for the call: its queue is full"));
        return;
    }
    const std::size_t size = call.size;
    call.number = ++last_number_;
    if (!queue_.try_put(std::move(call))) {
        count_busy(stats->second);
        refuse(link, request,
               make_failure(
                   "Busy", "weft.mesh",
                   node_ + (stopped_ ? " is stopping" : " has no room for the call: its queue is full")));
        return;
    }
    queued_bytes_ += size;
    if (idle_ == 0 && workers_.size() < workers_max_)
        workers_.push_back(
            spawn(work(shared_from_this()), node_ + " worker " + std::to_string(workers_.size())));
}

void CallRunner::run_now(Call call) {
    const TimePoint begin = Clock::now();
    const bool traced = !call.info.traceparent.empty();
    const std::string before = traced ? traceparent() : std::string();
    if (traced) set_traceparent(call.info.traceparent);
    try {
        Value result = call.callback->call(std::move(call.args), call.info);
        reply(call, std::move(result));
        ++call.stats->calls;
    } catch (...) {
        fail(call, std::current_exception());
    }
    if (traced) set_traceparent(before);
    call.stats->time += Clock::now() - begin;
}

Task<Value> CallRunner::run(CallRunner& self, Call& call) {
    if (!self.pool_ || call.callback->is_coroutine())
        return call.callback->start(std::move(call.args), call.info);
    auto function = [callback = call.callback, args = std::move(call.args), info = call.info]() mutable {
        return callback->call(std::move(args), info);
    };
    return to_thread(*self.pool_, std::move(function));
}

Task<std::exception_ptr> CallRunner::finish(std::shared_ptr<CallRunner> self, Call& call) {
    TimeoutScope scope(call.deadline == TimePoint{} ? TimePoint::max() : call.deadline);
    Running running;
    running.call = &call;
    running.scope = &scope;
    self->running_calls_.push_back(&running);
    if (call.info.stream) {
        self->streams_.insert_or_assign(call.key(), call.info.stream);
        call.info.stream->open();
    }
    std::exception_ptr error;
    try {
        Value result = co_await run(*self, call);
        self->reply(call, std::move(result));
        ++call.stats->calls;
    } catch (const Cancelled&) {
        if (!scope.claim()) {
            error = std::current_exception();
        } else if (running.cancelled) {
            error =
                std::make_exception_ptr(RemoteError("CancelledError", "the caller has cancelled the call"));
        } else {
            error = std::make_exception_ptr(TimeoutError("the caller's time limit has passed"));
        }
    } catch (...) {
        error = std::current_exception();
    }
    std::erase(self->running_calls_, &running);
    if (call.info.stream) {
        call.info.stream->end(error);
        self->streams_.erase(call.key());
    }
    co_return error;
}

bool CallRunner::unwanted(const Call& call) {
    last_taken_ = call.number;
    bool cancelled = false;
    if (!cancelled_.empty() && call.header.wants_reply) {
        const auto found = cancelled_.find(call.key());
        if (found != cancelled_.end()) {
            cancelled = call.number < found->second;  // else it is a later one, of the same id
            cancelled_.erase(found);
        }
    }
    if (queue_.empty()) cancelled_.clear();
    // Nobody waits for the answer any more.
    if (call.link->closed()) return true;
    if (cancelled) {
        fail(call,
             std::make_exception_ptr(RemoteError("CancelledError", "the caller has cancelled the call")));
        return true;
    }
    if (call.deadline == TimePoint{} || call.deadline > Loop::current().now()) return false;
    // The caller has given up, but a router counts what this node has to answer.
    fail(call, std::make_exception_ptr(TimeoutError("the caller's time limit has passed")));
    return true;
}

void CallRunner::settle() noexcept {
    if (running_ != 0 || !queue_.empty()) return;
    quiet_.set();
    quiet_.clear();
}

Task<void> CallRunner::work(std::shared_ptr<CallRunner> self) {
    bool traced = false;
    for (;;) {
        ++self->idle_;
        std::optional<Call> call;
        try {
            call = co_await self->queue_.next();
        } catch (...) {
            --self->idle_;
            throw;
        }
        --self->idle_;
        if (!call) co_return;
        self->queued_bytes_ -= call->size;
        if (self->unwanted(*call)) {
            self->settle();
            continue;
        }
        if (traced || !call->info.traceparent.empty()) set_traceparent(call->info.traceparent);
        traced = !call->info.traceparent.empty();
        ++self->running_;
        const TimePoint begin = Clock::now();
        const std::exception_ptr error = co_await finish(self, *call);
        --self->running_;
        call->stats->time += Clock::now() - begin;
        if (error) self->fail(*call, error);
        self->settle();
        // A callback may end with somebody else's cancellation; one of this task ends the worker.
        if (self->stopped_ || weft::detail::current_task().cancel_requests() != 0) co_return;
    }
}

std::size_t large_size(const Value& value) noexcept {
    return value.kind() == Kind::bytes || value.kind() == Kind::text ? value.size() : 0;
}

void CallRunner::reply(const Call& call, Value result) {
    if (!call.header.wants_reply || call.link->closed()) return;
    const std::size_t limit = host_ ? host_->whole_limit(*call.link, call.info.caller) : SIZE_MAX;
    PartSenders::Message message;
    FrameHeader& header = message.header;
    header.id = call.header.id;
    header.flag = Flag::response;
    header.serde = call.header.serde;
    const std::size_t known_size = large_size(result);
    const bool by_reference = header.serde == Serde::opaque && known_size >= payload_threshold;
    if (by_reference) {
        header.is_bytes = result.kind() == Kind::bytes;
        message.data = opaque_payload(shared_value(std::move(result)));
    }
    if (known_size <= limit) {
        FrameWriter writer(call.link->out(), node_, call.info.caller, call.info.function);
        if (!by_reference) {
            try {
                header.is_bytes = encode_result(header.serde, result, writer.data());
            } catch (...) {
                writer.abandon();
                throw;
            }
        }
        const std::size_t size = writer.data_size() + message.data.bytes.size();
        if (size <= limit) {
            if (!writer.finish(header, message.data.bytes.size()))
                throw EncodeError("the result is larger than a message may be (32 MiB)");
            call.link->sent(std::move(message.data));
            return;
        }
        Buffer data;
        data.append(writer.data().bytes().last(size));
        writer.abandon();
        message.data = buffer_payload(std::move(data));
    } else if (!by_reference) {
        Buffer data(known_size + 256);
        header.is_bytes = encode_result(header.serde, result, data);
        message.data = buffer_payload(std::move(data));
    }
    if (message.data.bytes.size() > message_limit_)
        throw EncodeError("the result is larger than this node's message_limit, " +
                          std::to_string(message_limit_) + " bytes");
    message.link = call.link;
    message.from = node_;
    message.to = call.info.caller;
    message.function = call.info.function;
    senders_.start(std::move(message));
}

void CallRunner::fail(const Call& call, std::exception_ptr error) {
    ++call.stats->calls;
    ++call.stats->errors;
    if (!call.header.wants_reply || call.link->closed()) return;
    send_failure(*call.link, node_, call.header, call.info.caller, call.info.function, call.header.serde,
                 describe_failure(error));
}

void CallRunner::stop() noexcept {
    stopped_ = true;
    host_ = nullptr;
    queue_.close();
    while (queue_.try_get()) {
    }
    queued_bytes_ = 0;
    for (auto& worker : workers_) worker.cancel();
    quiet_.set();
}

Task<void> CallRunner::drained(std::shared_ptr<CallRunner> self) {
    while (!self->stopped_) {
        if (self->running_ != 0 || !self->queue_.empty()) {
            co_await self->quiet_.wait();
        } else if (!self->senders_.empty()) {
            co_await self->senders_.emptied().wait();
        } else {
            break;
        }
    }
}

void CallRunner::add_stats(NodeStats& stats) const {
    for (const auto& [name, method] : stats_) {
        if (stats.methods.size() >= max_method_stats) break;
        stats.methods.emplace(name, method);
    }
}

// --- extensions ---------------------------------------------------------------------------------------

void CallRunner::extension(const std::shared_ptr<Link>& link, const Frame& frame,
                           const Extension& extension) {
    if (frame.transmitter.size() > max_name_size) return;  // no node's, and may be kept
    const Key key(link.get(), frame.transmitter, frame.header.id);
    switch (extension.kind) {
        case ExtKind::request:
            return take_extended(link, frame, extension);
        case ExtKind::part:
            return take_part(link, frame, extension);
        case ExtKind::got:
            return senders_.got(*link, frame.transmitter, frame.header.id, false,
                                static_cast<std::size_t>(extension.number("n")));
        case ExtKind::cancel:
            return cancel(link, key);
        case ExtKind::item:
        case ExtKind::credit:
        case ExtKind::end:
            return take_item(key, frame, extension);
        default:
            return;
    }
}

void CallRunner::take_extended(const std::shared_ptr<Link>& link, const Frame& frame,
                               const Extension& extension) {
    if (refuse_leaving(link, frame)) return;
    CallInfo info;
    info.caller = frame.transmitter;
    info.function = frame.function;
    info.serde = frame.header.serde;
    info.traceparent = extension.attribute("trace").value_or("");
    if (const std::uint64_t window = extension.number("stream"); window != 0) {
        info.stream = std::make_shared<detail::DuplexState>(false, node_, frame.header.serde,
                                                            detail::DuplexState::default_window);
        info.stream->begin(link, info.caller, frame.header.id, static_cast<std::size_t>(window));
    }
    Frame request = frame;
    request.data = extension.data;
    const std::uint64_t size = extension.number("size");
    if (size == 0) return take(link, request, std::move(info));
    if (size > message_limit_)
        return refuse(
            link, frame,
            make_failure("MessageTooLarge", "weft.mesh",
                         node_ + " takes messages of " + std::to_string(message_limit_) + " bytes"));
    if (incoming_.size() >= max_incoming || incoming_bytes_ + size > 2 * message_limit_)
        return refuse(link, frame,
                      make_failure("Busy", "weft.mesh", node_ + " takes too many large messages already"));
    if (!registry_->find(frame.function)) return refuse(link, frame, not_found(node_, frame.function));
    Incoming& incoming = incoming_[Key(link.get(), info.caller, frame.header.id)];
    incoming_bytes_ -= incoming.size;
    incoming = Incoming();
    incoming.link = link;
    incoming.header = frame.header;
    incoming.function = frame.function;
    incoming.info = std::move(info);
    incoming.size = static_cast<std::size_t>(size);
    incoming.parts.begin(incoming.size);
    incoming_bytes_ += incoming.size;
}

void CallRunner::take_part(const std::shared_ptr<Link>& link, const Frame& frame,
                           const Extension& extension) {
    const auto it = incoming_.find(Key(link.get(), frame.transmitter, frame.header.id));
    if (it == incoming_.end()) return;
    Incoming& incoming = it->second;
    if (incoming.parts.size() + extension.data.size() > incoming.size) {
        Frame request = frame;
        request.header = incoming.header;
        request.function = incoming.function;
        refuse(link, request,
               make_failure("DecodeError", "weft.mesh", "more parts came than were announced"));
        incoming_bytes_ -= incoming.size;
        incoming_.erase(it);
        return;
    }
    incoming.parts.take(*link, extension.data);
    incoming.receipts.took(extension.data.size(), *link, frame.header.id, true, node_, frame.transmitter);
    if (incoming.parts.size() < incoming.size) return;
    auto done = incoming_.extract(it);
    Incoming& whole = done.mapped();
    incoming_bytes_ -= whole.size;
    Frame request;
    request.header = whole.header;
    request.transmitter = whole.info.caller;
    request.receiver = node_;
    request.function = whole.function;
    Bytes data = whole.parts.finish();
    request.data = data;
    take(link, request, whole.info, &data);
}

std::optional<Place> CallRunner::place(const Link& link, const Frame& head, std::size_t size) {
    const auto it = incoming_.find(Key(&link, head.transmitter, head.header.id));
    if (it == incoming_.end() || it->second.parts.size() + size > it->second.size) return std::nullopt;
    return it->second.parts.lend();
}

void CallRunner::take_item(const Key& key, const Frame& frame, const Extension& extension) {
    const auto it = streams_.find(key);
    if (it == streams_.end()) return;
    detail::DuplexState& stream = *it->second;
    if (extension.kind == ExtKind::credit)
        return stream.credit(static_cast<std::size_t>(extension.number("n")));
    if (extension.kind == ExtKind::end) return stream.peer_finished();
    try {
        if (!stream.item(frame, extension))
            throw DecodeError("more values came than the window has room for");
    } catch (const Error&) {
        // The callback sees it at next(); nobody else on this link is to blame.
        stream.end(std::current_exception());
    }
}

void CallRunner::cancel(const std::shared_ptr<Link>& link, const Key& key) {
    // Each call is answered, so that whoever counts them can count it off.
    FrameHeader request;
    request.id = std::get<2>(key);
    const Failure failure = make_failure("CancelledError", "weft.mesh", "the caller has cancelled the call");
    if (senders_.drop(*link, std::get<1>(key), request.id, false))
        return send_failure(*link, node_, request, std::get<1>(key), {}, Serde::json, failure);
    if (const auto it = incoming_.find(key); it != incoming_.end()) {
        incoming_bytes_ -= it->second.size;
        incoming_.erase(it);
        return send_failure(*link, node_, request, std::get<1>(key), {}, Serde::json, failure);
    }
    for (Running* running : running_calls_) {
        const Call& call = *running->call;
        if (running->cancelled || !call.header.wants_reply || call.key() != key) continue;
        running->cancelled = true;
        running->scope->reschedule(Duration::zero());
        return;
    }
    // Whether it waits at all is not known: it may have been answered meanwhile. More than can wait are not
    // remembered.
    if (queue_.empty()) return;
    if (cancelled_.size() >= queue_.capacity() && pruned_at_ != last_taken_) {
        pruned_at_ = last_taken_;
        std::erase_if(cancelled_, [&](const auto& one) { return one.second <= last_taken_ + 1; });
    }
    if (cancelled_.size() >= queue_.capacity()) return;
    cancelled_.insert_or_assign(key, last_number_ + 1);
}

void CallRunner::forget_if(const std::function<bool(const Link*, std::string_view)>& gone) noexcept {
    std::erase_if(incoming_, [&](const auto& entry) {
        if (!gone(std::get<0>(entry.first), std::get<1>(entry.first))) return false;
        incoming_bytes_ -= entry.second.size;
        return true;
    });
    for (Running* running : running_calls_) {
        const Call& call = *running->call;
        if (running->cancelled || !call.header.wants_reply || !gone(call.link.get(), call.info.caller))
            continue;
        running->cancelled = true;
        running->scope->reschedule(Duration::zero());
    }
}

void CallRunner::forget(const Link& link) noexcept {
    senders_.drop_link(link);
    if (link.extended()) forget_if([&](const Link* l, std::string_view) { return l == &link; });
}

void CallRunner::forget(std::string_view caller) noexcept {
    senders_.drop_peer(caller);
    forget_if([&](const Link*, std::string_view name) { return name == caller; });
}

}  // namespace weft::mesh
