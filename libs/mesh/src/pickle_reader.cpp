// Python's pickle, protocols 2 to 5, read as data: nothing is ever constructed or called.
//
// Pickle is a program for a stack machine. Objects may be shared and may be filled after they were put
// elsewhere, so reading makes nodes first, and the tree of values from them at the end, with limits on what
// sharing may multiply.
#include "codec.hpp"
#include "pickle_opcodes.hpp"

#include <weft/mesh/frame.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <list>
#include <vector>

namespace weft::mesh {

namespace {

using NodeId = std::uint32_t;

enum class Tag : std::uint8_t {
    null,
    boolean,
    integer,
    big,
    real,
    text,
    bytes,
    list,
    tuple,
    set,
    dict,
    global,
    object
};

struct Node {
    Tag tag = Tag::null;
    bool open = false;  // being turned into a value: meeting it again is a cycle
    std::uint64_t number = 0;
    std::string_view text;
    // In the pool of children; of a dict: key, value, key, value …
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::uint32_t room = 0;
};

// What reading needs and no message keeps. One for each thread: no message allocates it again.
struct Scratch {
    static constexpr std::size_t most_kept = 4096;  // nodes; of a large message nothing is kept

    void clear() noexcept {
        if (nodes.capacity() > most_kept || children.capacity() > most_kept || stack.capacity() > most_kept ||
            memo.capacity() > most_kept) {
            *this = Scratch();
            return;
        }
        nodes.clear();
        children.clear();
        stack.clear();
        marks.clear();
        memo.clear();
    }

    std::vector<Node> nodes;
    std::vector<NodeId> children;
    std::vector<NodeId> stack;
    std::vector<std::size_t> marks;
    std::vector<NodeId> memo;
};

Scratch& scratch() {
    thread_local Scratch memory;
    return memory;
}

class Unpickler {
public:
    Unpickler(std::span<const std::byte> bytes, PickleObjects objects, std::string& why)
        : at_(reinterpret_cast<const unsigned char*>(bytes.data())),
          begin_(at_),
          end_(at_ + bytes.size()),
          objects_(objects),
          why_(why),
          nodes_(scratch().nodes),
          children_(scratch().children),
          stack_(scratch().stack),
          marks_(scratch().marks),
          memo_(scratch().memo),
          text_budget_(bytes.size() * 64 + (std::size_t{1} << 20)) {}

    Unpickler(const Unpickler&) = delete;
    Unpickler& operator=(const Unpickler&) = delete;
    ~Unpickler() { scratch().clear(); }

