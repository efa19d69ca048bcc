"""A transport that answers as a test says: each request is a value, each answer a function."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from glovebox.kube.transport import Answer, Credentials, Stream


@dataclass(frozen=True)
class Asked:
    """One request as the transport got it."""

    method: str
    path: str
    params: Mapping[str, str]
    body: dict[str, Any] | None
    timeout_seconds: float
    user: str


Answering = Callable[[Asked], "Answer | Awaitable[Answer]"]
Watching = Callable[[Asked], "AsyncIterator[bytes] | int"]


@dataclass(frozen=True)
class User:
    """Credentials that are nothing but a name."""

    name: str
    server: str = "https://api"

    def as_http_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.name}"}

    def as_ssl_context(self) -> Any:
        raise NotImplementedError


@dataclass
class Wire:
    """Makes transports, and remembers what went over them."""

    answer: Answering
    watch: Watching = lambda _: 500
    content_type: str = "application/json"
    asked: list[Asked] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def transport(self, credentials: Credentials) -> ScriptedTransport:
        """Make a transport for one user."""
        return ScriptedTransport(self, credentials.as_http_headers()["Authorization"][7:])


class ScriptedTransport:
    """Carries nothing anywhere."""

    def __init__(self, wire: Wire, user: str) -> None:
        self._wire = wire
        self._user = user

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str],
        body: bytes | None,
        content_type: str,
        timeout_seconds: float,
    ) -> Answer:
        del content_type
        data = orjson.loads(body) if body is not None else None
        asked = Asked(method, path, dict(params), data, timeout_seconds, self._user)
        self._wire.asked.append(asked)
        answer = self._wire.answer(asked)
        return await answer if inspect.isawaitable(answer) else answer

    @asynccontextmanager
    async def stream(
        self, path: str, *, params: Mapping[str, str], silence_seconds: float
    ) -> AsyncIterator[Stream]:
        asked = Asked("WATCH", path, dict(params), None, silence_seconds, self._user)
        self._wire.asked.append(asked)
        yield _Scripted(self._wire.watch(asked), self._wire.content_type)

    async def close(self) -> None:
        self._wire.closed.append(self._user)


class _Scripted:
    def __init__(self, said: AsyncIterator[bytes] | int, content_type: str) -> None:
        self._said = said
        self.content_type = content_type

    @property
    def status(self) -> int:
        return self._said if isinstance(self._said, int) else 200

    async def chunks(self) -> AsyncIterator[bytes]:
        if isinstance(self._said, int):
            yield orjson.dumps({"kind": "Status", "code": self._said})
            return
        async for chunk in self._said:
            yield chunk


def answered(status: int, body: Mapping[str, Any] | None = None, **headers: str) -> Answer:
    """Make an answer, a Status where it refuses; header names with underscores for dashes."""
    lower = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    kind = {"kind": "Status"} if status >= 400 else {}
    return Answer(status, orjson.dumps({**kind, **(body or {})}), lower)
