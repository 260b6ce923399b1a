#include "generator.hpp"

#include <google/protobuf/compiler/cpp/names.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/printer.h>
#include <google/protobuf/io/zero_copy_stream.h>

#include <array>
#include <map>
#include <memory>
#include <sstream>
#include <string_view>

namespace weft::protoc {

namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::SourceLocation;
using google::protobuf::io::Printer;
using Variables = std::map<std::string, std::string>;

std::string without_proto(const std::string& name) {
    constexpr std::string_view suffix = ".proto";
    return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
}

std::string namespace_of(const std::string& package) {
    std::string out;
    for (const char c : package) out += c == '.' ? std::string("::") : std::string(1, c);
    return out;
}

// A method may be called as a keyword is, or as a member that every service has.
std::string safe_name(const std::string& name) {
    static constexpr std::array<std::string_view, 32> taken{
        "and",    "auto",     "break",  "case",   "catch", "class",  "continue", "default",
        "delete", "do",       "double", "else",   "enum",  "export", "extern",   "float",
        "for",    "friend",   "goto",   "if",     "int",   "new",    "not",      "operator",
        "or",     "register", "return", "switch", "throw", "try",    "union",    "methods"};
    for (const auto word : taken)
        if (name == word) return name + "_";
    return name;
}

template <class Descriptor>
void print_comment(Printer& out, const Descriptor& of) {
    SourceLocation location;
    if (!of.GetSourceLocation(&location)) return;
    std::istringstream lines(location.leading_comments);
    std::string line;
    while (std::getline(lines, line)) out.Print("//$text$\n", "text", line);
}

const char* kind_of(const MethodDescriptor& method) {
    if (method.client_streaming()) return method.server_streaming() ? "stream_stream" : "stream_unary";
    return method.server_streaming() ? "unary_stream" : "unary_unary";
}

const char* call_of(const MethodDescriptor& method) {
    if (method.client_streaming()) return method.server_streaming() ? "StreamStreamCall" : "StreamUnaryCall";
    return method.server_streaming() ? "UnaryStreamCall" : "UnaryUnaryCall";
}

Variables variables_of(const MethodDescriptor& method) {
    Variables v;
    v["name"] = safe_name(method.name());
    v["path"] = "/" + method.service()->full_name() + "/" + method.name();
    v["request"] = google::protobuf::compiler::cpp::QualifiedClassName(method.input_type());
    v["response"] = google::protobuf::compiler::cpp::QualifiedClassName(method.output_type());
    v["kind"] = kind_of(method);
    v["call"] = call_of(method);
    return v;
}

// A stub's method; `ns` is where its call type and its starter live. Only the first stub repeats the comments
// of the .proto file.
void print_stub_method(Printer& out, const MethodDescriptor& method, bool blocking) {
    Variables v = variables_of(method);
    v["ns"] = blocking ? "::weft::grpc::sync" : "::weft::grpc";
    out.Print("\n");
    if (!blocking) print_comment(out, method);
    out.Print(v, method.client_streaming() ? "[[nodiscard]] $ns$::$call$<$request$, $response$> $name$(\n"
                                           : "[[nodiscard]] $ns$::$call$<$response$> $name$(\n");
    if (!method.client_streaming()) out.Print(v, "        const $request$& request,\n");
    out.Print(v,
              "        ::weft::grpc::CallOptions options = ::weft::grpc::CallOptions()) {\n"
              "    return $ns$::detail::start_$kind$<$request$, $response$>(\n");
    out.Print(v, method.client_streaming()
                     ? "        *channel_, \"$path$\", ::std::move(options));\n}\n"
                     : "        *channel_, \"$path$\", request, ::std::move(options));\n}\n");
}

void print_stub(Printer& out, const ServiceDescriptor& service, bool blocking) {
    out.Print("\n");
    if (blocking) {
        out.Print(
            "    // The same for code without coroutines.\n"
            "    class SyncStub {\n"
            "    public:\n"
            "        explicit SyncStub(const ::weft::grpc::sync::Channel& channel) noexcept : "
            "channel_(&channel.state()) {}\n");
    } else {
        out.Print(
            "    // Makes calls through a channel, which must outlive the stub.\n"
            "    class Stub {\n"
            "    public:\n"
            "        explicit Stub(const ::weft::grpc::Channel& channel) noexcept : "
            "channel_(&channel.core()) {}\n");
    }
    out.Indent(), out.Indent(), out.Indent(), out.Indent();
    for (int i = 0; i < service.method_count(); ++i) print_stub_method(out, *service.method(i), blocking);
    out.Outdent(), out.Outdent(), out.Outdent(), out.Outdent();
    out.Print("\n    private:\n        ::weft::grpc::$state$* channel_;\n    };\n", "state",
              blocking ? "sync::detail::ChannelState" : "detail::ChannelCore");
}

void print_service_method(Printer& out, const MethodDescriptor& method) {
    const Variables v = variables_of(method);
    out.Print("\n");
    print_comment(out, method);
    const bool one_response = !method.server_streaming();
    out.Print(v, one_response
                     ? "virtual ::weft::Task<$response$> $name$(::weft::grpc::ServerContext& /*context*/,\n"
                     : "virtual ::weft::Task<void> $name$(::weft::grpc::ServerContext& /*context*/,\n");
    if (method.client_streaming()) {
        out.Print(v,
                  one_response
                      ? "        ::weft::grpc::ServerReader<$request$>& /*requests*/) {\n"
                      : "        ::weft::grpc::ServerReaderWriter<$request$, $response$>& /*stream*/) {\n");
    } else {
        out.Print(v, one_response ? "        $request$ /*request*/) {\n"
                                  : "        $request$ /*request*/,\n"
                                    "        ::weft::grpc::ServerWriter<$response$>& /*responses*/) {\n");
    }
    out.Print(v,
              "    throw_unimplemented(\"$path$\");\n"
              "}\n");
}

void print_service(Printer& out, const ServiceDescriptor& service) {
    const Variables v{{"service", service.name()}, {"full_name", service.full_name()}};
    out.Print("\n");
    print_comment(out, service);
    out.Print(v,
              "struct $service$ {\n"
              "    static constexpr char service_name[] = \"$full_name$\";\n");
    print_stub(out, service, false);
    print_stub(out, service, true);
    out.Print(v,
              "\n"
              "    // Override the methods; those that are left answer UNIMPLEMENTED.\n"
              "    class Service : public ::weft::grpc::Service {\n"
              "    public:\n"
              "        Service() {\n");
    for (int i = 0; i < service.method_count(); ++i)
        out.Print(variables_of(*service.method(i)),
                  "            add_$kind$(\"$path$\", &Service::$name$);\n");
    out.Print("        }\n");
    out.Indent(), out.Indent(), out.Indent(), out.Indent();
    for (int i = 0; i < service.method_count(); ++i) print_service_method(out, *service.method(i));
    out.Outdent(), out.Outdent(), out.Outdent(), out.Outdent();
    out.Print(
        "    };\n"
        "};\n");
}

}  // namespace

