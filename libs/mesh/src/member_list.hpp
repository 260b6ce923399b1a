// The members as the JSON of a handshake, made once for all who join: ten thousand of them would be written
// ten thousand times.
#pragma once

#include "payload.hpp"

#include <weft/mesh/handshake.hpp>

#include <memory>
#include <span>

namespace weft::mesh {

class MemberList {
public:
    // The text between the brackets of "members": members separated by commas. Stays as it is for whoever
    // holds it.
    [[nodiscard]] Payload text() const;
    // True when the text is of no use: a member has changed or gone.
    [[nodiscard]] bool stale() const noexcept { return !text_; }
    void forget() noexcept { text_ = nullptr; }
    void make(std::span<const Member* const> members);
    // One more, behind the others; unless stale().
    void add(const Member& member);

private:
    std::shared_ptr<Buffer> text_;
};

}  // namespace weft::mesh
