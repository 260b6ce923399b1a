// Failures: what a remote caller learns of an exception, and the frames that say so.
#include "call_runner.hpp"

#include <weft/mesh/error.hpp>

#include <cstdlib>
#include <typeinfo>

#include <cxxabi.h>

namespace weft::mesh {

namespace {

// "std::invalid_argument" -> module "std", type "invalid_argument".
void name_exception(const std::exception& error, Failure& out) {
    int status = 0;
    char* demangled = abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &status);
    std::string name = status == 0 ? demangled : "Exception";
    std::free(demangled);
    const std::size_t split = name.rfind("::");
    out.type = split == std::string::npos ? name : name.substr(split + 2);
    out.module = split == std::string::npos ? "cpp" : name.substr(0, split);
}

}  // namespace

Failure make_failure(std::string type, std::string module, std::string text) {
    Failure out;
    out.type = std::move(type);
    out.module = std::move(module);
    out.text = std::move(text);
    return out;
}

Failure describe_failure(const std::exception_ptr& error) {
    Failure out;
    try {
        std::rethrow_exception(error);
    } catch (const RemoteError& e) {
        out = make_failure(e.type(), e.module(), e.text());
    } catch (const ConversionError& e) {
        out = make_failure("TypeError", "builtins", e.what());
    } catch (const DecodeError& e) {
        out = make_failure("DecodeError", "weft.mesh", e.what());
    } catch (const EncodeError& e) {
        out = make_failure("TypeError", "builtins", e.what());
    } catch (const TimeoutError& e) {
        out = make_failure("TimeoutError", "builtins", e.what());
    } catch (const Cancelled&) {
        out = make_failure("CancelledError", "asyncio.exceptions", "the callback was cancelled");
    } catch (const std::exception& e) {
        name_exception(e, out);
        out.text = e.what();
    } catch (...) {
        out = make_failure("Exception", "builtins", "a C++ exception of unknown type");
    }
    return out;
}

void send_failure(Link& link, std::string_view transmitter, const FrameHeader& request,
                  std::string_view receiver, std::string_view function, Serde serde, const Failure& failure) {
    Buffer& out = link.out();
    FrameWriter writer(out, transmitter, receiver, function);
    if (!writer.ok()) return;
    FrameHeader header;
    header.id = request.id;
    header.flag = Flag::error;
    header.serde = serde;
    header.is_bytes = encode_failure(header.serde, failure, out);
    if (writer.finish(header)) link.sent();
}

bool send_result(Link& link, std::string_view transmitter, const Frame& request, const Value& result) {
    Buffer& out = link.out();
    FrameWriter writer(out, transmitter, request.transmitter, request.function);
    FrameHeader header;
    header.id = request.header.id;
    header.flag = Flag::response;
    header.serde = request.header.serde;
    try {
        header.is_bytes = encode_result(header.serde, result, out);
    } catch (...) {
        writer.abandon();
        throw;
    }
    if (!writer.finish(header)) return false;
    link.sent();
    return true;
}

}  // namespace weft::mesh
