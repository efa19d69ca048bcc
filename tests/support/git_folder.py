"""A Git repository of manifests, and a server that others fetch it from."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from glovebox_local.ports import LOOPBACK

_AUTHOR = ("-c", "user.name=tests", "-c", "user.email=tests@example.org")


class GitFolder:
    """A new repository in a new folder; every commit has all manifests in one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir()
        self._git("init", "--quiet", "--initial-branch=main")

    def commit(self, *objects: Mapping[str, Any]) -> str:
        """Make these all that the repository has, and return the commit."""
        (self._folder / "all.yaml").write_text(yaml.safe_dump_all(objects))
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message=change")
        return self._git("rev-parse", "HEAD").decode().strip()

    def archive(self) -> bytes:
        """Return the newest commit as a compressed tar archive."""
        return self._git("archive", "--format=tar.gz", "HEAD")

    def _git(self, *arguments: str) -> bytes:
        done = subprocess.run(
            ["git", *_AUTHOR, *arguments],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            check=True,
            env=_environment(),
        )
        return done.stdout


@contextmanager
def serving_git(root: Path) -> Iterator[str]:
    """Serve the repositories below a folder as Git does over HTTP; yield the URL of the folder."""
    server = _Server(root)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _environment() -> dict[str, str]:
    return {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, root: Path) -> None:
        self.root = root
        super().__init__((LOOPBACK, 0), _Answer)


class _Answer(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._ask_git()

    def do_POST(self) -> None:
        self._ask_git()

    def _ask_git(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = {
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            stdout=subprocess.PIPE,
            check=True,
            env=_environment() | asked,
        )
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in {**fields, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing: who asks has a log of its own."""
