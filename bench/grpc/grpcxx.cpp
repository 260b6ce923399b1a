// grpc++'s part of bench/grpc, twice: `grpcxx callback …` and `grpcxx cq …` (one thread on a completion
// queue), then as bench_case.hpp says.
#include "bench.grpc.pb.h"
#include "bench_case.hpp"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace {

using google::protobuf::BytesValue;
using Stub = bench::Bench::Stub;

// Servers

class CallbackService final : public bench::Bench::CallbackService {
    grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, const BytesValue* request,
                                    BytesValue* reply) override {
        reply->set_value(request->value());
        auto* reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }
    grpc::ServerWriteReactor<BytesValue>* Down(grpc::CallbackServerContext*,
                                               const BytesValue* request) override {
        class Reactor final : public grpc::ServerWriteReactor<BytesValue> {
        public:
            explicit Reactor(const BytesValue& message) : message_(message) { StartWrite(&message_); }
            void OnWriteDone(bool ok) override {
                if (ok) return StartWrite(&message_);
                Finish(grpc::Status::CANCELLED);
            }
            void OnDone() override { delete this; }

        private:
            BytesValue message_;
        };
        return new Reactor(*request);
    }
    grpc::ServerBidiReactor<BytesValue, BytesValue>* Chat(grpc::CallbackServerContext*) override {
        class Reactor final : public grpc::ServerBidiReactor<BytesValue, BytesValue> {
        public:
            Reactor() { StartRead(&message_); }
            void OnReadDone(bool ok) override {
                if (ok) return StartWrite(&message_);
                Finish(grpc::Status::OK);
            }
            void OnWriteDone(bool ok) override {
                if (ok) StartRead(&message_);
            }
            void OnDone() override { delete this; }

        private:
            BytesValue message_;
        };
        return new Reactor();
    }
};

// What a tag of the completion queue points to.
class Event {
public:
    virtual ~Event() = default;
    virtual void happened(bool ok) = 0;
};

void drain(grpc::CompletionQueue& queue, const bool* over = nullptr) {
    void* tag = nullptr;
    bool ok = false;
    while ((!over || !*over) && queue.Next(&tag, &ok)) static_cast<Event*>(tag)->happened(ok);
}

class CqServer {
public:
    CqServer(bench::Bench::AsyncService& service, grpc::ServerCompletionQueue& queue) {
        for (int i = 0; i < 200; ++i) new UnaryCall(service, queue);
        new DownCall(service, queue);
        new ChatCall(service, queue);
    }

private:
    class UnaryCall final : public Event {
    public:
        UnaryCall(bench::Bench::AsyncService& service, grpc::ServerCompletionQueue& queue)
            : service_(service), queue_(queue), responder_(&context_) {
            service_.RequestUnary(&context_, &request_, &responder_, &queue_, &queue_, this);
        }
        void happened(bool ok) override {
            if (!ok || answered_) {
                delete this;
                return;
            }
            answered_ = true;
            new UnaryCall(service_, queue_);
            responder_.Finish(request_, grpc::Status::OK, this);
        }

    private:
        bench::Bench::AsyncService& service_;
        grpc::ServerCompletionQueue& queue_;
        grpc::ServerContext context_;
        BytesValue request_;
        grpc::ServerAsyncResponseWriter<BytesValue> responder_;
        bool answered_ = false;
    };
    class DownCall final : public Event {
    public:
        DownCall(bench::Bench::AsyncService& service, grpc::ServerCompletionQueue& queue)
            : service_(service), queue_(queue), writer_(&context_) {
            service_.RequestDown(&context_, &request_, &writer_, &queue_, &queue_, this);
        }
        void happened(bool ok) override {
            if (!ok || finished_) {
                if (finished_ || !started_) {
                    delete this;
                    return;
                }
                finished_ = true;
                return writer_.Finish(grpc::Status::CANCELLED, this);
            }
            if (!started_) new DownCall(service_, queue_);
            started_ = true;
            writer_.Write(request_, this);
        }

    private:
        bench::Bench::AsyncService& service_;
        grpc::ServerCompletionQueue& queue_;
        grpc::ServerContext context_;
        BytesValue request_;
        grpc::ServerAsyncWriter<BytesValue> writer_;
        bool started_ = false;
        bool finished_ = false;
    };
    class ChatCall final : public Event {
    public:
        ChatCall(bench::Bench::AsyncService& service, grpc::ServerCompletionQueue& queue)
            : service_(service), queue_(queue), stream_(&context_) {
            service_.RequestChat(&context_, &stream_, &queue_, &queue_, this);
        }
        void happened(bool ok) override {
            switch (state_) {
                case State::requested:
                    if (!ok) {
                        delete this;
                        return;
                    }
                    new ChatCall(service_, queue_);
                    state_ = State::reading;
                    return stream_.Read(&message_, this);
                case State::reading:
                    state_ = ok ? State::writing : State::finishing;
                    if (ok) return stream_.Write(message_, this);
                    return stream_.Finish(grpc::Status::OK, this);
                case State::writing:
                    state_ = ok ? State::reading : State::finishing;
                    if (ok) return stream_.Read(&message_, this);
                    return stream_.Finish(grpc::Status::OK, this);
                case State::finishing:
                    delete this;
                    return;
            }
        }

