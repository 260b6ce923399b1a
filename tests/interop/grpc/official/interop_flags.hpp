// The flags of gRPC's interop programs (--name=value or --name value), as every language's have them.
#pragma once

#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace interop {

class Flags {
public:
    // Throws std::invalid_argument for what is no flag.
    Flags(int argc, char** argv) {
        for (int i = 1; i < argc; ++i) {
            const std::string word = argv[i];
            if (!word.starts_with("--"))
                throw std::invalid_argument("'" + word + "' is no flag: --name=value is wanted");
            const auto equals = word.find('=');
            if (equals != std::string::npos)
                values_[word.substr(2, equals - 2)] = word.substr(equals + 1);
            else if (i + 1 < argc && std::string(argv[i + 1]).rfind("--", 0) != 0)
                values_[word.substr(2)] = argv[++i];
            else
                values_[word.substr(2)] = "true";
        }
    }

    [[nodiscard]] std::string text(const std::string& name, std::string otherwise = {}) const {
        const auto at = values_.find(name);
        return at == values_.end() ? otherwise : at->second;
    }
    [[nodiscard]] int number(const std::string& name, int otherwise) const {
        const auto at = values_.find(name);
        return at == values_.end() ? otherwise : std::stoi(at->second);
    }
    [[nodiscard]] bool on(const std::string& name) const { return text(name, "false") == "true"; }

    // "a,b,c" cut at the commas.
    [[nodiscard]] static std::vector<std::string> list(const std::string& joined) {
        std::vector<std::string> items;
        std::size_t at = 0;
        while (at <= joined.size()) {
            const auto comma = joined.find(',', at);
            const auto end = comma == std::string::npos ? joined.size() : comma;
            if (end > at) items.push_back(joined.substr(at, end - at));
            at = end + 1;
        }
        return items;
    }

private:
    std::map<std::string, std::string> values_;
};

// The numbers of the official cases.
inline constexpr int large_request = 271828;
inline constexpr int large_response = 314159;
inline constexpr int request_sizes[] = {27182, 8, 1828, 45904};
inline constexpr int response_sizes[] = {31415, 9, 2653, 58979};
inline const std::string initial_key = "x-grpc-test-echo-initial";
inline const std::string initial_value = "test_initial_metadata_value";
inline const std::string trailing_key = "x-grpc-test-echo-trailing-bin";
inline const std::string trailing_value("\xab\xab\xab");
inline const std::string plain_status = "test status message";
inline const std::string special_status =
    "\t\ntest with whitespace\r\nand Unicode BMP \xe2\x98\xba and non-BMP \xf0\x9f\x98\x88\t\n";

}  // namespace interop
