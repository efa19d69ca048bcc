"""A CONNECT proxy of a test's own: passes bytes on, and keeps what it was asked for."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from glovebox_local.gateway import GATEWAY_IP
from glovebox_local.namespaces import visiting_network

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from glovebox_local.namespaces import NamespacesOf

_PIECE = 1 << 14
_SECONDS = 20.0


class ConnectProxy:
    """Answers CONNECT, and nothing else. Use `connecting`.

    Args:
        hosts: Where the hosts really are that may be connected to, by `host:port`.
        listener: Where it is asked.

    Attributes:
        asked: What was asked for, as `CONNECT host:port`, in order.
        status: What it answers; anything but 200 refuses.
        headers: All headers that it was sent, in lower case.
    """

    def __init__(self, hosts: Mapping[str, tuple[str, int]], listener: socket.socket) -> None:
        self._hosts = hosts
        self.asked: list[str] = []
        self.headers: list[str] = []
        self.status = 200
        self._listener = listener
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        host, port, *_ = listener.getsockname()
        self.url = f"http://{host}:{port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def go_away(self) -> None:
        """Refuse connections, and end those that are open."""
        with contextlib.suppress(OSError):
            # A plain close leaves a thread in accept() listening.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            left = tuple(self._open)
        for each in left:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.settimeout(_SECONDS)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and (piece := client.recv(_PIECE)):
                head += piece
            first, *headers = head.decode("latin-1").split("\r\n")
            method, target, *_ = f"{first} - -".split()
            with self._lock:
                self.asked.append(f"{method} {target}")
                self.headers += [each.lower() for each in headers if each]
            where = self._hosts.get(target)
            status = self.status if method == "CONNECT" and where is not None else 403
            if status != 200 or where is None:
                client.sendall(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
                return
            with socket.create_connection(where, timeout=_SECONDS) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with self._lock:
            self._open |= {client, server}
        up = threading.Thread(target=_pump, args=(client, server), daemon=True)
        up.start()
        _pump(server, client)
        up.join(_SECONDS)
        with self._lock:
            self._open -= {client, server}


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def connecting(
    hosts: Mapping[str, tuple[str, int]], *, network: NamespacesOf | None = None
) -> Iterator[ConnectProxy]:
    """Start the proxy on a free port; nothing of it stays.

    Args:
        hosts: Where the hosts really are, as this process reaches them.
        network: The gateway, where pods reach the proxy; this machine's own loopback interface by
            default.
    """
    with visiting_network(network.holder()) if network else contextlib.nullcontext():
        listener = socket.create_server((GATEWAY_IP if network else "127.0.0.1", 0))
    proxy = ConnectProxy(hosts, listener)
    try:
        yield proxy
    finally:
        proxy.go_away()
