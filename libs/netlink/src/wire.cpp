#include <weft/core/error.hpp>
#include <weft/netlink/wire.hpp>

#include <algorithm>
#include <limits>

#include <linux/netlink.h>

namespace weft::netlink {

namespace {

static_assert(sizeof(nlmsghdr) == MessageHeader::size);

constexpr std::size_t attribute_header_size = 4;

constexpr std::size_t aligned(std::size_t size) noexcept { return (size + 3) & ~std::size_t{3}; }

void parse_extended_ack(Bytes bytes, Verdict& verdict) {
    AttributeReader reader(bytes);
    while (const auto attribute = reader.next()) {
        switch (attribute->type()) {
            case NLMSGERR_ATTR_MSG:
                verdict.text = attribute->text();
                break;
            case NLMSGERR_ATTR_OFFS:
                verdict.offset = attribute->u32();
                break;
            case NLMSGERR_ATTR_MISS_TYPE:
                verdict.missing = attribute->u32();
                break;
            case NLMSGERR_ATTR_MISS_NEST:
                verdict.missing_in = attribute->u32();
                break;
            default:
                break;
        }
    }
}

// The kernel sends negative errno values; what is no errno is kept as EPROTO rather than negated blindly.
int errno_of(std::int32_t code) noexcept { return code > -4096 && code <= 0 ? -code : EPROTO; }

}  // namespace

std::string_view Attribute::text() const noexcept {
    const auto* begin = reinterpret_cast<const char*>(payload_.data());
    return std::string_view(begin, std::find(begin, begin + payload_.size(), '\0') - begin);
}

std::optional<Attribute> AttributeReader::next() noexcept {
    // Fewer bytes than a header are padding, as in the kernel's nla_ok().
    if (malformed_ || next_ + attribute_header_size > bytes_.size()) {
        next_ = bytes_.size();
        return std::nullopt;
    }
    std::uint16_t length;
    std::uint16_t type;
    std::memcpy(&length, bytes_.data() + next_, sizeof length);
    std::memcpy(&type, bytes_.data() + next_ + 2, sizeof type);
    if (length < attribute_header_size || length > bytes_.size() - next_) {
        malformed_ = true;
        return std::nullopt;
    }
    current_ = next_;
    next_ = std::min(next_ + aligned(length), bytes_.size());
    return Attribute(type, bytes_.subspan(current_ + attribute_header_size, length - attribute_header_size));
}

AttributeReader MessageView::attributes(std::size_t fixed_size) const noexcept {
    const std::size_t start = aligned(fixed_size);
    return AttributeReader(start < payload_.size() ? payload_.subspan(start) : Bytes());
}

std::optional<MessageView> MessageReader::next() noexcept {
    if (malformed_ || next_ == bytes_.size()) return std::nullopt;
    const Bytes rest = bytes_.subspan(next_);
    const auto header = read_struct<nlmsghdr>(rest);
    if (!header || header->nlmsg_len < MessageHeader::size || header->nlmsg_len > rest.size()) {
        malformed_ = true;
        return std::nullopt;
    }
    next_ += std::min(aligned(header->nlmsg_len), rest.size());
    MessageHeader parsed;
    parsed.length = header->nlmsg_len;
    parsed.type = header->nlmsg_type;
    parsed.flags = header->nlmsg_flags;
    parsed.sequence = header->nlmsg_seq;
    parsed.port = header->nlmsg_pid;
    return MessageView(parsed, rest.subspan(MessageHeader::size, parsed.length - MessageHeader::size));
}

std::optional<Verdict> parse_error(const MessageView& message) {
    const auto error = message.fixed<nlmsgerr>();
    if (!error) return std::nullopt;
    Verdict verdict;
    verdict.code = errno_of(error->error);
    if (message.flags() & NLM_F_ACK_TLVS) {
        // An uncapped error repeats the whole request; a capped one only its header.
        std::size_t used = sizeof(nlmsgerr);
        if (!(message.flags() & NLM_F_CAPPED) && error->msg.nlmsg_len > sizeof(nlmsghdr))
            used += aligned(error->msg.nlmsg_len - sizeof(nlmsghdr));
        if (used < message.payload().size()) parse_extended_ack(message.payload().subspan(used), verdict);
    }
    return verdict;
}

std::optional<Verdict> parse_done(const MessageView& message) {
    Verdict verdict;
    const auto code = message.fixed<std::int32_t>();
    // Old kernels end a dump without a code.
    if (!code) return verdict;
    verdict.code = errno_of(*code);
    if (message.flags() & NLM_F_ACK_TLVS)
        parse_extended_ack(message.payload().subspan(sizeof *code), verdict);
    return verdict;
}

std::vector<std::uint16_t> attribute_path(Bytes request, std::size_t fixed_size, std::size_t offset) {
    std::vector<std::uint16_t> path;
    std::size_t base = MessageHeader::size + aligned(fixed_size);
    if (base > request.size()) return path;
    Bytes level = request.subspan(base);
    for (bool found = true; found;) {
        found = false;
        AttributeReader reader(level);
        while (const auto attribute = reader.next()) {
            const std::size_t begin = base + reader.offset();
            const std::size_t payload = begin + attribute_header_size;
            if (offset < begin || offset >= payload + attribute->payload().size()) continue;
            path.push_back(attribute->type());
            // The kernel points at an attribute's header; further in lies a nested one.
            found = offset >= payload && attribute->marked_nested();
            level = attribute->payload();
            base = payload;
            break;
        }
    }
    return path;
}

MessageBuilder::MessageBuilder(std::uint16_t type, std::uint16_t flags) : bytes_(MessageHeader::size) {
    bytes_.reserve(128);
    std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_type), &type, sizeof type);
    add_flags(flags);
    update_length();
}

