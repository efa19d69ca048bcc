"""Reads that many looks ask for at once: one request answers all who asked before it was sent.

Nobody gets an answer that is older than their question, so this is no cache: who asks while a
request is under way waits for the next one. A burst of Experiments of one team asks for the labels
of the team's namespace with each look, and costs one request for each answer that comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from glovebox.kube.kinds import Kind

Get = Callable[[Kind, str | None, str], Awaitable[dict[str, Any]]]
_Name = tuple[Kind, str | None, str]
_Read = asyncio.Task[dict[str, Any]]


class SharedReads:
    """Remembers what is being read, and forgets it with the answer."""

    def __init__(self) -> None:
        self._under_way: dict[_Name, _Read] = {}
        # Not sent yet: whoever asks now is answered by it.
        self._next: dict[_Name, _Read] = {}

    async def get(self, get: Get, kind: Kind, namespace: str | None, name: str) -> dict[str, Any]:
        """Return an object as it was at some moment after this call; the caller must not change it.

        Args:
            get: Reads it.
            kind: What it is.
            namespace: Where it is.
            name: Its name.

        Raises:
            NotFound: It was not there.
            GloveboxError: No answer; everybody who waits for it learns so.
        """
        key = (kind, namespace, name)
        read = self._next.get(key)
        if read is None:
            read = asyncio.create_task(self._read(get, key))
            # Whoever asked may have been cancelled.
            read.add_done_callback(lambda ended: None if ended.cancelled() else ended.exception())
            self._next[key] = read
        return await asyncio.shield(read)

    async def _read(self, get: Get, key: _Name) -> dict[str, Any]:
        while (former := self._under_way.get(key)) is not None:
            await asyncio.wait([former])
        this = self._under_way[key] = self._next.pop(key)
        try:
            return await get(*key)
        finally:
            if self._under_way.get(key) is this:
                del self._under_way[key]