    bool run(Value& out) {
        if (left() < 2 || *at_ != op_proto)
            return fail("it does not begin with a protocol (2 to 5 are read)");
        if (at_[1] < 2 || at_[1] > 5)
            return fail("protocol " + std::to_string(at_[1]) + " (2 to 5 are read)");
        at_ += 2;
        bool stopped = false;
        while (!stopped)
            if (!step(stopped)) return false;
        if (stack_.size() != 1 || !marks_.empty()) return fail("it ends with other than one value");
        return convert(stack_.back(), out, 0);
    }

private:
    bool fail(const std::string& reason) {
        if (why_.empty()) why_ = "PICKLE, byte " + std::to_string(at_ - begin_) + ": " + reason;
        return false;
    }
    bool refuse(std::string_view what) {
        return fail("refused: it would construct or call " + std::string(what) + "; only plain data is read");
    }
    [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

    bool load(std::size_t size, std::uint64_t& out) {
        if (left() < size) return fail("the message is cut");
        out = 0;
        for (std::size_t i = size; i-- > 0;) out = out << 8 | at_[i];
        at_ += size;
        return true;
    }
    bool take(std::size_t size_bytes, std::string_view& out) {
        std::uint64_t size = 0;
        if (!load(size_bytes, size)) return false;
        if (size > left()) return fail("the message is cut");
        out = {reinterpret_cast<const char*>(at_), static_cast<std::size_t>(size)};
        at_ += size;
        return true;
    }
    bool line(std::string_view& out) {
        const void* newline = left() ? std::memchr(at_, '\n', left()) : nullptr;
        if (!newline) return fail("the message is cut");
        const auto* stop = static_cast<const unsigned char*>(newline);
        out = {reinterpret_cast<const char*>(at_), static_cast<std::size_t>(stop - at_)};
        at_ = stop + 1;
        return true;
    }

    NodeId add(Tag tag) {
        nodes_.emplace_back().tag = tag;
        return static_cast<NodeId>(nodes_.size() - 1);
    }
    bool push(NodeId id) {
        stack_.push_back(id);
        return true;
    }
    bool push_number(Tag tag, std::uint64_t number) {
        const NodeId id = add(tag);
        nodes_[id].number = number;
        return push(id);
    }
    bool push_text(Tag tag, std::string_view text) {
        if (tag == Tag::text && !valid_utf8(text)) return fail("a text is not UTF-8");
        const NodeId id = add(tag);
        nodes_[id].text = text;
        return push(id);
    }
    bool push_sized_text(Tag tag, std::size_t size_bytes) {
        std::string_view text;
        return take(size_bytes, text) && push_text(tag, text);
    }

    // Items above the last mark stay out of reach of what works on single values.
    [[nodiscard]] std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
    bool pop(NodeId& out) {
        if (stack_.size() <= floor()) return fail("a value is missing on the stack");
        out = stack_.back();
        stack_.pop_back();
        return true;
    }
    // Where the items above the last mark begin, which goes.
    bool take_mark(std::size_t& from) {
        if (marks_.empty()) return fail("a mark is missing on the stack");
        from = marks_.back();
        marks_.pop_back();
        return true;
    }
    // Where the last `count` items begin.
    bool take_last(std::size_t count, std::size_t& from) {
        if (stack_.size() < floor() + count) return fail("a value is missing on the stack");
        from = stack_.size() - count;
        return true;
    }
    [[nodiscard]] std::span<const NodeId> children_of(const Node& node) const {
        return std::span(children_).subspan(node.first, node.count);
    }
    // Adds what lies on the stack from `from` on, and takes it from there.
    void adopt(Node& node, std::size_t from) {
        const std::size_t count = stack_.size() - from;
        if (node.count + count > node.room) {
            const bool at_end = node.first + node.room == children_.size();
            // What grows again is likely to grow once more; a pickler adds a thousand items at a time.
            const std::size_t room = node.count == 0 ? count : 2 * (node.count + count);
            if (at_end && node.room != 0) {
                children_.resize(node.first + room);
            } else {
                const auto first = children_.size();
                children_.resize(first + room);
                std::copy_n(children_.begin() + node.first, node.count,
                            children_.begin() + static_cast<std::ptrdiff_t>(first));
                node.first = static_cast<std::uint32_t>(first);
            }
            node.room = static_cast<std::uint32_t>(room);
        }
        std::copy_n(stack_.begin() + static_cast<std::ptrdiff_t>(from), count,
                    children_.begin() + node.first + node.count);
        node.count += static_cast<std::uint32_t>(count);
        stack_.resize(from);
    }
    bool push_container(Tag tag, std::size_t from) {
        if (tag == Tag::dict && (stack_.size() - from) % 2 != 0) return fail("a key without a value");
        const NodeId id = add(tag);
        adopt(nodes_[id], from);
        return push(id);
    }
    bool push_popped(Tag tag, std::size_t count) {
        std::size_t from = 0;
        return take_last(count, from) && push_container(tag, from);
    }
    // Adds to the container below `from`.
    bool fill(Tag tag, std::size_t from) {
        if (from <= floor()) return fail("a container is missing on the stack");
        Node& target = nodes_[stack_[from - 1]];
        if (target.tag == Tag::object) {
            stack_.resize(from);
            return true;
        }
        if (target.tag != tag) return fail("items for a container of another kind");
        if (tag == Tag::dict && (stack_.size() - from) % 2 != 0) return fail("a key without a value");
        adopt(target, from);
        return true;
    }
    bool fill_to_mark(Tag tag) {
        std::size_t from = 0;
        return take_mark(from) && fill(tag, from);
    }
    bool fill_popped(Tag tag, std::size_t count) {
        std::size_t from = 0;
        return take_last(count, from) && fill(tag, from);
    }

    bool put(std::uint64_t index) {
        if (stack_.size() <= floor()) return fail("a value is missing on the stack");
        // Picklers number in order; a large hole would only make us allocate.
        if (index > 2 * nodes_.size() + 256) return fail("a memo number out of order");
        if (index >= memo_.size()) memo_.resize(static_cast<std::size_t>(index) + 1, no_node);
        memo_[static_cast<std::size_t>(index)] = stack_.back();
        return true;
    }
    bool get(std::uint64_t index) {
        if (index >= memo_.size() || memo_[static_cast<std::size_t>(index)] == no_node)
            return fail("memo " + std::to_string(index) + " was never set");
        return push(memo_[static_cast<std::size_t>(index)]);
    }

    bool long_integer(std::size_t size_bytes) {
        std::string_view bytes;
        if (!take(size_bytes, bytes)) return false;
        // Two's complement, little endian; Python writes no more bytes than it needs.
        std::size_t size = bytes.size();
        const bool negative = size > 0 && (static_cast<unsigned char>(bytes[size - 1]) & 0x80) != 0;
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
        while (size > 8 && byte(size - 1) == (negative ? 0xff : 0x00)) --size;
        if (size > 8) return fail("an integer beyond 64 bits");
        std::uint64_t number = negative ? ~std::uint64_t{0} : 0;
        for (std::size_t i = size; i-- > 0;) number = number << 8 | byte(i);
        const bool top = (number >> 63) != 0;
        if (negative && !top) return fail("an integer beyond 64 bits");
        return push_number(!negative && top ? Tag::big : Tag::integer, number);
    }

    bool global(std::string_view module, std::string_view name) {
        owned_.push_back(std::string(module) + "." + std::string(name));
        const std::string_view full = owned_.back();
        static constexpr std::string_view plain[] = {
            "_codecs.encode",        "builtins.set",          "__builtin__.set",
            "builtins.frozenset",    "__builtin__.frozenset", "builtins.bytearray",
            "__builtin__.bytearray", "builtins.bytes",        "__builtin__.bytes"};
        for (const std::string_view known : plain)
            if (full == known) return push_text(Tag::global, full);
        if (objects_ == PickleObjects::refuse) return refuse(full);
        return push(add(Tag::object));
    }

    // Python 2 and the older protocols write bytes and sets as calls of these; they are read as what they
    // would give.
    bool reduce() {
        NodeId args_id = 0;
        NodeId callable_id = 0;
        if (!pop(args_id) || !pop(callable_id)) return false;
        const Node& callable = nodes_[callable_id];
        if (callable.tag == Tag::object) return push(add(Tag::object));
        if (callable.tag != Tag::global) return refuse("what is no function");
        if (nodes_[args_id].tag != Tag::tuple) return fail("arguments that are no tuple");
        const auto own = children_of(nodes_[args_id]);
        const std::vector<NodeId> args(own.begin(), own.end());
        const std::string_view name = callable.text.substr(callable.text.find('.') + 1);
        if (name == "set" || name == "frozenset") {
            const std::size_t from = stack_.size();
            if (args.size() == 1 && (nodes_[args[0]].tag == Tag::list || nodes_[args[0]].tag == Tag::tuple)) {
                const auto items = children_of(nodes_[args[0]]);
                // A few bytes name a list again, so that many sets of a large one could be had for little.
                if (children_.size() + items.size() > 4 * max_values) return fail("sets that multiply");
                stack_.insert(stack_.end(), items.begin(), items.end());
            } else if (!args.empty()) {
                return refuse(callable.text);
            }
            return push_container(Tag::set, from);
        }
        if (args.empty() && name != "encode") return push_text(Tag::bytes, {});
        if (args.size() == 1 && nodes_[args[0]].tag == Tag::bytes)
            return push_text(Tag::bytes, nodes_[args[0]].text);
        if (args.size() == 2 && nodes_[args[0]].tag == Tag::text && nodes_[args[1]].tag == Tag::text &&
            (nodes_[args[1]].text == "latin1" || nodes_[args[1]].text == "latin-1"))
            return latin1(nodes_[args[0]].text);
        return refuse(callable.text);
    }

    bool latin1(std::string_view text) {
        std::string& bytes = owned_.emplace_back();
        for (std::size_t i = 0; i < text.size(); ++i) {
            const auto c = static_cast<unsigned char>(text[i]);
            if (c < 0x80) {
                bytes += static_cast<char>(c);
            } else if (c == 0xc2 || c == 0xc3) {  // U+0080 to U+00FF; the text is valid UTF-8
                bytes += static_cast<char>((c & 3) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3f));
            } else {
                return fail("a character beyond latin-1 in bytes");
            }
        }
        return push_text(Tag::bytes, bytes);
    }

