"""An STS for measurements: first it passes all on to the real one, then answers at once.

The ObjectStore's proofs need a real STS, so they get it. Once the store is Ready, `SIGUSR1` makes
this server answer with a canned document: what is left of the store's part is then the operator's
own client. The credentials it gives open nothing.
"""

from __future__ import annotations

import http.client
import signal
import socketserver
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_CANNED = threading.Event()
_ANSWER = """<?xml version="1.0" encoding="UTF-8"?>
<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><AssumedRoleId>AROABENCH:bench</AssumedRoleId><Arn>arn:aws:sts::0:assumed-role/bench/bench</Arn></AssumedRoleUser>
<Credentials><AccessKeyId>ASIABENCHBENCHBENCHB</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken>{token}</SessionToken><Expiration>{expiration}</Expiration></Credentials>
</AssumeRoleResult><ResponseMetadata><RequestId>bench</RequestId></ResponseMetadata></AssumeRoleResponse>"""


def canned_answer() -> bytes:
    """Return a well-formed answer of AssumeRole, valid for an hour, that opens nothing."""
    expiration = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _ANSWER.format(secret="x" * 40, token="t" * 1200, expiration=expiration).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    real: str = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, raw = (200, canned_answer()) if _CANNED.is_set() else self._pass_on(body)
        self.send_response_only(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _pass_on(self, body: bytes) -> tuple[int, bytes]:
        # The signature covers the Host header: it goes along as it came.
        connection = http.client.HTTPConnection(urlsplit(self.real).netloc, timeout=30)
        try:
            connection.request("POST", self.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind without asking the DNS who we are."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]


def main() -> None:
    """Serve until killed; prints the port."""
    _Handler.real = sys.argv[1]
    signal.signal(signal.SIGUSR1, lambda *_: _CANNED.set())
    server = _Server(("127.0.0.1", 0), _Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
