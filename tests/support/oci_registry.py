"""A registry on loopback that takes and gives what `helm push` and `helm pull` want, in memory."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs, urlsplit

_UPLOADS: Final = re.compile(r"/v2/(.+)/blobs/uploads/")
_BLOB: Final = re.compile(r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})")
_MANIFEST: Final = re.compile(r"/v2/(.+)/manifests/([^/]+)")


@dataclass
class Registry:
    """What it holds.

    Attributes:
        host: Where it listens, as a reference names it.
        blobs: Contents by digest.
        manifests: Digest and media type, by repository and tag or digest.
    """

    host: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def add(self, body: bytes) -> str:
        """Keep a content; return its digest."""
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.blobs[digest] = body
        return digest


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, registry: Registry) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.registry = registry


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/v2/":
            self._answer(200)
        elif found := _BLOB.fullmatch(path):
            self._give(found[2], "application/octet-stream")
        elif found := _MANIFEST.fullmatch(path):
            digest, media = self.server.registry.manifests.get((found[1], found[2]), ("", ""))
            self._give(digest, media)
        else:
            self._answer(404)

    do_HEAD = do_GET  # noqa: N815 - the name that the server calls

    def do_POST(self) -> None:
        found = _UPLOADS.fullmatch(urlsplit(self.path).path)
        self._body()
        self._answer(202 if found else 404, headers={"Location": f"{urlsplit(self.path).path}one"})

    def do_PUT(self) -> None:
        url = urlsplit(self.path)
        digest = self.server.registry.add(self._body())
        if found := _MANIFEST.fullmatch(url.path):
            kept = digest, self.headers.get("Content-Type", "")
            for name in (found[2], digest):
                self.server.registry.manifests[found[1], name] = kept
        elif parse_qs(url.query).get("digest") != [digest]:
            self._answer(400)
            return
        self._answer(201, headers={"Location": url.path, "Docker-Content-Digest": digest})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _give(self, digest: str, media: str) -> None:
        body = self.server.registry.blobs.get(digest)
        if body is None:
            self._answer(404)
            return
        names = {"Content-Type": media, "Docker-Content-Digest": digest}
        self._answer(200, body, names)

    def _answer(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        del args


@contextmanager
def oci_registry() -> Iterator[Registry]:
    """Run one while the block runs."""
    registry = Registry()
    server = _Server(registry)
    registry.host = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
