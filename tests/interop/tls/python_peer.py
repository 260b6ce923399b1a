"""TLS by Python's ssl: `server CHAIN KEY CA` gives back lines in upper case, `client PORT NAME CA CHAIN KEY` sends one."""
import socket
import ssl
import sys


def serve(chain, key, ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["http/1.1"])
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    raw, _ = listener.accept()
    with context.wrap_socket(raw, server_side=True) as tls:
        names = [value for rdn in tls.getpeercert()["subject"] for _, value in rdn]
        tls.sendall(f"{names[0]} {tls.version()} {tls.selected_alpn_protocol()}\n".encode())
        while data := tls.recv(65536):
            tls.sendall(data.upper())
        tls.unwrap().close()  # waits for the peer's close_notify


def ask(port, name, ca, chain, key):
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(chain, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    raw = socket.create_connection(("127.0.0.1", int(port)))
    with context.wrap_socket(raw, server_hostname=name) as tls:
        tls.sendall(b"x" * 300000 + b"\n")
        got = b""
        while not got.endswith(b"\n"):
            got += tls.recv(65536)
        print(len(got), tls.version(), tls.selected_alpn_protocol(), flush=True)
        tls.unwrap().close()


{"server": serve, "client": ask}[sys.argv[1]](*sys.argv[2:])
