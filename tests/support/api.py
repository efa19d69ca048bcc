"""A small client for tests: JSON to and from paths of the API server, as whichever user."""

from __future__ import annotations

import base64
import copy
import http.client
import json
import select
import ssl
import tempfile
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import yaml

Json = dict[str, Any]
_PATCHES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class ApiError(AssertionError):
    """The API server refused.

    An AssertionError, so that a refusal that a test did not expect reads as its failure.
    """

    def __init__(self, method: str, path: str, code: int, status: Json) -> None:
        self.code = code
        self.status = status
        self.reason = str(status.get("reason", ""))
        self.message = str(status.get("message", ""))
        super().__init__(f"{method} {path}: {code} {self.reason}: {self.message}")


def path_of(
    api_version: str, plural: str, *, namespace: str | None = None, name: str | None = None
) -> str:
    """Return the path of a collection, or of one object: `path_of("v1", "pods", namespace="a")`."""
    root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
    inside = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{inside}/{plural}" + (f"/{name}" if name else "")


class _Idle:
    """Connections of one user that nobody uses at the moment: a handshake costs more than a read.

    They are closed when nobody can use them any more.
    """

    def __init__(self) -> None:
        self._connections: list[http.client.HTTPSConnection] = []

    def take(self) -> http.client.HTTPSConnection | None:
        """Return one that the server has not closed, or None."""
        while self._connections:
            try:
                connection = self._connections.pop()
            except IndexError:  # another thread was faster
                return None
            if not _is_ended(connection):
                return connection
            connection.close()
        return None

    def put(self, connection: http.client.HTTPSConnection) -> None:
        """Keep one whose last answer was read whole."""
        self._connections.append(connection)

    def __del__(self) -> None:
        for connection in self._connections:
            connection.close()


def _is_ended(connection: http.client.HTTPSConnection) -> bool:
    """Return whether a connection without a request was ended: there is something to read then."""
    if connection.sock is None:
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


class Api:
    """The API server as one user sees it; safe to use from several threads.

    No request is ever sent twice: one whose connection breaks fails.
    """

    def __init__(self, kubeconfig: Path) -> None:
        document = yaml.safe_load(kubeconfig.read_text())
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        self.url = cluster["server"]
        self._address = urlsplit(self.url)
        self.headers = {"Accept": "application/json"}
        self._idle = _Idle()
        self._context = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
        if "token" in user:
            self.headers["Authorization"] = f"Bearer {user['token']}"
            return
        # The ssl module takes a key from a file only.
        with tempfile.TemporaryDirectory() as folder:
            pair = Path(folder) / "pair.pem"
            pair.touch(mode=0o600)
            pair.write_bytes(
                b"".join(
                    base64.b64decode(user[key])
                    for key in ("client-certificate-data", "client-key-data")
                )
            )
            self._context.load_cert_chain(pair)

    def acting_as(self, user: str, group: str = "") -> Self:
        """Return the API server as somebody else sees it, by impersonation.

        The groups of everybody are added by the server.
        """
        other = copy.copy(self)
        other.headers = {**self.headers, "Impersonate-User": user} | (
            {"Impersonate-Group": group} if group else {}
        )
        return other

    def connect(self) -> http.client.HTTPSConnection:
        """Return a connection of the caller's own, for many requests; each gets `headers`."""
        return http.client.HTTPSConnection(
            self._address.hostname or "", self._address.port, timeout=60, context=self._context
        )

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str | None = None,
        **query: Any,
    ) -> Any:
        """Send one request; return the JSON answer (a string when it is none).

        Raises:
            ApiError: The answer is 400 or above.
            OSError: The API server cannot be reached.
        """
        target = path + (f"?{urlencode(query)}" if query else "")
        connection = self._idle.take() or self.connect()
        try:
            headers = {
                **self.headers,
                **({"Content-Type": content_type} if body is not None else {}),
                **({"Accept": accept} if accept else {}),
            }
            connection.request(
                method, target, body=None if body is None else json.dumps(body), headers=headers
            )
            answer = connection.getresponse()
            raw = answer.read()
        except BaseException:
            connection.close()
            raise
        # http.client has closed it where the server is about to.
        self._idle.put(connection)
        content = _json_or_text(raw)
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise ApiError(
                method,
                target,
                answer.status,
                content if isinstance(content, dict) else {"message": content},
            )
        return content

    def get(self, path: str, **query: Any) -> Json:
        """Return one object."""
        return dict(self.request("GET", path, **query))

    def find(self, path: str) -> Json | None:
        """Return one object, or None where there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.code == http.HTTPStatus.NOT_FOUND:
                return None
            raise

    def list(self, path: str, **query: Any) -> list[Json]:
        """Return the items of a collection; `labelSelector="a=b"` and the like narrow it."""
        return list(self.get(path, **query)["items"])

    def create(self, path: str, body: Json, **query: Any) -> Json:
        """Create an object in a collection; `dryRun="All"` only tries."""
        return dict(self.request("POST", path, body, **query))

    def replace(self, path: str, body: Json, **query: Any) -> Json:
        """Replace an object."""
        return dict(self.request("PUT", path, body, **query))

    def patch(self, path: str, body: Any, *, kind: str = "merge", **query: Any) -> Json:
        """Change an object by merge, json, strategic or apply (which wants `fieldManager`)."""
        return dict(self.request("PATCH", path, body, content_type=_PATCHES[kind], **query))

    def delete(self, path: str, **options: object) -> Json:
        """Delete an object; options as in DeleteOptions.

        `gracePeriodSeconds=0`, `preconditions={"uid": ...}`.
        """
        return dict(self.request("DELETE", path, options or None))

    def create_namespace(self, name: str, labels: Json | None = None) -> Json:
        """Create a namespace."""
        return self.create(
            "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels or {}}}
        )


def _json_or_text(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")