    // Makes an object of what is popped, when objects are let through at all.
    bool object(std::string_view what, std::size_t popped) {
        if (objects_ == PickleObjects::refuse) return refuse(what);
        NodeId ignored = 0;
        for (std::size_t i = 0; i < popped; ++i)
            if (!pop(ignored)) return false;
        return push(add(Tag::object));
    }

    bool step(bool& stopped) {
        if (at_ == end_) return fail("the message is cut");
        // Each opcode makes at most one node, but get and dup are cheap ways to fill the stack.
        if (stack_.size() > max_values || nodes_.size() > max_values) return fail("more than 8 Mi values");
        const std::uint8_t op = *at_++;
        std::uint64_t number = 0;
        NodeId id = 0;
        switch (op) {
            case op_stop:
                stopped = true;
                return true;
            case op_proto:
                return load(1, number);
            case op_frame:
                return load(8, number);
            case op_mark:
                marks_.push_back(stack_.size());
                return true;
            case op_pop:
                if (!marks_.empty() && stack_.size() == marks_.back()) {
                    marks_.pop_back();
                    return true;
                }
                return pop(id);
            case op_pop_mark: {
                std::size_t from = 0;
                if (!take_mark(from)) return false;
                stack_.resize(from);
                return true;
            }
            case op_dup:
                return pop(id) && push(id) && push(id);
            case op_none:
                return push(add(Tag::null));
            case op_newtrue:
                return push_number(Tag::boolean, 1);
            case op_newfalse:
                return push_number(Tag::boolean, 0);
            case op_binint1:
                return load(1, number) && push_number(Tag::integer, number);
            case op_binint2:
                return load(2, number) && push_number(Tag::integer, number);
            case op_binint:
                if (!load(4, number)) return false;
                return push_number(Tag::integer,
                                   static_cast<std::uint64_t>(std::int64_t{
                                       static_cast<std::int32_t>(static_cast<std::uint32_t>(number))}));
            case op_long1:
                return long_integer(1);
            case op_long4:
                return long_integer(4);
            case op_binfloat:
                if (left() < 8) return fail("the message is cut");
                for (int i = 0; i < 8; ++i) number = number << 8 | *at_++;
                return push_number(Tag::real, number);
            case op_short_binunicode:
                return push_sized_text(Tag::text, 1);
            case op_binunicode:
                return push_sized_text(Tag::text, 4);
            case op_binunicode8:
                return push_sized_text(Tag::text, 8);
            case op_short_binbytes:
                return push_sized_text(Tag::bytes, 1);
            case op_binbytes:
                return push_sized_text(Tag::bytes, 4);
            case op_binbytes8:
            case op_bytearray8:
                return push_sized_text(Tag::bytes, 8);
            // Python 2's str: Python 3 reads it as ASCII text, and so does this when it is UTF-8.
            case op_short_binstring:
            case op_binstring: {
                std::string_view text;
                if (!take(op == op_binstring ? 4 : 1, text)) return false;
                return push_text(valid_utf8(text) ? Tag::text : Tag::bytes, text);
            }
            case op_empty_list:
                return push(add(Tag::list));
            case op_empty_tuple:
                return push(add(Tag::tuple));
            case op_empty_dict:
                return push(add(Tag::dict));
            case op_empty_set:
                return push(add(Tag::set));
            case op_tuple1:
                return push_popped(Tag::tuple, 1);
            case op_tuple2:
                return push_popped(Tag::tuple, 2);
            case op_tuple3:
                return push_popped(Tag::tuple, 3);
            case op_tuple:
            case op_list:
            case op_dict:
            case op_frozenset: {
                std::size_t from = 0;
                const Tag tag = op == op_tuple  ? Tag::tuple
                                : op == op_list ? Tag::list
                                : op == op_dict ? Tag::dict
                                                : Tag::set;
                return take_mark(from) && push_container(tag, from);
            }
            case op_append:
                return fill_popped(Tag::list, 1);
            case op_appends:
                return fill_to_mark(Tag::list);
            case op_setitem:
                return fill_popped(Tag::dict, 2);
            case op_setitems:
                return fill_to_mark(Tag::dict);
            case op_additems:
                return fill_to_mark(Tag::set);
            case op_binput:
                return load(1, number) && put(number);
            case op_long_binput:
                return load(4, number) && put(number);
            case op_memoize:
                return put(memo_.size());
            case op_binget:
                return load(1, number) && get(number);
            case op_long_binget:
                return load(4, number) && get(number);
            case op_global: {
                std::string_view module;
                std::string_view name;
                return line(module) && line(name) && global(module, name);
            }
            case op_stack_global: {
                NodeId name = 0;
                NodeId module = 0;
                if (!pop(name) || !pop(module)) return false;
                if (nodes_[name].tag != Tag::text || nodes_[module].tag != Tag::text)
                    return fail("a name that is no text");
                return global(nodes_[module].text, nodes_[name].text);
            }
            case op_reduce:
                return reduce();
            case op_newobj:
                return object("an object of a class", 2);
            case op_newobj_ex:
                return object("an object of a class", 3);
            case op_build: {
                if (!pop(id)) return false;
                if (stack_.size() <= floor() || nodes_[stack_.back()].tag != Tag::object)
                    return refuse("__setstate__ of an object");
                return true;
            }
            case op_inst: {
                std::string_view module;
                std::string_view name;
                if (!line(module) || !line(name)) return false;
                return refuse(std::string(module) + "." + std::string(name));
            }
            case op_obj:
                return refuse("an object of a class");
            case op_persid:
            case op_binpersid:
                return refuse("a persistent object of the sender");
            case op_ext1:
            case op_ext2:
            case op_ext4:
                return refuse("a registered extension");
            case op_next_buffer:
            case op_readonly_buffer:
                return refuse("an out-of-band buffer");
            default:
                return --at_, fail("opcode " + std::to_string(op) + " is unknown or of protocol 0");
        }
    }

