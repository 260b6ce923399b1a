#include <weft/lab/paths.hpp>
#include <weft/lab/picture.hpp>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <utility>
#include <vector>

namespace weft::lab {

namespace {

// Switches by falling tier, in the order of the topology within one.
std::vector<const Switch*> switches_from_the_top(const Topology& topology) {
    const auto tier = tiers(topology);
    const std::size_t hosts = topology.hosts().size();
    std::vector<const Switch*> order;
    for (const Switch& sw : topology.switches()) order.push_back(&sw);
    std::stable_sort(order.begin(), order.end(), [&](const Switch* a, const Switch* b) {
        const auto index = [&](const Switch* sw) { return hosts + (sw - topology.switches().data()); };
        return tier[index(a)] > tier[index(b)];
    });
    return order;
}

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text;
}

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '&':
                result += "&amp;";
                break;
            case '"':
                result += "&quot;";
                break;
            default:
                result += c;
        }
    }
    return result;
}

// printf to the end of `text`; a piece of the drawing is shorter than 512 characters.
[[gnu::format(printf, 2, 3)]] void print(std::string& text, const char* format, ...) {
    char piece[512];
    va_list values;
    va_start(values, format);
    std::vsnprintf(piece, sizeof piece, format, values);
    va_end(values);
    text += piece;
}

struct Point {
    double x;
    double y;
};

}  // namespace

std::string text_picture(const Topology& topology, const std::set<std::size_t>& down) {
    std::size_t width = 0;
    for (const Switch& sw : topology.switches()) width = std::max(width, sw.name.size());
    for (const Host& host : topology.hosts()) width = std::max(width, host.name.size());

    std::string text;
    for (const Switch* sw : switches_from_the_top(topology)) {
        struct Line {
            std::uint32_t port;
            const Endpoint* far;
            bool is_down;
        };
        std::vector<Line> lines;
        for (std::size_t i = 0; i < topology.links().size(); ++i) {
            const Link& link = topology.links()[i];
            if (link.a.node == sw->name) lines.push_back({*link.a.port, &link.b, down.contains(i)});
            if (link.b.node == sw->name) lines.push_back({*link.b.port, &link.a, down.contains(i)});
        }
        std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.port < b.port; });
        for (std::size_t i = 0; i < lines.size(); ++i) {
            const bool first = i == 0;
            const bool last = i + 1 == lines.size();
            const char* branch = first ? (last ? "─" : "┬") : (last ? "└" : "├");
            text += "  " + padded(first ? sw->name : "", width) + " " + branch + " " +
                    padded(std::to_string(lines[i].port), 3) + (lines[i].is_down ? "──✗── " : "───── ");
            const Endpoint& far = *lines[i].far;
            if (const Host* host = topology.find_host(far.node)) {
                text += padded(far.node, width) + (host->ip.empty() ? "" : "  " + host->ip);
            } else {
                text += padded(far.node, width) + " " + std::to_string(*far.port);
            }
            text += lines[i].is_down ? "   (down)\n" : "\n";
        }
        if (lines.empty()) text += "  " + padded(sw->name, width) + "   (no links)\n";
    }
    return text;
}

std::string svg_picture(const Topology& topology, const std::set<std::size_t>& down) {
    constexpr double column = 150;
    constexpr double row = 120;
    constexpr double box_width = 104;
    constexpr double box_height = 44;

    const auto tier = tiers(topology);
    std::map<unsigned, std::vector<std::string_view>> rows;
    for (std::size_t i = 0; i < topology.hosts().size(); ++i)
        rows[tier[i]].push_back(topology.hosts()[i].name);
    for (std::size_t i = 0; i < topology.switches().size(); ++i)
        rows[tier[topology.hosts().size() + i]].push_back(topology.switches()[i].name);
    std::size_t widest = 1;
    unsigned highest = 0;
    for (const auto& [level, nodes] : rows) {
        widest = std::max(widest, nodes.size());
        highest = std::max(highest, level);
    }
    const double page_width = static_cast<double>(widest) * column + 40;
    const double page_height = (highest + 1) * row + 40;

    std::map<std::string_view, Point> place;
    for (const auto& [level, nodes] : rows)
        for (std::size_t i = 0; i < nodes.size(); ++i)
            place[nodes[i]] = {
                page_width * (2.0 * static_cast<double>(i) + 1) / (2.0 * static_cast<double>(nodes.size())),
                30 + row * (highest - level) + row / 2 - 10};

    std::string svg;
    print(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
        "font-family=\"sans-serif\">\n",
        page_width, page_height, page_width, page_height);
    print(svg, "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
    svg += "<title>" + escaped(topology.name()) + "</title>\n";
    for (std::size_t i = 0; i < topology.links().size(); ++i) {
        const Link& link = topology.links()[i];
        const Point a = place[link.a.node];
        const Point b = place[link.b.node];
        const bool is_down = down.contains(i);
        print(svg,
              "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"2\"%s/>\n",
              a.x, a.y, b.x, b.y, is_down ? "#c62828" : "#607d8b",
              is_down ? " stroke-dasharray=\"6 5\"" : "");
    }
    // Port numbers stand a fifth of the way along each link, at the end that they belong to.
    for (const Link& link : topology.links()) {
        for (const auto& [near, far] : {std::pair(&link.a, &link.b), std::pair(&link.b, &link.a)}) {
            if (!topology.find_switch(near->node)) continue;
            const Point p = place[near->node];
            const Point q = place[far->node];
            print(svg,
                  "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\" fill=\"#455a64\" text-anchor=\"middle\" "
                  "stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\">%u</text>\n",
                  p.x + (q.x - p.x) * 0.3, p.y + (q.y - p.y) * 0.3 + 4, static_cast<unsigned>(*near->port));
        }
    }
    const auto box = [&](std::string_view name, const std::string& below, const char* fill, double radius) {
        const Point p = place[name];
        print(svg,
              "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"%.0f\" rx=\"%.0f\" fill=\"%s\" "
              "stroke=\"#37474f\"/>\n",
              p.x - box_width / 2, p.y - box_height / 2, box_width, box_height, radius, fill);
        print(svg, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"14\" text-anchor=\"middle\">", p.x,
              p.y - (below.empty() ? -5 : 3));
        svg += escaped(name) + "</text>\n";
        if (below.empty()) return;
        print(svg, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\" fill=\"#455a64\" text-anchor=\"middle\">",
              p.x, p.y + 14);
        svg += escaped(below) + "</text>\n";
    };
    for (const Switch& sw : topology.switches()) box(sw.name, sw.program, "#e3f2fd", 4);
    for (const Host& host : topology.hosts()) box(host.name, host.ip, "#f1f8e9", 22);
    svg += "</svg>\n";
    return svg;
}

}  // namespace weft::lab
