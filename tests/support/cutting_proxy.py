"""A TCP proxy before a real store that loses or holds connections, or is away, when told."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 1 << 14

_TAKEN_WITHIN_SECONDS = 20


class CuttingProxy:
    """Passes bytes on, counts those that come down, and breaks in chosen places. Use `cutting`.

    Attributes:
        cuts: For each connection to come, after how many bytes down it is reset; when there are no
            more, none is.
        hold_after: After so many bytes down, all connections together, nothing passes until
            `release`.
        down: Bytes that came down from the store.
        connections: How many were accepted.
        held: Set once `hold_after` is reached.
    """

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self.cuts: deque[int] = deque()
        self.hold_after: int | None = None
        self.down = 0
        self.connections = 0
        self.held = threading.Event()
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._port = 0
        self._listener: socket.socket | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def listen(self) -> None:
        """Accept connections, always on the same port."""
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def go_away(self) -> None:
        """Refuse connections, and reset those that are open."""
        if self._listener is not None:
            # A plain close leaves a thread in accept() listening.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            for each in self._open:
                _reset(each)

    def release(self) -> None:
        """Let pass what was held."""
        self.hold_after = None
        self._released.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            cut = self.cuts.popleft() if self.cuts else None
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._pump, args=(client, server), daemon=True).start()
            threading.Thread(
                target=self._pump_down, args=(server, client, cut), daemon=True
            ).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                target.sendall(piece)
        self._close(source, target)

    def _pump_down(self, source: socket.socket, target: socket.socket, cut: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                if self.hold_after is not None and self.down >= self.hold_after:
                    self.held.set()
                    self._released.wait(60)
                if cut is not None and passed + len(piece) > cut:
                    target.sendall(piece[: cut - passed])
                    _wait_until_taken(target)
                    _reset(target)
                    break
                target.sendall(piece)
                passed += len(piece)
                with self._lock:
                    self.down += len(piece)
        self._close(source, target)

    def _close(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._open.difference_update(sockets)
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextlib.contextmanager
def cutting(endpoint: str) -> Iterator[CuttingProxy]:
    """Start the proxy on a free port; nothing of it stays."""
    proxy = CuttingProxy(endpoint)
    proxy.listen()
    try:
        yield proxy
    finally:
        proxy.release()
        proxy.go_away()


def _wait_until_taken(connection: socket.socket) -> None:
    """Return once the client's process, in this network namespace, has read what was sent.

    A reset throws away what waits in the receiver's buffer: up to megabytes when it is slow.
    """
    client, proxy = _in_proc(connection.getpeername()), _in_proc(connection.getsockname())
    end = time.monotonic() + _TAKEN_WITHIN_SECONDS
    while time.monotonic() < end:
        for line in Path("/proc/self/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
            _, local, remote, _, queues, *_ = line.split()
            if (local, remote) == (client, proxy):
                if int(queues.partition(":")[2], 16) == 0:
                    return
                break
        else:
            return
        time.sleep(0.005)


def _in_proc(address: tuple[str, int]) -> str:
    """Write an address as /proc/net/tcp does: in the machine's own byte order."""
    host = struct.unpack("=I", socket.inet_aton(address[0]))[0]
    return f"{host:08X}:{address[1]:04X}"


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Not lingering makes the kernel send a reset instead of an orderly end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