    bool convert(NodeId id, Value& out, int depth) {
        if (depth > max_depth) return fail("nested too deeply");
        if (++values_ > max_values) return fail("more than 8 Mi values");
        Node& node = nodes_[id];
        switch (node.tag) {
            case Tag::null:
            case Tag::object:
                out = nullptr;
                return true;
            case Tag::boolean:
                out = node.number != 0;
                return true;
            case Tag::integer:
                out.emplace<std::int64_t>(static_cast<std::int64_t>(node.number));
                return true;
            case Tag::big:
                out = node.number;
                return true;
            case Tag::real:
                out.emplace<double>(std::bit_cast<double>(node.number));
                return true;
            case Tag::text:
            case Tag::bytes:
                if (node.text.size() > text_budget_) return fail("shared texts that multiply");
                text_budget_ -= node.text.size();
                if (node.tag == Tag::text) {
                    out.emplace<std::string>(node.text);
                } else {
                    const auto bytes = std::as_bytes(std::span(node.text));
                    out.emplace<Bytes>(bytes.begin(), bytes.end());
                }
                return true;
            case Tag::global:
                return refuse(node.text);
            default:
                break;
        }
        if (node.open) return fail("a value that contains itself");
        node.open = true;
        if (node.tag == Tag::dict) {
            Dict& dict = out.emplace<Dict>();
            const auto children = children_of(node);
            dict.entries.resize(children.size() / 2);
            for (std::size_t i = 0; i < dict.entries.size(); ++i)
                if (!convert(children[2 * i], dict.entries[i].key, depth + 1) ||
                    !convert(children[2 * i + 1], dict.entries[i].value, depth + 1))
                    return false;
        } else {
            const auto children = children_of(node);
            std::vector<Value>& items = node.tag == Tag::list    ? out.emplace<List>().items
                                        : node.tag == Tag::tuple ? out.emplace<Tuple>().items
                                                                 : out.emplace<Set>().items;
            items.resize(children.size());
            for (std::size_t i = 0; i < items.size(); ++i)
                if (!convert(children[i], items[i], depth + 1)) return false;
        }
        node.open = false;
        return true;
    }

    static constexpr NodeId no_node = ~NodeId{0};

    const unsigned char* at_;
    const unsigned char* begin_;
    const unsigned char* end_;
    PickleObjects objects_;
    std::string& why_;
    std::vector<Node>& nodes_;
    std::vector<NodeId>& children_;
    std::vector<NodeId>& stack_;
    std::vector<std::size_t>& marks_;
    std::vector<NodeId>& memo_;
    std::list<std::string> owned_;
    std::size_t values_ = 0;
    std::size_t text_budget_;
};

}  // namespace

bool read_pickle(std::span<const std::byte> bytes, Value& out, std::string& why, PickleObjects objects) {
    return Unpickler(bytes, objects, why).run(out);
}

}  // namespace weft::mesh
