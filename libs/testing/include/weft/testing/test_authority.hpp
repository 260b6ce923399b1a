// TestAuthority: certificates made when the test runs, so that no key is ever committed.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace weft::testing {

// A certificate with its private key, both PEM.
struct TestCertificate {
    std::string chain;
    std::string key;
};

enum class TestValidity { now, expired, not_yet };

// A CA of its own: P-256 keys, SHA-256. Certificates that it issues are good for servers and clients.
class TestAuthority {
public:
    explicit TestAuthority(const std::string& name = "weft test CA");
    TestAuthority(TestAuthority&&) noexcept;
    ~TestAuthority();

    // The CA's own certificate, PEM.
    [[nodiscard]] const std::string& pem() const noexcept;
    // `names`: DNS names and IP literals for the subjectAltName; the first is the common name too.
    [[nodiscard]] TestCertificate issue(const std::vector<std::string>& names,
                                        TestValidity validity = TestValidity::now) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace weft::testing