    private:
        enum class State { requested, reading, writing, finishing };
        bench::Bench::AsyncService& service_;
        grpc::ServerCompletionQueue& queue_;
        grpc::ServerContext context_;
        BytesValue message_;
        grpc::ServerAsyncReaderWriter<BytesValue, BytesValue> stream_;
        State state_ = State::requested;
    };
};

int serve(bool callback) {
    CallbackService callbacks;
    bench::Bench::AsyncService async;
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    std::unique_ptr<grpc::ServerCompletionQueue> queue;
    if (callback) {
        builder.RegisterService(&callbacks);
    } else {
        builder.RegisterService(&async);
        queue = builder.AddCompletionQueue();
    }
    const auto server = builder.BuildAndStart();
    std::printf("port %d\n", port);
    std::fflush(stdout);
    if (callback) {
        server->Wait();
    } else {
        const CqServer calls(async, *queue);
        drain(*queue);
    }
    return 0;
}

// Clients

BytesValue request_of(const bench::Case& one) {
    BytesValue request;
    request.set_value(one.value());
    return request;
}

class CqUnary final : public Event {
public:
    CqUnary(Stub& stub, grpc::CompletionQueue& queue, bench::Case& one, bool& over)
        : stub_(stub), queue_(queue), one_(one), over_(over), request_(request_of(one)) {
        start();
    }
    void happened(bool) override {
        if (!status_.ok()) std::abort();
        call_.reset();
        if (over_ || !one_.count(began_)) {
            over_ = true;
            return;
        }
        start();
    }

private:
    void start() {
        began_ = bench::Clock::now();
        context_.emplace();
        call_ = stub_.AsyncUnary(&*context_, request_, &queue_);
        call_->Finish(&reply_, &status_, this);
    }
    Stub& stub_;
    grpc::CompletionQueue& queue_;
    bench::Case& one_;
    bool& over_;
    BytesValue request_;
    BytesValue reply_;
    std::optional<grpc::ClientContext> context_;
    std::unique_ptr<grpc::ClientAsyncResponseReader<BytesValue>> call_;
    grpc::Status status_;
    bench::Clock::time_point began_;
};

class CqDown final : public Event {
public:
    CqDown(Stub& stub, grpc::CompletionQueue& queue, bench::Case& one, bool& over) : one_(one), over_(over) {
        reader_ = stub.AsyncDown(&context_, request_of(one), &queue, this);
    }
    void happened(bool ok) override {
        if (!ok) std::abort();
        if (started_ && ++messages_ % 64 == 0 && !one_.count_messages(64)) {
            over_ = true;
            return;
        }
        started_ = true;
        reader_->Read(&message_, this);
    }

private:
    bench::Case& one_;
    bool& over_;
    grpc::ClientContext context_;
    std::unique_ptr<grpc::ClientAsyncReader<BytesValue>> reader_;
    BytesValue message_;
    std::size_t messages_ = 0;
    bool started_ = false;
};

class CqChat final : public Event {
public:
    CqChat(Stub& stub, grpc::CompletionQueue& queue, bench::Case& one, bool& over)
        : one_(one), over_(over), request_(request_of(one)) {
        stream_ = stub.AsyncChat(&context_, &queue, this);
    }
    void happened(bool ok) override {
        if (!ok) std::abort();
        switch (state_) {
            case State::written:
                state_ = State::read;
                return stream_->Read(&reply_, this);
            case State::read:
                if (one_.idle() || !one_.count(began_)) {
                    over_ = true;
                    return;
                }
                [[fallthrough]];
            case State::starting:
                state_ = State::written;
                began_ = bench::Clock::now();
                return stream_->Write(request_, this);
        }
    }

private:
    enum class State { starting, written, read };
    bench::Case& one_;
    bool& over_;
    grpc::ClientContext context_;
    BytesValue request_;
    BytesValue reply_;
    std::unique_ptr<grpc::ClientAsyncReaderWriter<BytesValue, BytesValue>> stream_;
    State state_ = State::starting;
    bench::Clock::time_point began_;
};

// Ends the process without taking calls down: what was measured is over.
[[noreturn]] void leave() {
    bench::Case::wait_for_end_of_input();
    std::_Exit(0);
}

