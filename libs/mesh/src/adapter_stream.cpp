#include "adapter_stream.hpp"

#include <algorithm>
#include <cstring>

namespace weft::mesh {

IoResult AdapterStream::try_read(std::span<std::byte> buffer) {
    for (;;) {
        flush();
        if (const std::size_t n = std::min(plain_.size() - taken_, buffer.size()); n != 0) {
            std::memcpy(buffer.data(), plain_.data() + taken_, n);
            taken_ += n;
            if (taken_ == plain_.size()) {
                plain_.clear();
                taken_ = 0;
            }
            return IoResult::done(n);
        }
        if (ended()) return IoResult::end_of_stream();
        std::byte room[32768];
        const IoResult result = inner_->try_read(room);
        if (result.status != IoResult::Status::ok) return result;
        from_peer(std::span<const std::byte>(room).first(result.bytes));
    }
}

IoResult AdapterStream::try_write(std::span<const ConstBuffer> buffers) {
    if (!may_write()) return IoResult::again();
    flush();
    if (out_.size() > max_pending) return IoResult::again();
    std::size_t count = 0;
    for (const ConstBuffer& b : buffers) {
        const auto bytes = std::span(static_cast<const std::byte*>(b.data), b.size);
        count += bytes.size();
        const std::size_t skipped = std::min(owed_, bytes.size());
        owed_ -= skipped;
        from_link(bytes.subspan(skipped));
    }
    flush();
    if (plain_.size() != taken_) wake_reader();
    // While bytes wait here the last one is not acknowledged, so that the link comes back and flushes them.
    if (out_.empty() || count == 0) return IoResult::done(count);
    owed_ = 1;
    return count == 1 ? IoResult::again() : IoResult::done(count - 1);
}

void AdapterStream::shutdown_write() {
    say_goodbye();
    flush();
    inner_->shutdown_write();
}

void AdapterStream::flush() {
    while (sent_ < out_.size()) {
        const ConstBuffer rest{out_.data() + sent_, out_.size() - sent_};
        const IoResult result = inner_->try_write({&rest, 1});
        if (result.status != IoResult::Status::ok) return;
        sent_ += result.bytes;
    }
    out_.clear();
    sent_ = 0;
}

}  // namespace weft::mesh
