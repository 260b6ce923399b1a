// The answer to a read, entity by entity, as it arrives.
#pragma once

#include <weft/core/task.hpp>
#include <weft/p4runtime/error.hpp>
#include <weft/p4runtime/update.hpp>

#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace weft::p4runtime {

class EntityReader;  // private: src/entity_reader.hpp

// Reads any kind. The request is sent with the first next(); dropping the stream cancels it. Memory is bound
// by one message of the switch, not by the table. One reader at a time.
class AnyEntityStream {
public:
    explicit AnyEntityStream(std::shared_ptr<EntityReader> reader) : reader_(std::move(reader)) {}

    // nullopt at the end. Throws Error when the read is refused, EncodingError when an answer makes no sense.
    [[nodiscard]] Task<std::optional<Entity>> next();

    // Everything that is left.
    [[nodiscard]] Task<std::vector<Entity>> all();

private:
    std::shared_ptr<EntityReader> reader_;
};

// Reads one kind: `while (true) { auto entry = co_await entries.next(); if (!entry) break; … }`.
template <class T>
class EntityStream {
public:
    explicit EntityStream(AnyEntityStream stream) : stream_(std::move(stream)) {}

    [[nodiscard]] Task<std::optional<T>> next() { return next_of(stream_); }
    [[nodiscard]] Task<std::vector<T>> all() { return all_of(stream_); }

private:
    static T expect(Entity entity) {
        if (T* wanted = std::get_if<T>(&entity)) return std::move(*wanted);
        throw EncodingError("entity", "the switch answered a read with an entity of another kind");
    }
    static Task<std::optional<T>> next_of(AnyEntityStream stream) {
        std::optional<Entity> entity = co_await stream.next();
        if (!entity) co_return std::nullopt;
        co_return std::optional<T>(expect(std::move(*entity)));
    }
    static Task<std::vector<T>> all_of(AnyEntityStream stream) {
        std::vector<T> result;
        for (;;) {
            std::optional<Entity> entity = co_await stream.next();
            if (!entity) break;
            result.push_back(expect(std::move(*entity)));
        }
        co_return result;
    }

    AnyEntityStream stream_;
};

}  // namespace weft::p4runtime
