// The two-spine, two-leaf topology that the lab's tests share.
#pragma once

#include <weft/lab/topology.hpp>

namespace weft::lab {

inline Topology small_fabric() {
    Topology t("fabric");
    t.add_program({"fabric", "fabric.json", "fabric.p4info.txtpb"});
    t.add_host({"h1", "10.1.1.1/24", "", "10.1.1.254"}).add_host({"h2", "10.1.2.1/24", "", "10.1.2.254"});
    t.add_host({"h3", "10.2.1.1/24", "", "10.2.1.254"}).add_host({"h4", "10.2.2.1/24", "", "10.2.2.254"});
    for (const char* name : {"leaf1", "leaf2", "spine1", "spine2"}) {
        Switch sw;
        sw.name = name;
        sw.program = "fabric";
        if (sw.name == "leaf1") sw.prefix = "10.1.0.0/16";
        if (sw.name == "leaf2") sw.prefix = "10.2.0.0/16";
        t.add_switch(sw);
    }
    t.add_link("h1", "leaf1").add_link("h2", "leaf1").add_link("h3", "leaf2").add_link("h4", "leaf2");
    t.add_link("leaf1", "spine1")
        .add_link("leaf1", "spine2")
        .add_link("leaf2", "spine1")
        .add_link("leaf2", "spine2");
    return t;
}

}  // namespace weft::lab
