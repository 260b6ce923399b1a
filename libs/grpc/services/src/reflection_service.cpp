#include "grpc/reflection/v1/reflection.pb.h"

#include <weft/grpc/protobuf.hpp>
#include <weft/grpc/reflection_service.hpp>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <set>
#include <span>
#include <vector>

namespace weft::grpc {

namespace {

namespace v1 = ::grpc::reflection::v1;
namespace pb = ::google::protobuf;
using Request = v1::ServerReflectionRequest;
using Response = v1::ServerReflectionResponse;

void not_found(Response& response, const std::string& what) {
    auto& error = *response.mutable_error_response();
    error.set_error_code(static_cast<int>(StatusCode::not_found));
    error.set_error_message(what + " is not known");
}

// The file and everything that it imports, the file first.
void add_file(const pb::FileDescriptor& file, std::set<const pb::FileDescriptor*>& seen, Response& response) {
    if (!seen.insert(&file).second) return;
    pb::FileDescriptorProto proto;
    file.CopyTo(&proto);
    response.mutable_file_descriptor_response()->add_file_descriptor_proto(proto.SerializeAsString());
    for (int i = 0; i < file.dependency_count(); ++i) add_file(*file.dependency(i), seen, response);
}

void give_file(const pb::FileDescriptor* file, const std::string& what, Response& response) {
    if (!file) return not_found(response, what);
    std::set<const pb::FileDescriptor*> seen;
    add_file(*file, seen, response);
}

void give_extension(const v1::ExtensionRequest& wanted, Response& response) {
    const auto* pool = pb::DescriptorPool::generated_pool();
    const auto* type = pool->FindMessageTypeByName(wanted.containing_type());
    const auto* extension = type ? pool->FindExtensionByNumber(type, wanted.extension_number()) : nullptr;
    give_file(extension ? extension->file() : nullptr,
              "extension " + std::to_string(wanted.extension_number()) + " of " + wanted.containing_type(),
              response);
}

void give_extension_numbers(const std::string& type_name, Response& response) {
    const auto* pool = pb::DescriptorPool::generated_pool();
    const auto* type = pool->FindMessageTypeByName(type_name);
    if (!type) return not_found(response, "type " + type_name);
    std::vector<const pb::FieldDescriptor*> extensions;
    pool->FindAllExtensions(type, &extensions);
    auto& answer = *response.mutable_all_extension_numbers_response();
    answer.set_base_type_name(type_name);
    for (const auto* extension : extensions) answer.add_extension_number(extension->number());
}

}  // namespace

// v1alpha has v1's messages under another package: the same bytes.
ReflectionService::ReflectionService(const Server& server) : server_(server) {
    add_stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                      &ReflectionService::answer);
    add_stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                      &ReflectionService::answer);
}

Task<void> ReflectionService::answer(ServerContext&, ServerReaderWriter<std::string, std::string>& stream) {
    for (;;) {
        auto request = co_await stream.read();
        if (!request) co_return;
        const std::string response = answer_one(*request);
        co_await stream.write(response);
    }
}

std::string ReflectionService::answer_one(const std::string& bytes) const {
    Request request;
    if (!Codec<Request>::read(std::as_bytes(std::span(bytes)), request))
        throw RpcError(StatusCode::internal, "the request does not parse as its message type");
    Response response;
    response.set_valid_host(request.host());
    *response.mutable_original_request() = request;
    const auto* pool = pb::DescriptorPool::generated_pool();
    switch (request.message_request_case()) {
        case Request::kFileByFilename:
            give_file(pool->FindFileByName(request.file_by_filename()), "file " + request.file_by_filename(),
                      response);
            break;
        case Request::kFileContainingSymbol:
            give_file(pool->FindFileContainingSymbol(request.file_containing_symbol()),
                      "symbol " + request.file_containing_symbol(), response);
            break;
        case Request::kFileContainingExtension:
            give_extension(request.file_containing_extension(), response);
            break;
        case Request::kAllExtensionNumbersOfType:
            give_extension_numbers(request.all_extension_numbers_of_type(), response);
            break;
        case Request::kListServices:
            response.mutable_list_services_response();
            for (const std::string& name : server_.services())
                response.mutable_list_services_response()->add_service()->set_name(name);
            break;
        case Request::MESSAGE_REQUEST_NOT_SET:
            response.mutable_error_response()->set_error_code(static_cast<int>(StatusCode::invalid_argument));
            response.mutable_error_response()->set_error_message("the request asks for nothing");
            break;
    }
    return response.SerializeAsString();
}

}  // namespace weft::grpc
