"""A catalogue of lineage for the stories: it takes events, and can be closed and opened again.

It lives in the process of the demonstration, on loopback, and ends with it: an operator that is
kept afterwards finds nobody there, and its events wait.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from glovebox_local.ports import LOOPBACK, choose_ports

NAME: Final = "catalogue"


class Catalogue:
    """The catalogue. It is closed until it is opened."""

    def __init__(self) -> None:
        self._port = choose_ports([NAME])[NAME]
        self._server: ThreadingHTTPServer | None = None
        self._bodies: list[bytes] = []

    @property
    def settings(self) -> dict[str, str]:
        """What the operator is set to that tells it."""
        destination = {"name": NAME, "url": f"http://{LOOPBACK}:{self._port}/api/v1/lineage"}
        lineage = {"enabled": True, "namespace": "demo", "destinations": [destination]}
        return {"GLOVEBOX_LINEAGE": json.dumps(lineage)}

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events that it took, each once, in the order in which they came."""
        return [json.loads(body) for body in dict.fromkeys(self._bodies)]

    def open(self) -> None:
        """Listen, unless it does already."""
        if self._server is not None:
            return
        taken = self._bodies

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                taken.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
                """Say nothing: the demonstration does."""

        self._server = ThreadingHTTPServer((LOOPBACK, self._port), Taking)
        threading.Thread(target=self._server.serve_forever, name=NAME, daemon=True).start()

    def close(self) -> None:
        """Listen no more: whoever asks finds nobody there."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
