// One Read request and its answers.
#pragma once

#include "client_state.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace weft::p4runtime {

class EntityReader {
public:
    EntityReader(std::shared_ptr<ClientState> state, std::vector<Entity> filters)
        : state_(std::move(state)), filters_(std::move(filters)) {}

    static Task<std::optional<Entity>> next(std::shared_ptr<EntityReader> self);

private:
    void start();

    std::shared_ptr<ClientState> state_;
    std::vector<Entity> filters_;
    std::unique_ptr<ReadCall> call_;
    std::optional<p4::v1::ReadResponse> answer_;
    int position_ = 0;
    bool ended_ = false;
};

}  // namespace weft::p4runtime