bool Generator::Generate(const FileDescriptor* file, const std::string& parameter,
                         google::protobuf::compiler::GeneratorContext* context, std::string* error) const {
    if (!parameter.empty()) {
        *error = "protoc-gen-weft-grpc takes no parameter, but got '" + parameter + "'";
        return false;
    }
    const std::string stem = without_proto(file->name());
    const std::unique_ptr<google::protobuf::io::ZeroCopyOutputStream> stream(
        context->Open(stem + ".weft.hpp"));
    Printer out(stream.get(), '$');
    const Variables v{{"file", file->name()}, {"stem", stem}, {"namespace", namespace_of(file->package())}};
    out.Print(v, "// Generated by protoc-gen-weft-grpc from $file$; do not edit.\n#pragma once\n\n");
    if (file->service_count() != 0)
        out.Print(
            "#include <utility>\n"
            "#include <weft/grpc/channel.hpp>\n"
            "#include <weft/grpc/protobuf.hpp>\n"
            "#include <weft/grpc/service.hpp>\n"
            "#include <weft/grpc/sync.hpp>\n\n");
    out.Print(v, "#include \"$stem$.pb.h\"\n");
    if (file->service_count() == 0) return true;
    if (!file->package().empty()) out.Print(v, "\nnamespace $namespace$ {\n");
    for (int i = 0; i < file->service_count(); ++i) print_service(out, *file->service(i));
    if (!file->package().empty()) out.Print(v, "\n}  // namespace $namespace$\n");
    return true;
}

}  // namespace weft::protoc