void cq_client(Stub& stub, bench::Case& one) {
    grpc::CompletionQueue queue;
    std::vector<std::unique_ptr<Event>> events;
    bool over = false;
    if (one.unary()) {
        for (int i = 0; i < one.in_flight(); ++i)
            events.push_back(std::make_unique<CqUnary>(stub, queue, one, over));
        drain(queue, &over);
    } else if (one.stream()) {
        events.push_back(std::make_unique<CqDown>(stub, queue, one, over));
        drain(queue, &over);
    } else if (one.idle()) {
        one.begin_idle();
        for (int i = 0; i < bench::Case::idle_streams; ++i) {
            over = false;
            events.push_back(std::make_unique<CqChat>(stub, queue, one, over));
            drain(queue, &over);
        }
        one.end_idle();
    } else {
        events.push_back(std::make_unique<CqChat>(stub, queue, one, over));
        drain(queue, &over);
    }
    leave();
}

// Set once, by a callback of grpc's threads.
class Done {
public:
    void set() {
        const std::lock_guard lock(mutex_);
        done_ = true;
        changed_.notify_all();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return done_; });
        done_ = false;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool done_ = false;
};

class CallbackUnary {
public:
    CallbackUnary(Stub& stub, bench::Case& one, std::mutex& mutex, Done& done)
        : stub_(stub), one_(one), mutex_(mutex), done_(done), request_(request_of(one)) {}
    void start() {
        began_ = bench::Clock::now();
        context_.emplace();
        stub_.async()->Unary(&*context_, &request_, &reply_, [this](grpc::Status status) {
            if (!status.ok()) std::abort();
            {
                const std::lock_guard lock(mutex_);
                if (one_.over()) return;
                if (!one_.count(began_)) return done_.set();
            }
            start();
        });
    }

private:
    Stub& stub_;
    bench::Case& one_;
    std::mutex& mutex_;
    Done& done_;
    BytesValue request_;
    BytesValue reply_;
    std::optional<grpc::ClientContext> context_;
    bench::Clock::time_point began_;
};

class CallbackDown final : public grpc::ClientReadReactor<BytesValue> {
public:
    CallbackDown(Stub& stub, bench::Case& one, Done& done)
        : one_(one), done_(done), request_(request_of(one)) {
        stub.async()->Down(&context_, &request_, this);
        StartRead(&message_);
        StartCall();
    }
    void OnReadDone(bool ok) override {
        if (!ok) std::abort();
        if (++messages_ % 64 == 0 && !one_.count_messages(64)) return done_.set();
        StartRead(&message_);
    }

private:
    bench::Case& one_;
    Done& done_;
    BytesValue request_;
    grpc::ClientContext context_;
    BytesValue message_;
    std::size_t messages_ = 0;
};

class CallbackChat final : public grpc::ClientBidiReactor<BytesValue, BytesValue> {
public:
    CallbackChat(Stub& stub, bench::Case& one, Done& done)
        : one_(one), done_(done), request_(request_of(one)) {
        stub.async()->Chat(&context_, this);
        began_ = bench::Clock::now();
        StartWrite(&request_);
        StartCall();
    }
    void OnWriteDone(bool ok) override {
        if (!ok) std::abort();
        StartRead(&reply_);
    }
    void OnReadDone(bool ok) override {
        if (!ok) std::abort();
        if (one_.idle() || !one_.count(began_)) return done_.set();
        began_ = bench::Clock::now();
        StartWrite(&request_);
    }

private:
    bench::Case& one_;
    Done& done_;
    BytesValue request_;
    BytesValue reply_;
    grpc::ClientContext context_;
    bench::Clock::time_point began_;
};

void callback_client(Stub& stub, bench::Case& one) {
    Done done;
    std::mutex mutex;
    std::vector<std::unique_ptr<CallbackUnary>> calls;
    std::vector<std::unique_ptr<CallbackChat>> chats;
    std::unique_ptr<CallbackDown> down;
    if (one.unary()) {
        for (int i = 0; i < one.in_flight(); ++i)
            calls.push_back(std::make_unique<CallbackUnary>(stub, one, mutex, done));
        for (auto& call : calls) call->start();
        done.wait();
    } else if (one.stream()) {
        down = std::make_unique<CallbackDown>(stub, one, done);
        done.wait();
    } else if (one.idle()) {
        one.begin_idle();
        for (int i = 0; i < bench::Case::idle_streams; ++i) {
            chats.push_back(std::make_unique<CallbackChat>(stub, one, done));
            done.wait();
        }
        one.end_idle();
    } else {
        chats.push_back(std::make_unique<CallbackChat>(stub, one, done));
        done.wait();
    }
    leave();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const bool callback = std::string(argv[1]) == "callback";
    if (std::string(argv[2]) == "server") return serve(callback);
    if (argc != 6) return 2;
    bench::Case one(argv[4], std::atof(argv[5]));
    auto channel =
        grpc::CreateChannel("127.0.0.1:" + std::string(argv[3]), grpc::InsecureChannelCredentials());
    channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(5));
    const auto stub = bench::Bench::NewStub(channel);
    if (callback) callback_client(*stub, one);
    cq_client(*stub, one);
}
