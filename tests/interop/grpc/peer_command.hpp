// How the two plain-text peers are started: grpc++'s program, or grpc.aio's in the peers' Python.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

namespace interop {

inline std::vector<std::string> peer_command(const std::string& peer, std::vector<std::string> arguments) {
    std::vector<std::string> command;
    if (peer == "grpcxx") {
        command = {GRPCXX_PEER};
    } else {
        const char* venv = std::getenv("WEFT_PEERS_VENV");
        command = {std::string(venv ? venv : PEERS_VENV) + "/bin/python", PYTHON_PEER, PEER_PROTO_FOLDER};
    }
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
}

}  // namespace interop
