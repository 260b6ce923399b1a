#include "codec.hpp"

#include <weft/mesh/error.hpp>
#include <weft/mesh/serde.hpp>

namespace weft::mesh {

namespace {

std::string_view as_text(std::span<const std::byte> data) noexcept {
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}

bool append_opaque(const Value& value, Buffer& out) {
    if (const auto* bytes = value.get_if<Bytes>()) {
        out.append(std::span<const std::byte>(*bytes));
        return true;
    }
    if (const auto* text = value.get_if<std::string>()) {
        if (!valid_utf8(*text)) throw EncodeError("a text is not UTF-8; send it as Bytes");
        out.append(std::string_view(*text));
        return false;
    }
    throw EncodeError("OPAQUE carries bytes or text, not a " + std::string(to_string(value.kind())) +
                      "; choose another serialiser");
}

Value read_opaque(bool is_bytes, std::span<const std::byte> data) {
    if (is_bytes) return Value(data);
    if (!valid_utf8(as_text(data))) throw DecodeError("OPAQUE: the text is not UTF-8");
    return Value(as_text(data));
}

void begin_pickle(Buffer& out) { out.append(std::string_view("\x80\x04", 2)); }

// "(args,) {} -> pair": closes the tuple of one argument and adds an empty dict of keywords.
constexpr std::string_view pickle_result_end = "\x85}\x86.";

void encode_single(Serde serde, const Value& value, Buffer& out) {
    switch (serde) {
        case Serde::json:
            out.append(std::string_view("{\"args\": ["));
            write_json(value, out);
            out.append(std::string_view("], \"kwargs\": {}}"));
            break;
        case Serde::msgpack:
            write_msgpack_array(2, out);
            write_msgpack_array(1, out);
            write_msgpack(value, out);
            out.push(0x80);
            break;
        default:
            begin_pickle(out);
            write_pickle_value(value, out);
            out.append(pickle_result_end);
    }
}

bool read(Serde serde, std::span<const std::byte> data, Value& out, std::string& why, PickleObjects objects) {
    switch (serde) {
        case Serde::json:
            return read_json(as_text(data), out, why);
        case Serde::msgpack:
            return read_msgpack(data, out, why);
        default:
            return read_pickle(data, out, why, objects);
    }
}

// Splits what was read into args and kwargs. False when it has another form.
bool split(Value&& message, Arguments& out) {
    Value* args = nullptr;
    Value* kwargs = nullptr;
    if (auto* dict = message.get_if<Dict>()) {  // JSON
        args = const_cast<Value*>(dict->find("args"));
        kwargs = const_cast<Value*>(dict->find("kwargs"));
    } else {
        std::vector<Value>* pair = nullptr;
        if (auto* list = message.get_if<List>()) pair = &list->items;
        if (auto* tuple = message.get_if<Tuple>()) pair = &tuple->items;
        if (!pair || pair->size() != 2) return false;
        args = &(*pair)[0];
        kwargs = &(*pair)[1];
    }
    if (!args || !kwargs) return false;
    if (auto* list = args->get_if<List>()) {
        out.positional = std::move(list->items);
    } else if (auto* tuple = args->get_if<Tuple>()) {
        out.positional = std::move(tuple->items);
    } else {
        return false;
    }
    auto* dict = kwargs->get_if<Dict>();
    if (!dict) return false;
    out.keyword = std::move(*dict);
    return true;
}

bool read_message(Serde serde, std::span<const std::byte> data, Arguments& out, std::string& why,
                  PickleObjects objects = PickleObjects::refuse) {
    Value message;
    if (!read(serde, data, message, why, objects)) return false;
    if (split(std::move(message), out)) return true;
    why = std::string(to_string(serde)) + ": the message is not a pair of args and kwargs";
    return false;
}

}  // namespace

bool encode_arguments(Serde serde, std::span<const Value> positional, const Dict& keyword, Buffer& out) {
    switch (serde) {
        case Serde::opaque:
            if (positional.size() > 1 || !keyword.empty())
                throw EncodeError("OPAQUE carries one argument, not " +
                                  std::to_string(positional.size() + keyword.size()));
            if (positional.empty()) return true;
            return append_opaque(positional[0], out);
        case Serde::json: {
            out.append(std::string_view("{\"args\": ["));
            for (std::size_t i = 0; i < positional.size(); ++i) {
                if (i != 0) out.append(std::string_view(", "));
                write_json(positional[i], out);
            }
            out.append(std::string_view("], \"kwargs\": {"));
            for (std::size_t i = 0; i < keyword.size(); ++i) {
                const auto* name = keyword.entries[i].key.get_if<std::string>();
                if (!name) throw EncodeError("the name of a keyword argument is a text");
                if (i != 0) out.append(std::string_view(", "));
                write_json_text(*name, out);
                out.append(std::string_view(": "));
                write_json(keyword.entries[i].value, out);
            }
            out.append(std::string_view("}}"));
            return false;
        }
        case Serde::msgpack:
            write_msgpack_array(2, out);
            write_msgpack_array(positional.size(), out);
            for (const Value& value : positional) write_msgpack(value, out);
            if (keyword.empty()) {
                out.push(0x80);
            } else {
                write_msgpack(Value(keyword), out);
            }
            return true;
        case Serde::pickle:
            begin_pickle(out);
            out.push('(');  // MARK … TUPLE, for any number
            for (const Value& value : positional) write_pickle_value(value, out);
            out.push('t');
            if (keyword.empty()) {
                out.push('}');
            } else {
                write_pickle_value(Value(keyword), out);
            }
            out.append(std::string_view("\x86."));
            return true;
    }
    return true;
}

bool encode_result(Serde serde, const Value& result, Buffer& out) {
    if (serde != Serde::opaque) {
        encode_single(serde, result, out);
        return serde != Serde::json;
    }
    if (result.get_if<Bytes>() || result.get_if<std::string>()) return append_opaque(result, out);
    // As daffi does: str(result).
    out.append(std::string_view(result.to_string(max_message_size)));
    return false;
}

bool encode_failure(Serde& serde, const Failure& failure, Buffer& out) {
    if (serde == Serde::opaque) serde = Serde::pickle;
    const auto text = [](const std::string& s) {
        // What an exception says may be anything; the answer must be readable.
        return valid_utf8(s) ? Value(s) : Value("(a text that is not UTF-8)");
    };
    const Value traceback = failure.traceback.empty() ? Value() : text(failure.traceback);
    const Value tuple = Tuple{text(failure.type), text(failure.module), text(failure.text), traceback};
    encode_single(serde, tuple, out);
    return serde != Serde::json;
}

Arguments decode_arguments(Serde serde, bool is_bytes, std::span<const std::byte> data) {
    Arguments out;
    if (serde == Serde::opaque) {
        out.positional.push_back(read_opaque(is_bytes, data));
        return out;
    }
    std::string why;
    if (!read_message(serde, data, out, why)) throw DecodeError(why);
    return out;
}

Value decode_result(Serde serde, bool is_bytes, std::span<const std::byte> data) {
    if (serde == Serde::opaque) return read_opaque(is_bytes, data);
    std::string why;
    Arguments message;
    if (!read_message(serde, data, message, why)) throw DecodeError(why);
    if (message.positional.empty())
        throw DecodeError(std::string(to_string(serde)) + ": the answer holds no result");
    return std::move(message.positional[0]);
}

Failure decode_failure(Serde serde, bool is_bytes, std::span<const std::byte> data) {
    Failure out;
    out.type = "RemoteError";
    if (serde == Serde::opaque) {
        out.text = valid_utf8(as_text(data)) && !is_bytes ? std::string(as_text(data)) : "(no text)";
        return out;
    }
    std::string why;
    Arguments message;
    if (!read_message(serde, data, message, why, PickleObjects::replace) || message.positional.empty()) {
        out.text = "an error that cannot be read: " + (why.empty() ? "it is empty" : why);
        return out;
    }
    const Value& tuple = message.positional[0];
    const std::vector<Value>* items = nullptr;
    if (const auto* list = tuple.get_if<List>()) items = &list->items;
    if (const auto* t = tuple.get_if<Tuple>()) items = &t->items;
    if (!items || items->size() < 3) {
        out.text = tuple.to_string();
        return out;
    }
    const auto text = [](const Value& value) {
        const auto* s = value.get_if<std::string>();
        return s ? *s : value.to_string();
    };
    out.type = text((*items)[0]);
    out.module = text((*items)[1]);
    out.text = text((*items)[2]);
    if (items->size() > 3)
        if (const auto* s = (*items)[3].get_if<std::string>()) out.traceback = *s;
    return out;
}

void encode_value(Serde serde, const Value& value, Buffer& out) {
    switch (serde) {
        case Serde::opaque:
            append_opaque(value, out);
            break;
        case Serde::json:
            write_json(value, out);
            break;
        case Serde::msgpack:
            write_msgpack(value, out);
            break;
        case Serde::pickle:
            begin_pickle(out);
            write_pickle_value(value, out);
            out.push('.');
            break;
    }
}

Value decode_value(Serde serde, std::span<const std::byte> data) {
    if (serde == Serde::opaque) return read_opaque(true, data);
    Value out;
    std::string why;
    if (!read(serde, data, out, why, PickleObjects::refuse)) throw DecodeError(why);
    return out;
}

}  // namespace weft::mesh
