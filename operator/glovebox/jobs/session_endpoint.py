"""Gives the programs of a run the session of its artifacts, and the next one ahead of each end.

`python -m glovebox.jobs.session_endpoint` runs beside a run, as a container of its own, and answers
on loopback what SDKs ask of `AWS_CONTAINER_CREDENTIALS_FULL_URI`: the keys, the token and their
end. The answer is a file of the Secret as the kubelet has it now; the operator writes it. So the
team's image needs no program for it, not even a shell.

It listens on loopback alone, so nobody outside of the pod can ask. It reads that one file, writes
none, and says nothing of what it answers. With `--check` it asks until there is an answer, which
tells the kubelet that the run may start. It knows the standard library alone: it is there for as
long as the run, and its memory is the run's.
"""

from __future__ import annotations

import http.client
import os
import signal
import sys
import time
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Final

SESSION: Final = Path("/var/run/glovebox/artifacts/session.json")
HOST: Final = "127.0.0.1"
# Below the ports that the kernel gives to connections, and nobody's in the lists of well-known
# ones.
PORT: Final = 9749
PATH: Final = "/session"
# A client on loopback that says nothing for so long says nothing any more.
_PATIENCE_SECONDS: Final = 5.0
# Less than the kubelet gives a check: else each run would start a whole period of it later.
_CHECK_SECONDS: Final = 5.0
_CHECK_EVERY_SECONDS: Final = 0.05


class SessionHandler(BaseHTTPRequestHandler):
    """Answers one question."""

    timeout = _PATIENCE_SECONDS
    # What it is and which Python it runs on is nobody's business.
    server_version = "glovebox"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with the session as it is now."""
        if self.path != PATH:
            self._answer(HTTPStatus.NOT_FOUND, b'{"code":"NotFound","message":"ask for /session"}')
            return
        server = self.server
        if not isinstance(server, SessionServer):
            raise TypeError(type(server).__name__)
        try:
            session = server.file.read_bytes()
        except OSError:
            self._answer(
                HTTPStatus.SERVICE_UNAVAILABLE,
                b'{"code":"NoSession","message":"the operator has not written the session yet"}',
            )
            return
        self._answer(HTTPStatus.OK, session)

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's word
        """Say nothing: the log of a run's pod is the team's."""


class SessionServer(ThreadingHTTPServer):
    """Answers out of one file.

    Args:
        file: The session, as JSON.
        port: On loopback; 0 takes a free one.
    """

    daemon_threads = True

    def __init__(self, file: Path, port: int = PORT) -> None:
        self.file = file
        super().__init__((HOST, port), SessionHandler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away."""


def check(port: int = PORT) -> bool:
    """Return whether the session can be had."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", PATH)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main(arguments: Sequence[str]) -> int:
    """Answer until the run has ended; return the exit code."""
    if list(arguments) == ["--check"]:
        return 0 if _answers() else 1
    # The kubelet ends it when the run has ended: no failure of anything.
    signal.signal(signal.SIGTERM, _end)
    with SessionServer(SESSION, PORT) as server:
        server.serve_forever()
    return 0


def _answers() -> bool:
    until = time.monotonic() + _CHECK_SECONDS
    while not check(PORT):
        if time.monotonic() > until:
            return False
        time.sleep(_CHECK_EVERY_SECONDS)
    return True


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
