// What every Stream must do, as tests. A new stream passes them before anything is built on it:
//
//     Task<StreamPair> make_tls_pair();
//     WEFT_STREAM_CONFORMANCE(TlsStreamConformance, make_tls_pair);
#pragma once

#include <weft/core/task.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/memory_stream.hpp>

#include <gtest/gtest.h>

#include <ostream>
#include <span>
#include <string>
#include <utility>

namespace weft::testing {

struct StreamScenario {
    const char* name;
    Task<void> (*run)(StreamPair);

    friend std::ostream& operator<<(std::ostream& out, const StreamScenario& s) { return out << s.name; }
};

[[nodiscard]] std::span<const StreamScenario> stream_scenarios();

// Connects and runs one scenario as it is (chunk 0), or with reads and writes cut to `chunk` bytes.
[[nodiscard]] Task<void> run_scenario(StreamScenario scenario, Task<StreamPair> pair, std::size_t chunk);

using StreamConformanceTest = ::testing::TestWithParam<std::tuple<StreamScenario, std::size_t>>;

[[nodiscard]] inline std::string scenario_name(
    const ::testing::TestParamInfo<StreamConformanceTest::ParamType>& info) {
    const auto& [scenario, chunk] = info.param;
    return std::string(scenario.name) + (chunk == 0 ? "" : "_cut_to_" + std::to_string(chunk));
}

}  // namespace weft::testing

// `make` is a function that returns Task<StreamPair>.
#define WEFT_STREAM_CONFORMANCE(Suite, make)                                                              \
    class Suite : public ::weft::testing::StreamConformanceTest {};                                       \
    TEST_P(Suite, conforms) {                                                                             \
        const auto& [scenario, chunk] = GetParam();                                                       \
        ::weft::testing::run(::weft::testing::run_scenario(scenario, make(), chunk));                     \
    }                                                                                                     \
    INSTANTIATE_TEST_SUITE_P(Stream, Suite,                                                               \
                             ::testing::Combine(::testing::ValuesIn(::weft::testing::stream_scenarios()), \
                                                ::testing::Values(0u, 1u, 7u)),                           \
                             ::weft::testing::scenario_name)
