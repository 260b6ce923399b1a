#include <weft/grpc/transport.hpp>

namespace weft::grpc {

TransportRef::TransportRef(Transport* own) noexcept : transport_(own) {
    if (transport_) ++transport_->refs_;
}
TransportRef::~TransportRef() {
    if (transport_ && --transport_->refs_ == 0) delete transport_;
}

}  // namespace weft::grpc
