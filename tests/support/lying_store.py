"""A real HTTP proxy before the real store that tells one lie at a time.

It signs every request again as the store's administrator (or as whoever asked, when the lie needs
that), so that a lie may drop a header, answer by itself, or let the store do what it refused.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import urllib3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Keys

from glovebox_local.gateway import GATEWAY_IP
from glovebox_local.namespaces import visiting_network

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from glovebox.store.connection import Credentials
    from glovebox_local.namespaces import NamespacesOf

_HOP = {
    "host",
    "authorization",
    "connection",
    "content-length",
    "accept-encoding",
    "expect",
    "x-amz-date",
    "x-amz-security-token",
}


@dataclass(frozen=True)
class Asked:
    """A request as the client sent it."""

    method: str
    target: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def query(self) -> dict[str, str]:
        parsed = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[0] for name, values in parsed.items()}

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def from_session(self) -> bool:
        return "x-amz-security-token" in self.headers

    def without(self, *headers: str) -> Asked:
        return replace(
            self,
            headers={name: value for name, value in self.headers.items() if name not in headers},
        )


@dataclass(frozen=True)
class Answered:
    """An answer of the store, or one that was made up."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Liar:
    """What stands between client and store.

    Args:
        endpoint: Of the real store.
        admin: Whose signature the store accepts.
        lie: Given a request and the way to the real store, returns the answer; None leaves the
            truth alone.
    """

    def __init__(
        self, endpoint: str, admin: Credentials, lie: Callable[[Asked, Liar], Answered | None]
    ) -> None:
        self._endpoint = endpoint
        self._keys = Keys(admin.access_key_id, admin.secret_access_key)
        self._pool = urllib3.PoolManager()
        self.lie = lie
        self.asked: list[Asked] = []

    def answer(self, asked: Asked) -> Answered:
        self.asked.append(asked)
        made_up = self.lie(asked, self)
        return made_up if made_up is not None else self.truth(asked)

    def truth(self, asked: Asked) -> Answered:
        """Let the store answer, to the administrator.

        A session's own request passes with its signature as it is.
        """
        if asked.from_session:
            return self._send(asked.method, asked.target, asked.headers, asked.body)
        return self.as_admin(asked)

    def as_admin(self, asked: Asked) -> Answered:
        headers = {name: value for name, value in asked.headers.items() if name not in _HOP}
        request = AWSRequest(
            asked.method, self._endpoint + asked.target, headers=headers, data=asked.body
        )
        sts = b"Action=AssumeRole" in asked.body
        (SigV4Auth if sts else S3SigV4Auth)(
            self._keys, "sts" if sts else "s3", "us-east-1"
        ).add_auth(request)
        return self._send(
            asked.method,
            asked.target,
            {name: str(value) for name, value in request.headers.items()},
            asked.body,
        )

    def _send(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answered:
        kept = {
            name: value
            for name, value in headers.items()
            if name.lower() not in {"connection", "content-length", "expect"}
        }
        answer = self._pool.request(
            method,
            self._endpoint + target,
            headers=kept,
            body=body,
            redirect=False,
            decode_content=False,
        )
        return Answered(answer.status, answer.data, dict(answer.headers))


@contextlib.contextmanager
def lying(
    endpoint: str,
    admin: Credentials,
    lie: Callable[[Asked, Liar], Answered | None],
    *,
    network: NamespacesOf | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """Start the proxy on a free port; yield its endpoint.

    Args:
        endpoint: Of the real store, as this process reaches it.
        admin: Whose signature the store accepts.
        lie: See `Liar`.
        network: The gateway, where pods reach the proxy; this machine's own loopback interface by
            default.
        tls: With the proxy's certificate; plain HTTP by default.
    """
    liar = Liar(endpoint, admin, lie)
    host = GATEWAY_IP if network else "127.0.0.1"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(
                self.command,
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                body,
            )
            answer = liar.answer(asked)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in {
                    "connection",
                    "content-length",
                    "transfer-encoding",
                    "date",
                    "server",
                }:
                    self.send_header(name, value)
            # A HEAD tells a length without a body.
            length = (
                answer.headers.get("Content-Length", "0")
                if self.command == "HEAD"
                else str(len(answer.body))
            )
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - the names that the server calls

        def log_message(self, *args: object) -> None:
            del args

    # A socket stays in the network in which it was made; the way on to the store is ours.
    with visiting_network(network.holder()) if network else contextlib.nullcontext():
        server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        scheme = "https" if tls is not None else "http"
        yield f"{scheme}://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
