// The grpc++ peer of the TLS cases; its use is python_tls_peer.py's.
#include "peer.grpc.pb.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <string>

namespace {

using namespace std::chrono_literals;

std::string files;

std::string file(const std::string& name) {
    std::ifstream in(files + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

class PeerService final : public interop::Peer::Service {
    grpc::Status Unary(grpc::ServerContext* context, const interop::PeerRequest*,
                       interop::PeerReply* reply) override {
        const auto value = [context](const char* key) {
            const auto found = context->client_metadata().find(key);
            return found == context->client_metadata().end()
                       ? std::string("-")
                       : std::string(found->second.data(), found->second.size());
        };
        std::string seen = value("authorization") + " " + value("x-call");
        for (const auto& name : context->auth_context()->GetPeerIdentity())
            seen += " " + std::string(name.data(), name.size());
        reply->set_text(seen);
        return grpc::Status::OK;
    }
};

int serve(const std::string& name) {
    PeerService service;
    grpc::ServerBuilder builder;
    int port = 0;
    std::string target = "unix:" + files + "/grpcxx.sock";
    if (name == "local") {
        builder.AddListeningPort(target, grpc::experimental::LocalServerCredentials(UDS));
    } else {
        grpc::SslServerCredentialsOptions options;
        options.pem_key_cert_pairs.push_back({file("server.key"), file("server.pem")});
        if (name == "mutual") {
            options.pem_root_certs = file("ca.pem");
            options.client_certificate_request = GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
        }
        builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port);
    }
    builder.RegisterService(&service);
    auto server = builder.BuildAndStart();
    if (name != "local") target = "127.0.0.1:" + std::to_string(port);
    std::cout << target << std::endl;
    while (std::cin.get() != EOF) {
    }
    server->Shutdown(std::chrono::system_clock::now() + 200ms);
    return 0;
}

class Stamp final : public grpc::MetadataCredentialsPlugin {
    grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref method, const grpc::AuthContext&,
                             std::multimap<grpc::string, grpc::string>* metadata) override {
        metadata->emplace("x-call", std::string(method.data(), method.size()));
        return grpc::Status::OK;
    }
};

int call(const std::string& name, const std::string& target) {
    std::shared_ptr<grpc::ChannelCredentials> credentials;
    if (name == "local") {
        credentials = grpc::experimental::LocalCredentials(UDS);
    } else {
        grpc::SslCredentialsOptions options;
        options.pem_root_certs = file("ca.pem");
        if (name == "mutual") {
            options.pem_private_key = file("client.key");
            options.pem_cert_chain = file("client.pem");
        }
        credentials = grpc::SslCredentials(options);
    }
    const bool tokens = name == "credentials" || name == "local";
    if (tokens)
        credentials = grpc::CompositeChannelCredentials(credentials, grpc::AccessTokenCredentials("t"));
    grpc::ChannelArguments arguments;
    if (name != "local") arguments.SetSslTargetNameOverride("sw1.test");
    const auto stub = interop::Peer::NewStub(grpc::CreateCustomChannel(target, credentials, arguments));
    grpc::ClientContext context;
    if (tokens) context.set_credentials(grpc::MetadataCredentialsFromPlugin(std::make_unique<Stamp>()));
    interop::PeerReply reply;
    const grpc::Status status = stub->Unary(&context, interop::PeerRequest(), &reply);
    const std::string expected = name == "mutual" ? "- - controller.test" : tokens ? "Bearer t Unary" : "- -";
    if (status.ok() && reply.text() == expected) {
        std::cout << "ok" << std::endl;
        return 0;
    }
    std::cout << "failed: " << status.error_message() << " '" << reply.text() << "'" << std::endl;
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    files = argv[2];
    if (std::string(argv[1]) == "server") return serve(argv[3]);
    return argc == 5 ? call(argv[3], argv[4]) : 2;
}
