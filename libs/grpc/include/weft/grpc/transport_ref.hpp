// TransportRef: a counted reference to a Transport. Not std::shared_ptr: <memory> would add 13,000 lines to
// every program that includes <weft/grpc/channel.hpp>.
#pragma once

#include <utility>

namespace weft::grpc {

class Transport;

// Belongs to one loop, as the channel does. The last one deletes the transport.
class TransportRef {
public:
    TransportRef() = default;
    // Takes over a transport made with new.
    explicit TransportRef(Transport* own) noexcept;
    TransportRef(const TransportRef& other) noexcept : TransportRef(other.transport_) {}
    TransportRef(TransportRef&& other) noexcept : transport_(std::exchange(other.transport_, nullptr)) {}
    TransportRef& operator=(TransportRef other) noexcept {
        std::swap(transport_, other.transport_);
        return *this;
    }
    ~TransportRef();

    [[nodiscard]] explicit operator bool() const noexcept { return transport_ != nullptr; }
    Transport* operator->() const noexcept { return transport_; }

private:
    Transport* transport_ = nullptr;
};

}  // namespace weft::grpc