void MessageBuilder::update_length() noexcept {
    const auto length = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &length, sizeof length);
}

void MessageBuilder::set_sequence(std::uint32_t sequence) noexcept {
    std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
}

std::uint16_t MessageBuilder::flags() const noexcept {
    std::uint16_t flags;
    std::memcpy(&flags, bytes_.data() + offsetof(nlmsghdr, nlmsg_flags), sizeof flags);
    return flags;
}

void MessageBuilder::add_flags(std::uint16_t more) noexcept {
    const auto flags = static_cast<std::uint16_t>(this->flags() | more);
    std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_flags), &flags, sizeof flags);
}

MessageBuilder& MessageBuilder::append(Bytes bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    bytes_.resize(aligned(bytes_.size()));
    update_length();
    return *this;
}

void MessageBuilder::patch(std::size_t offset, Bytes bytes) {
    if (offset > bytes_.size() || bytes.size() > bytes_.size() - offset)
        throw UsageError("patch beyond the end of a netlink message");
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
}

MessageBuilder& MessageBuilder::put(std::uint16_t type, Bytes payload) {
    const std::size_t length = attribute_header_size + payload.size();
    if (length > std::numeric_limits<std::uint16_t>::max())
        throw UsageError("a netlink attribute holds at most 65531 bytes, not " +
                         std::to_string(payload.size()));
    const auto short_length = static_cast<std::uint16_t>(length);
    std::uint8_t header[attribute_header_size];
    std::memcpy(header, &short_length, sizeof short_length);
    std::memcpy(header + 2, &type, sizeof type);
    bytes_.insert(bytes_.end(), header, header + attribute_header_size);
    return append(payload);
}

MessageBuilder& MessageBuilder::put_u16_be(std::uint16_t type, std::uint16_t value) {
    const std::uint8_t bytes[] = {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
    return put(type, bytes);
}

MessageBuilder& MessageBuilder::put_text(std::uint16_t type, std::string_view text) {
    std::vector<std::uint8_t> bytes(text.begin(), text.end());
    bytes.push_back(0);
    return put(type, bytes);
}

std::size_t MessageBuilder::begin_nest(std::uint16_t type, bool mark) {
    const std::size_t start = bytes_.size();
    put(mark ? static_cast<std::uint16_t>(type | NLA_F_NESTED) : type, Bytes());
    return start;
}

void MessageBuilder::end_nest(std::size_t nest) {
    const std::size_t length = bytes_.size() - nest;
    if (length > std::numeric_limits<std::uint16_t>::max())
        throw UsageError("a nest of netlink attributes holds at most 65531 bytes");
    const auto short_length = static_cast<std::uint16_t>(length);
    std::memcpy(bytes_.data() + nest, &short_length, sizeof short_length);
}

}  // namespace weft::netlink
