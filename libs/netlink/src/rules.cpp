#include "codec.hpp"
#include "socket_state.hpp"

#include <weft/netlink/error.hpp>

#include <iterator>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

namespace weft::netlink {

namespace {

using State = std::shared_ptr<SocketState>;

std::string show(const Rule& rule) {
    return "rule " + std::to_string(rule.priority) + " to table " + std::to_string(rule.table);
}

Task<std::vector<Rule>> list_rules(State state) {
    std::vector<Rule> rules;
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        MessageBuilder request(RTM_GETRULE);
        fib_rule_hdr fixed{};
        fixed.family = address_family(family);
        request.fixed(fixed);
        Collector<Rule> sink(decode_rule);
        const Answer answer = co_await transact(state, std::move(request), Expect::dump, &sink);
        const int code = answer.verdict.code;
        // Built without policy routing of this family.
        if (code == EOPNOTSUPP || code == EAFNOSUPPORT) continue;
        require_success(answer, [] { return std::string("list rules"); });
        rules.insert(rules.end(), std::make_move_iterator(sink.items.begin()),
                     std::make_move_iterator(sink.items.end()));
    }
    co_return rules;
}

Task<void> change(State state, std::uint16_t type, std::uint16_t flags, const char* verb, Rule rule) {
    const Answer answer =
        co_await transact(std::move(state), encode_rule(type, flags, rule), Expect::ack, nullptr);
    require_success(answer, [&] { return verb + (" " + show(rule)); });
}

std::optional<IpPrefix> read_prefix(const Attribute& attribute, unsigned length) {
    const auto address = attribute.ip();
    if (!address || length > address->bit_count()) return std::nullopt;
    return IpPrefix(*address, length);
}

}  // namespace

std::optional<Rule> decode_rule(const MessageView& message) {
    if (message.type() != RTM_NEWRULE && message.type() != RTM_DELRULE) return std::nullopt;
    const auto fixed = message.fixed<fib_rule_hdr>();
    if (!fixed) return std::nullopt;
    const auto family = ip_family(fixed->family);
    if (!family) return std::nullopt;
    Rule rule;
    rule.family = *family;
    rule.action = static_cast<RuleAction>(fixed->action);
    rule.table = fixed->table;
    AttributeReader reader = message.attributes(sizeof *fixed);
    while (const auto attribute = reader.next()) {
        switch (attribute->type()) {
            case FRA_PRIORITY:
                rule.priority = attribute->u32().value_or(0);
                break;
            case FRA_TABLE:
                rule.table = attribute->u32().value_or(rule.table);
                break;
            case FRA_SRC:
                rule.source = read_prefix(*attribute, fixed->src_len);
                break;
            case FRA_DST:
                rule.destination = read_prefix(*attribute, fixed->dst_len);
                break;
            case FRA_IIFNAME:
                rule.input = attribute->text();
                break;
            case FRA_OIFNAME:
                rule.output = attribute->text();
                break;
            case FRA_FWMARK:
                rule.mark = attribute->u32();
                break;
            default:
                break;
        }
    }
    return rule;
}

MessageBuilder encode_rule(std::uint16_t type, std::uint16_t flags, const Rule& rule) {
    MessageBuilder message(type, flags);
    fib_rule_hdr fixed{};
    fixed.family = address_family(rule.family);
    fixed.action = static_cast<std::uint8_t>(rule.action);
    if (rule.source) fixed.src_len = static_cast<std::uint8_t>(rule.source->length());
    if (rule.destination) fixed.dst_len = static_cast<std::uint8_t>(rule.destination->length());
    message.fixed(fixed);
    message.put_u32(FRA_PRIORITY, rule.priority);
    if (rule.action == RuleAction::lookup) message.put_u32(FRA_TABLE, rule.table);
    if (rule.source) message.put_ip(FRA_SRC, rule.source->address());
    if (rule.destination) message.put_ip(FRA_DST, rule.destination->address());
    if (!rule.input.empty()) message.put_text(FRA_IIFNAME, rule.input);
    if (!rule.output.empty()) message.put_text(FRA_OIFNAME, rule.output);
    if (rule.mark) message.put_u32(FRA_FWMARK, *rule.mark);
    return message;
}

Rules::Rules(std::shared_ptr<SocketState> state) noexcept : state_(std::move(state)) {}

Task<std::vector<Rule>> Rules::list() const { return list_rules(state_); }

Task<void> Rules::add(Rule rule) const {
    return change(state_, RTM_NEWRULE, flag::create | flag::exclusive, "add", std::move(rule));
}

Task<void> Rules::remove(Rule rule) const {
    return change(state_, RTM_DELRULE, 0, "remove", std::move(rule));
}

}  // namespace weft::netlink
