#include "member_list.hpp"

namespace weft::mesh {

namespace {
constexpr std::size_t first_room = 4096;
}

Payload MemberList::text() const { return {text_, text_->bytes()}; }

void MemberList::make(std::span<const Member* const> members) {
    text_ = std::make_shared<Buffer>(first_room);
    for (const Member* member : members) {
        if (member != members.front()) text_->push(',');
        write_member(*member, *text_);
    }
}

void MemberList::add(const Member& member) {
    Buffer one;
    if (!text_->empty()) one.push(',');
    write_member(member, one);
    if (text_->capacity() - text_->size() < one.size()) {
        // Others may hold the text: it does not move, it is left to them.
        auto larger = std::make_shared<Buffer>(2 * (text_->size() + one.size()));
        larger->append(text_->bytes());
        text_ = std::move(larger);
    }
    text_->append(one.bytes());
}

}  // namespace weft::mesh
