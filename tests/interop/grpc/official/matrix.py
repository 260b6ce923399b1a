#!/usr/bin/env python3
"""One pair of the interop matrix: every official case that client and server both have, a line each.

    matrix.py --client=weft --server=go [--tls] [--via=nginx] --build=FOLDER --peers=FOLDER --protos=FOLDER

Lines: "PASS case", "FAIL case: why", "none case: why the peer's program has no such case". Exits with 1 when a case
failed, or a peer is missing. Cases that need a cloud are not run; nor is cacheable_unary, since GET requests were
taken out of gRPC."""

import argparse
import ctypes
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BASIC = ("empty_unary large_unary client_streaming server_streaming ping_pong empty_stream custom_metadata "
         "status_code_and_message unimplemented_method unimplemented_service cancel_after_begin "
         "cancel_after_first_response timeout_on_sleeping_server").split()
CASES = BASIC + ("special_status_message client_compressed_unary server_compressed_unary client_compressed_streaming "
                 "server_compressed_streaming pick_first_unary rpc_soak channel_soak long_lived_channel "
                 "concurrent_large_unary").split()
LOCAL = "127.0.0.1"
TLS_NAME = "foo.test.google.fr"

# What the programs of the others do not have, and why.
SEES_NO_FLAGS = "its API does not tell whether a message came compressed"
CLIENT_LACKS = {
    "go": dict.fromkeys("client_compressed_unary server_compressed_unary client_compressed_streaming "
                        "server_compressed_streaming long_lived_channel concurrent_large_unary".split(),
                        "the official client has no such case"),
    "ruby": dict.fromkeys("special_status_message server_compressed_unary server_compressed_streaming "
                          "pick_first_unary rpc_soak channel_soak long_lived_channel concurrent_large_unary".split(),
                          "the official client has no such case"),
    "grpcxx": {"concurrent_large_unary": "for weft's client only"},
    "python": {"server_compressed_unary": SEES_NO_FLAGS, "server_compressed_streaming": SEES_NO_FLAGS,
               "client_compressed_streaming": "its API compresses whole calls only",
               "concurrent_large_unary": "for weft's client only"},
    "js": {"server_compressed_unary": SEES_NO_FLAGS, "server_compressed_streaming": SEES_NO_FLAGS,
           "client_compressed_streaming": "its API compresses whole channels only",
           "concurrent_large_unary": "for weft's client only"},
    "tonic": {"server_compressed_unary": SEES_NO_FLAGS, "server_compressed_streaming": SEES_NO_FLAGS,
              "client_compressed_streaming": "its API compresses whole channels only",
              "concurrent_large_unary": "for weft's client only"},
}
SERVER_LACKS = {
    "go": dict.fromkeys("client_compressed_unary server_compressed_unary client_compressed_streaming "
                        "server_compressed_streaming pick_first_unary".split(),
                        "the official server does not do it"),
    "ruby": dict.fromkeys("client_compressed_unary server_compressed_unary client_compressed_streaming "
                          "server_compressed_streaming pick_first_unary".split(),
                          "the official server does not do it"),
    "python": {"client_compressed_unary": SEES_NO_FLAGS, "client_compressed_streaming": SEES_NO_FLAGS},
    "js": {"client_compressed_unary": SEES_NO_FLAGS, "client_compressed_streaming": SEES_NO_FLAGS,
           "server_compressed_unary": "its API compresses whole servers only",
           "server_compressed_streaming": "its API compresses whole servers only"},
    "tonic": {"client_compressed_unary": SEES_NO_FLAGS, "client_compressed_streaming": SEES_NO_FLAGS,
              "server_compressed_unary": "its API compresses whole servers only",
              "server_compressed_streaming": "its API compresses whole servers only"},
}
# Large calls in large numbers: with one server of each kind that takes them quickly.
CONCURRENT = {"weft", "grpcxx", "go"}


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def fail(text):
    print("FAIL " + text, flush=True)
    sys.exit(1)


