#include <weft/lab/error.hpp>
#include <weft/lab/topology_file.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <initializer_list>
#include <sstream>

namespace weft::lab {

namespace {

using Json = nlohmann::ordered_json;  // nodes keep the order of the file: it gives device ids and ports

class Reader {
public:
    explicit Reader(const std::filesystem::path& base) : base_(base) {}

    Topology read(const Json& root) {
        if (!root.is_object()) throw TopologyError({"the file is not a JSON object"});
        require_keys(root, "the file", {"name", "programs", "hosts", "switches", "links"});
        Topology topology(text(root, "the file", "name", "lab"));
        each(root, "programs", [&](const std::string& name, const Json& item, const std::string& where) {
            require_keys(item, where, {"bmv2_json", "p4info"});
            topology.add_program({name, path(item, where, "bmv2_json"), path(item, where, "p4info")});
        });
        each(root, "hosts", [&](const std::string& name, const Json& item, const std::string& where) {
            require_keys(item, where, {"ip", "mac", "gateway"});
            topology.add_host(
                {name, text(item, where, "ip"), text(item, where, "mac"), text(item, where, "gateway")});
        });
        each(root, "switches", [&](const std::string& name, const Json& item, const std::string& where) {
            require_keys(item, where, {"program", "device_id", "grpc_port", "prefix"});
            topology.add_switch({name, text(item, where, "program"),
                                 number(item, where, "device_id", ~0ull >> 1),
                                 static_cast<std::uint16_t>(number(item, where, "grpc_port", 65535)),
                                 text(item, where, "prefix")});
        });
        read_links(root, topology);
        if (!problems_.empty()) throw TopologyError(std::move(problems_));
        return topology;
    }

private:
    template <class F>
    void each(const Json& root, const char* key, F add) {
        const auto it = root.find(key);
        if (it == root.end()) return;
        if (!it->is_object()) {
            problems_.push_back(std::string(key) + " is not an object");
            return;
        }
        for (const auto& [name, item] : it->items()) {
            const std::string where = std::string(key) + "." + name;
            if (!item.is_object()) {
                problems_.push_back(where + " is not an object");
                continue;
            }
            attempt(where, [&] { add(name, item, where); });
        }
    }

    void read_links(const Json& root, Topology& topology) {
        const auto it = root.find("links");
        if (it == root.end()) return;
        if (!it->is_array()) {
            problems_.push_back("links is not an array");
            return;
        }
        for (std::size_t i = 0; i < it->size(); ++i) {
            const Json& item = (*it)[i];
            const std::string where = "links[" + std::to_string(i) + "]";
            if (!item.is_array() || item.size() != 2 || !item[0].is_string() || !item[1].is_string()) {
                problems_.push_back(where + " is not a pair of strings like [\"h1\", \"leaf1:2\"]");
                continue;
            }
            attempt(where, [&] { topology.add_link(endpoint(item[0]), endpoint(item[1])); });
        }
    }

    static Endpoint endpoint(const Json& item) {
        std::string node = item.get<std::string>();
        const auto colon = node.find(':');
        if (colon == std::string::npos) return {std::move(node), std::nullopt};
        std::uint32_t port = 0;
        const char* end = node.data() + node.size();
        const auto [stop, error] = std::from_chars(node.data() + colon + 1, end, port);
        if (error != std::errc() || stop != end)
            throw TopologyError({"'" + node + "' is not a node with an optional port number"});
        return {node.substr(0, colon), port};
    }

    // Collects what `f` throws, so that one mistake does not hide the next.
    template <class F>
    void attempt(const std::string& where, F f) {
        try {
            f();
        } catch (const TopologyError& e) {
            for (const std::string& problem : e.problems()) problems_.push_back(where + ": " + problem);
        }
    }

    void require_keys(const Json& object, const std::string& where,
                      std::initializer_list<std::string_view> known) {
        for (const auto& [key, value] : object.items())
            if (std::find(known.begin(), known.end(), key) == known.end())
                problems_.push_back(where + ": unknown key '" + key + "'");
    }

    std::string text(const Json& object, const std::string& where, const char* key,
                     std::string otherwise = {}) {
        const auto it = object.find(key);
        if (it == object.end()) return otherwise;
        if (it->is_string()) return it->get<std::string>();
        problems_.push_back(where + ": " + key + " is not a string");
        return otherwise;
    }

    std::string path(const Json& object, const std::string& where, const char* key) {
        const std::string file = text(object, where, key);
        if (file.empty()) problems_.push_back(where + ": " + std::string(key) + " is missing");
        return (base_ / file).lexically_normal().string();
    }

    std::uint64_t number(const Json& object, const std::string& where, const char* key, std::uint64_t max) {
        const auto it = object.find(key);
        if (it == object.end()) return 0;
        if (it->is_number_unsigned() && it->get<std::uint64_t>() <= max) return it->get<std::uint64_t>();
        problems_.push_back(where + ": " + key + " is not a number from 0 to " + std::to_string(max));
        return 0;
    }

    std::filesystem::path base_;
    std::vector<std::string> problems_;
};

}  // namespace

Topology parse_topology(std::string_view json, const std::filesystem::path& base) {
    Json root;
    try {
        root = Json::parse(json);
    } catch (const Json::parse_error& e) {
        throw TopologyError({std::string("the file is not JSON: ") + e.what()});
    }
    return Reader(base).read(root);
}

Topology load_topology(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    if (in) text << in.rdbuf();
    if (!in || !text) throw_errno(errno ? errno : EIO, "read the topology " + file.string());
    return parse_topology(text.view(), file.parent_path());
}

}  // namespace weft::lab
