"""Takes the audit log of a SeaweedFS, as Fluentd or Fluent Bit would."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class AuditLog:
    """Listens on a free loopback port; SeaweedFS sends each record there as JSON."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._received = bytearray()
        self._closed: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def configure(self, path: Path) -> Path:
        """Write what `-s3.auditLogConfig` names."""
        port = self._server.getsockname()[1]
        told = {"fluent_host": "127.0.0.1", "fluent_port": port, "marshal_as_json": True}
        path.write_text(json.dumps(told))
        return path

    def records(self) -> list[dict[str, Any]]:
        """Return what came until now: each is sent as `[tag, time, record, option]`."""
        text, at, found = bytes(self._received).decode(), 0, []
        decoder = json.JSONDecoder()
        with contextlib.suppress(json.JSONDecodeError):
            while at < len(text):
                (_, _, record, *_), at = decoder.raw_decode(text, at)
                found.append(record)
        return found

    def lines_until(self, number: int, *operations: str, seconds: float = 30.0) -> bytes:
        """Return the records as lines of JSON, once so many of these operations on keys came."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.records()
            awaited = sum(bool(each["operation"] in operations and each["key"]) for each in found)
            if awaited >= number:
                return b"".join(json.dumps(each).encode() + b"\n" for each in found)
            assert time.monotonic() < deadline, f"{awaited} of {number} records came"
            time.sleep(0.05)

    def close(self) -> None:
        """Stop listening."""
        for each in (self._server, *self._closed):
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self._closed.append(connection)
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := connection.recv(1 << 16):
                self._received += data


@contextlib.contextmanager
def listening() -> Iterator[AuditLog]:
    """Listen while the block runs."""
    log = AuditLog()
    try:
        yield log
    finally:
        log.close()