class Matrix:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.children = []
        found = glob.glob("/usr/lib/*/rubygems-integration/*/gems/grpc-*/src/ruby")
        self.ruby = found[0] if found else ""
        if options.tls and not self.ruby:
            fail("ruby-grpc is not installed, whose test certificates the TLS pairs use: run scripts/setup.sh test")
        self.certificates = os.path.join(self.ruby, "spec/testdata")

    # Commands. A missing program is found here, with the name of the script that gets it.

    def have(self, program, script):
        if not os.path.exists(program) and not shutil.which(program):
            fail("%s is missing: run %s" % (program, script))
        return program

    def command(self, peer, role):
        o = self.options
        if peer == "weft":
            return [self.have(os.path.join(o.build, "weft_interop_" + role), "the build")]
        if peer == "grpcxx":
            return [self.have(os.path.join(o.build, "grpcxx_interop_" + role), "the build")]
        if peer in ("python", "python_debian"):
            python = "/usr/bin/python3" if peer == "python_debian" else os.path.join(o.peers, "venv/bin/python")
            self.have(python, "scripts/setup.sh test and scripts/setup_peers.sh")
            return [python, os.path.join(HERE, "interop_python.py"), role,
                    "--descriptors=" + os.path.join(o.build, "interop_test.descriptors")]
        if peer == "js":
            self.have(os.path.join(o.peers, "js/node_modules/@grpc/grpc-js"), "scripts/setup_peers.sh")
            return [self.have("node", "scripts/setup.sh test"), os.path.join(HERE, "interop_js.js"), role,
                    "--protos=" + o.protos]
        if peer == "go":
            return [self.have(os.path.join(o.peers, "go/bin", role), "scripts/setup_peers.sh")]
        if peer == "tonic":
            return [self.have(os.path.join(o.peers, "tonic/bin/tonic_interop"), "scripts/setup_peers.sh"), role]
        if peer == "ruby":
            if not self.ruby:
                fail("ruby-grpc is missing: run scripts/setup.sh test")
            packaged = os.path.join(self.ruby, "pb/test", role + ".rb")
            return ["ruby"] + ([os.path.join(HERE, "ruby_client.rb")] if role == "client" else []) + [packaged]
        fail("there is no peer " + peer)

    def start(self, command, log):
        environment = dict(os.environ, NODE_PATH=os.path.join(self.options.peers, "js/node_modules"))
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                 env=environment, preexec_fn=die_with_parent)
        self.children.append(child)
        return child

    def stop(self):
        for child in reversed(self.children):
            child.terminate()
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()

    def log(self, name):
        return open(os.path.join(self.folder, name), "w+b")

    # Servers

    def server_flags(self, port):
        flags = ["--port=%d" % port]
        if self.options.tls and not self.options.via:
            flags += ["--use_tls=true"]
            if self.options.server != "ruby":
                flags += ["--tls_cert_file=" + os.path.join(self.certificates, "server1.pem"),
                          "--tls_key_file=" + os.path.join(self.certificates, "server1.key")]
        return flags

    def serve(self):
        peer = self.options.server
        command = self.command(peer, "server")
        log = self.log("server.log")
        if peer in ("go", "ruby"):
            return self.serve_on_free_port(lambda port: command + self.server_flags(port), log)
        child = self.start(command + self.server_flags(0), log)
        line = child.stdout.readline().decode()
        if not line.startswith("port "):
            fail("the server did not start: " + line + self.read(log))
        return int(line.split()[1])

    # For programs that do not take port 0: another one, should somebody else have been faster.
    def serve_on_free_port(self, command, log):
        for _ in range(5):
            with socket.socket() as probe:
                probe.bind((LOCAL, 0))
                port = probe.getsockname()[1]
            child = self.start(command(port), log)
            until = time.monotonic() + 20
            while child.poll() is None and time.monotonic() < until:
                with socket.socket() as probe:
                    if probe.connect_ex((LOCAL, port)) == 0:
                        return port
                time.sleep(0.02)
        fail("the server did not start: " + self.read(log))

    def nginx(self, backend):
        program = self.have(shutil.which("nginx") or "/usr/sbin/nginx", "scripts/setup.sh test")
        path = os.path.join(self.folder, "nginx.conf")
        tls = ""
        if self.options.tls:
            tls = "ssl_certificate %s/server1.pem; ssl_certificate_key %s/server1.key;" % (
                self.certificates, self.certificates)

        def command(port):
            with open(path, "w") as file:
                file.write("""
daemon off; pid {d}/nginx.pid; error_log {d}/nginx.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {d}/a; proxy_temp_path {d}/b; fastcgi_temp_path {d}/c; uwsgi_temp_path {d}/d;
  scgi_temp_path {d}/e;
  server {{
    listen {local}:{port} {ssl} http2; {tls}
    client_max_body_size 0; http2_max_concurrent_streams 2000;
    location / {{ grpc_pass grpc://{local}:{backend}; grpc_buffer_size 64k; }}
  }}
}}
""".format(d=self.folder, local=LOCAL, port=port, ssl="ssl" if tls else "", tls=tls, backend=backend))
            return [program, "-c", path, "-p", self.folder, "-g", "user %s;" % ("root" if os.getuid() == 0 else "nobody")]

        return self.serve_on_free_port(command, self.log("nginx.out"))

    # Clients

    def run_cases(self, port, names):
        """Gives {case: "" or what went wrong}."""
        peer = self.options.client
        flags = ["--server_host=" + LOCAL, "--server_port=%d" % port]
        if self.options.tls:
            flags += ["--use_tls=true", "--use_test_ca=true", "--server_host_override=" + TLS_NAME]
            if peer != "ruby":
                flags += ["--ca_file=" + os.path.join(self.certificates, "ca.pem")]
        if peer == "weft":
            flags += ["--concurrent_calls=250"]  # officially 1000: 600 MB, for which a busy machine takes too long
        command = self.command(peer, "client")
        results = {}
        if peer == "go":
            for name in names:
                self.run_client(command + flags + ["--test_case=" + name], [name], results, says_pass=False)
            return results
        self.run_client(command + flags + ["--test_case=" + ",".join(names)], names, results, says_pass=True)
        return results

    def run_client(self, command, names, results, says_pass):
        log = self.log("client.log")
        child = self.start(command, log)
        try:
            output = child.communicate(timeout=100)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            child.kill()
            output = child.communicate()[0].decode(errors="replace")
        if not says_pass:
            results[names[0]] = "" if child.returncode == 0 else "exit %d: %s" % (child.returncode, self.read(log))
            return
        for line in output.splitlines():
            word, _, rest = line.partition(" ")
            name, _, why = rest.partition(": ")
            if word == "PASS":
                results[name] = ""
            elif word == "FAIL":
                results[name] = why or "it did not say why"
        for name in names:
            results.setdefault(name, "it was not reached: " + self.read(log))

    @staticmethod
    def read(log):
        log.flush()
        log.seek(0)
        return " ".join(log.read().decode(errors="replace")[-600:].split())


