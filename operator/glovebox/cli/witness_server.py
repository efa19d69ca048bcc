"""The process of a witness: HTTP in front of `ledger/witness`, and its state in a folder.

For each log one file holds the newest checkpoint that was signed. It is replaced in one step, and
is on the disk, before the signature leaves the process. Between reading and replacing it nobody
else does either: requests come one after the other, and a second process on the same folder ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from aiohttp import web

from glovebox.api import reasons
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.ledger.witness import MAX_REQUEST, TEXT_TYPE, Answer, Witness, kept_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LOCK: Final = "lock"


class WitnessState:
    """The newest checkpoint of each log, in a folder that this process has alone.

    Args:
        folder: Made where it is not there.

    Raises:
        InvalidInput: Another witness has it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock: IO[bytes] = (folder / _LOCK).open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise InvalidInput(
                reasons.LEDGER_INVALID, f"another witness keeps its state in {folder}"
            ) from None

    def load(self, origin: str) -> bytes | None:
        """Return the checkpoint that was kept last, or None."""
        path = self._path(origin)
        return path.read_bytes() if path.exists() else None

    def keep(self, origin: str, checkpoint: bytes) -> None:
        """Replace the checkpoint of a log, and return when it is on the disk."""
        path = self._path(origin)
        incoming = path.with_suffix(".incoming")
        with incoming.open("wb") as file:
            file.write(checkpoint)
            file.flush()
            os.fsync(file.fileno())
        incoming.replace(path)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def check(self, origins: Iterable[str]) -> None:
        """Refuse to begin with a state that cannot be read.

        Raises:
            InvalidInput: What is kept of a log is no checkpoint.
        """
        for origin in origins:
            kept = self.load(origin)
            if kept is not None:
                kept_head(kept)

    def close(self) -> None:
        """Give the folder free."""
        self._lock.close()

    def _path(self, origin: str) -> Path:
        return self._folder / hashlib.sha256(origin.encode()).hexdigest()


def application(witness: Witness, state: WitnessState) -> web.Application:
    """Return the HTTP application of a witness."""
    alone = threading.Lock()

    def decide(body: bytes) -> Answer:
        # Held by the thread and not by the request: a client that goes away ends the request, and
        # must not let the next one in before this is kept.
        with alone:
            answer = witness.add_checkpoint(body, state.load)
            if answer.kept is not None:
                state.keep(answer.origin, answer.kept)
            return answer

    async def add_checkpoint(request: web.Request) -> web.Response:
        body = await request.read()
        answer = await asyncio.to_thread(decide, body)
        return web.Response(
            status=answer.status, body=answer.body.encode(), content_type=answer.content_type
        )

    async def checkpoint(request: web.Request) -> web.Response:
        wanted = request.match_info["origin"]
        for origin in witness.origins:
            if hashlib.sha256(origin.encode()).hexdigest() == wanted:
                kept = await asyncio.to_thread(state.load, origin)
                if kept is not None:
                    return web.Response(body=kept, content_type=TEXT_TYPE)
        return web.Response(status=404, text="nothing was signed of that log\n")

    app = web.Application(client_max_size=MAX_REQUEST, middlewares=[_failing])
    app.router.add_post("/add-checkpoint", add_checkpoint)
    app.router.add_get("/{origin:[0-9a-f]{64}}/checkpoint", checkpoint)
    return app


@web.middleware
async def _failing(
    request: web.Request,
    handler: Callable[[web.Request], object],
) -> web.StreamResponse:
    try:
        return await handler(request)  # type: ignore[misc,no-any-return]  # aiohttp's own type
    except (GloveboxError, OSError):
        # Nothing was signed that is not kept; why is for the witness's own log.
        request.app.logger.exception("the witness could not answer")
        return web.Response(status=500, text="the witness could not sign: see its log\n")


@asynccontextmanager
async def serve(witness: Witness, folder: Path, host: str, port: int) -> AsyncIterator[int]:
    """Serve until the block ends; gives the port.

    Raises:
        InvalidInput: The state cannot be read, or another witness has it.
        OSError: The port is taken.
    """
    state = WitnessState(folder)
    runner = web.AppRunner(application(witness, state), access_log=None)
    try:
        state.check(witness.origins)
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
        state.close()
