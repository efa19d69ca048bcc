"""A bare client of the API server, to measure the ceiling: aiohttp and orjson, one pool."""

from __future__ import annotations

import base64
import ssl
import statistics
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
import orjson
import yaml

Json = dict[str, Any]
CONNECTIONS = 32


class RefusedError(Exception):
    """The API server answered with an error: unless it was expected, the measurement is void."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Raw:
    """One pool of connections as one user.

    Args:
        kubeconfig: Of that user.
        connections: Bound of the pool.
    """

    def __init__(self, kubeconfig: Path, connections: int = CONNECTIONS) -> None:
        document = yaml.safe_load(kubeconfig.read_text())
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        self._server = cluster["server"]
        self._context = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
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
        self._connections = connections
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            base_url=self._server,
            connector=aiohttp.TCPConnector(limit=self._connections, ssl=self._context),
            timeout=aiohttp.ClientTimeout(total=300),
            headers={"Accept": "application/json", "User-Agent": "glovebox-bench"},
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()

    async def send(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> Json:
        """Send one request and return the answer.

        Raises:
            RefusedError: The answer is no success.
        """
        data = None if body is None else orjson.dumps(body)
        async with self._session.request(
            method, path, data=data, headers={"Content-Type": content_type}
        ) as answer:
            raw = await answer.read()
            if answer.status >= 300:
                raise RefusedError(
                    answer.status,
                    f"{method} {path}: {answer.status}: {raw[:500].decode(errors='replace')}",
                )
            result: Json = orjson.loads(raw)
            return result

    async def version(self, path: str) -> str:
        """Return the resource version of a collection as it is now."""
        answer = await self.send("GET", f"{path}?limit=1")
        return str(answer["metadata"]["resourceVersion"])

    async def watch(self, path: str, version: str) -> AsyncIterator[Json]:
        """Yield what happens in a collection after that version, for ever."""
        parameters = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "3600"}
        async with self._session.get(
            path, params=parameters, timeout=aiohttp.ClientTimeout(total=None)
        ) as answer:
            rest = b""
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line:
                        yield orjson.loads(line)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the values lies; 0 when there are none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(seconds: Sequence[float]) -> Json:
    """Return count, median, p95 and the largest value, in milliseconds."""
    if not seconds:
        return {"count": 0, "p50": 0.0, "p95": 0.0, "max": 0.0}
    milli = [value * 1000 for value in seconds]
    return {
        "count": len(milli),
        "p50": statistics.median(milli),
        "p95": percentile(milli, 0.95),
        "max": max(milli),
    }