def lacking(options):
    lacks = {}
    for table, peer in ((CLIENT_LACKS, options.client), (SERVER_LACKS, options.server)):
        for name, why in table.get("python" if peer == "python_debian" else peer, {}).items():
            lacks.setdefault(name, "%s: %s" % (peer, why))
    if options.server not in CONCURRENT or options.via or options.tls:
        lacks.setdefault("concurrent_large_unary", "not with this pair")
    return lacks


def main():
    parser = argparse.ArgumentParser()
    for name in ("client", "server", "build", "peers", "protos"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--via", default="")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--cases", default=",".join(CASES))
    options = parser.parse_args()
    lacks = lacking(options)
    names = [name for name in options.cases.split(",") if name not in lacks]
    with tempfile.TemporaryDirectory() as folder:
        matrix = Matrix(options, folder)
        try:
            port = matrix.serve()
            if options.via:
                port = matrix.nginx(port)
            results = matrix.run_cases(port, names)
        finally:
            matrix.stop()
    title = "%s client, %s server%s%s" % (options.client, options.server, ", TLS" if options.tls else "",
                                          ", through " + options.via if options.via else "")
    print(title)
    for name in CASES:
        if name in lacks:
            print("none %s: %s" % (name, lacks[name]))
        elif results.get(name):
            print("FAIL %s: %s" % (name, results[name]))
        elif name in results:
            print("PASS %s" % name)
    passed = sum(1 for why in results.values() if not why)
    print("%s: %d of %d passed, %d are not in the peer" % (title, passed, len(names), len(lacks)))
    return 0 if passed == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
