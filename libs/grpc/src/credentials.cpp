#include <weft/core/error.hpp>
#include <weft/core/tls_context.hpp>
#include <weft/grpc/credentials.hpp>

#include <sys/stat.h>

namespace weft::grpc {

Task<Metadata> AccessTokenCredentials::metadata(std::string, std::string) {
    Metadata made;
    made.add("authorization", "Bearer " + token_);
    co_return made;
}

Task<Metadata> CompositeCallCredentials::metadata(std::string service_url, std::string method) {
    Metadata all;
    for (CallCredentials* part : parts_) {
        const Metadata made = co_await part->metadata(service_url, method);
        for (const auto& [key, value] : made) all.add(key, value);
    }
    co_return all;
}

namespace {

// What changes when a file is written again or another is put in its place.
struct FileMark {
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    std::int64_t size = -1;
    std::uint64_t inode = 0;
    bool operator==(const FileMark&) const = default;
};

FileMark mark_of(const std::string& path) noexcept {
    struct ::stat found {};
    if (::stat(path.c_str(), &found) != 0) return {};
    return {found.st_mtim.tv_sec, found.st_mtim.tv_nsec, found.st_size, found.st_ino};
}

}  // namespace

struct IdentityFiles::State {
    std::string chain_file;
    std::string key_file;
    std::string passphrase;
    std::string last_error;
    std::size_t renewals = 0;
    FileMark chain;
    FileMark key;
};

IdentityFiles::IdentityFiles(std::string chain_file, std::string key_file, std::string passphrase)
    : state_(make_pimpl<State>()) {
    state_->chain_file = std::move(chain_file);
    state_->key_file = std::move(key_file);
    state_->passphrase = std::move(passphrase);
    state_->chain = mark_of(state_->chain_file);
    state_->key = mark_of(state_->key_file);
}
IdentityFiles::~IdentityFiles() = default;

void IdentityFiles::renew(TlsContext& context) {
    const FileMark chain = mark_of(state_->chain_file);
    const FileMark key = mark_of(state_->key_file);
    if (chain == state_->chain && key == state_->key) return;
    state_->chain = chain;
    state_->key = key;
    try {
        context.replace_identity(
            TlsIdentity::from_files(state_->chain_file, state_->key_file, state_->passphrase));
        ++state_->renewals;
        state_->last_error.clear();
    } catch (const Error& error) {
        state_->last_error = error.what();
    }
}

const std::string& IdentityFiles::last_error() const noexcept { return state_->last_error; }
std::size_t IdentityFiles::renewals() const noexcept { return state_->renewals; }

}  // namespace weft::grpc
