"""A program that listens, and answers each caller with its name, so that it knows whom it reached.

It is run as a file, in pods, on a node and outside of both; the standard library is all it may
need.

    python listen.py NAME tcp:0.0.0.0:7000 udp:203.0.113.7:443 ...
"""

from __future__ import annotations

import signal
import socket
import sys
import threading


def serve_tcp(listener: socket.socket, name: bytes) -> None:
    """Greet whoever connects, then give back whatever they say for as long as they like."""
    while True:
        caller, _ = listener.accept()
        threading.Thread(target=_echo, args=(caller, name), daemon=True).start()


def serve_udp(listener: socket.socket, name: bytes) -> None:
    """Answer each datagram with the name."""
    while True:
        _, caller = listener.recvfrom(512)
        listener.sendto(name, caller)


def _echo(caller: socket.socket, name: bytes) -> None:
    with caller:
        try:
            caller.sendall(name)
            while said := caller.recv(512):
                caller.sendall(said)
        except OSError:
            return


def main(name: str, *places: str) -> None:
    """Listen in all places until told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for place in places:
        protocol, address, port = place.split(":")
        kind, serve = (
            (socket.SOCK_STREAM, serve_tcp) if protocol == "tcp" else (socket.SOCK_DGRAM, serve_udp)
        )
        listener = socket.socket(socket.AF_INET, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, int(port)))
        if protocol == "tcp":
            listener.listen(64)
        threading.Thread(target=serve, args=(listener, name.encode()), daemon=True).start()
    print("listening", flush=True)
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
