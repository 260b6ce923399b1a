// Reads: one request, its answers decoded one entity at a time.
#include "entity_reader.hpp"

#include "entity_codec.hpp"

#include <weft/core/timeout.hpp>

namespace weft::p4runtime {

void EntityReader::start() {
    state_->require_connected();
    p4::v1::ReadRequest request;
    request.set_device_id(state_->options.device_id);
    request.set_role(state_->options.role);
    for (const auto& filter : filters_) encode(state_->info, filter, Purpose::read, *request.add_entities());
    call_ = state_->transport->read(std::move(request), state_->options.request_timeout);
}

Task<std::optional<Entity>> EntityReader::next(std::shared_ptr<EntityReader> self) {
    if (self->ended_) co_return std::nullopt;
    if (!self->call_) self->start();
    const std::string what = "read from " + self->state_->options.target;
    while (!self->answer_ || self->position_ >= self->answer_->entities_size()) {
        try {
            self->answer_ = co_await self->call_->read();
        } catch (const RpcFailure& failure) {
            self->ended_ = true;
            rethrow_failure(what, failure);
        }
        self->position_ = 0;
        if (!self->answer_) {
            self->ended_ = true;
            co_return std::nullopt;
        }
    }
    const int position = self->position_++;
    co_return std::optional<Entity>(decode(self->state_->info, self->answer_->entities(position)));
}

Task<std::optional<Entity>> AnyEntityStream::next() { return EntityReader::next(reader_); }

namespace {

Task<std::vector<Entity>> read_all(std::shared_ptr<EntityReader> reader) {
    std::vector<Entity> entities;
    for (;;) {
        std::optional<Entity> entity = co_await EntityReader::next(reader);
        if (!entity) break;
        entities.push_back(std::move(*entity));
    }
    co_return entities;
}

}  // namespace

Task<std::vector<Entity>> AnyEntityStream::all() { return read_all(reader_); }

}  // namespace weft::p4runtime
