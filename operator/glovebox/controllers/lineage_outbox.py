"""Delivers events of lineage: each destination has its own line, and none waits for another.

    notes in the cluster -> line -> the event is read from the store -> posted -> the note goes

Only the leader delivers. Everything that matters is in the notes: this process remembers no more
than whose turn it is. An event that was posted and whose note could not be taken away is posted
again by the next process at most, never by this one.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from pydantic import ValidationError

from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.lineage_notes import (
    leave_undelivered,
    letter_of,
    read_notes,
    take_away,
)
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import note_refusal, open_store
from glovebox.errors import GloveboxError, NotReady
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import EXPERIMENT, OBJECT_STORE, SECRET
from glovebox.kube.resources import Key
from glovebox.lineage.dialects import as_sent
from glovebox.lineage.line import Letter, Line
from glovebox.lineage.sending import Answer, Sender
from glovebox.metrics.lineage import Waiting
from glovebox.settings import LineageDestination
from glovebox.store.lineage_records import read_lineage

log = structlog.get_logger(__name__)
# A record that is not there for so long does not come back by itself.
UNREADABLE_SECONDS: Final = 7 * 24 * 3600.0
_READ_AGAIN_SECONDS: Final = 5.0
_TOKEN: Final = "token"  # noqa: S105 - the name of a key


@dataclass(slots=True)
class _Desk:
    """One destination, and what waits for it."""

    destination: LineageDestination
    line: Line
    news: asyncio.Event = field(default_factory=asyncio.Event)
    # Delivered, and their notes still to be taken away.
    delivered: set[str] = field(default_factory=set)


class Outbox:
    """The lines of all destinations.

    Args:
        ports: The outside world.
        sender: Posts events.
    """

    def __init__(self, ports: Ports, sender: Sender) -> None:
        self._ports = ports
        self._sender = sender
        self._desks = {
            destination.name: _Desk(destination, Line(ports.jitter))
            for destination in ports.settings.lineage.destinations
        }

    def waiting(self) -> Mapping[str, Waiting]:
        """Return what waits for each destination."""
        return {
            name: Waiting(len(desk.line), desk.line.oldest, desk.line.is_up)
            for name, desk in self._desks.items()
        }

    def noted(self, note: Mapping[str, Any]) -> None:
        """Take in a note that is in the cluster."""
        try:
            letter = letter_of(note)
        except (ValueError, KeyError, TypeError):
            # Of a newer version, or edited: no reason to leave the others undelivered.
            log.exception("a note of lineage cannot be read", note=note["metadata"].get("name"))
            return
        desk = self._desks.get(letter.destination)
        # What is for a destination that is not configured waits until it is, or somebody deletes
        # the note.
        if desk is not None and desk.line.add(letter):
            desk.news.set()

    async def read(self) -> None:
        """Take in every note that there is.

        Raises:
            GloveboxError: The API server failed.
        """
        if self._desks:
            for note in await read_notes(self._ports):
                self.noted(note)

    async def run(self) -> None:
        """Deliver until cancelled."""
        if not self._desks:
            return
        while True:
            try:
                await self.read()
                break
            except GloveboxError as error:
                log.warning("the notes of lineage cannot be read yet", error=error.message)
                await asyncio.sleep(_READ_AGAIN_SECONDS)
        async with asyncio.TaskGroup() as group:
            for desk in self._desks.values():
                group.create_task(self._serve(desk))

    async def _serve(self, desk: _Desk) -> None:
        while True:
            desk.news.clear()
            letter = desk.line.next(self._ports.clock())
            if letter is None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(desk.line.wait_seconds(self._ports.clock())):
                        await desk.news.wait()
                continue
            try:
                await self._deliver(desk, letter)
            except GloveboxError as error:
                note_refusal(self._ports, error)
                log.warning(
                    "an event of lineage cannot be delivered yet",
                    destination=letter.destination,
                    experiment=f"{letter.team}/{letter.experiment}",
                    error=error.message,
                )
                desk.line.postpone(letter, self._ports.clock())
            except Exception:
                log.exception("a bug: an event of lineage could not be delivered")
                desk.line.postpone(letter, self._ports.clock())

    async def _deliver(self, desk: _Desk, letter: Letter) -> None:
        """Try one letter.

        Raises:
            GloveboxError: It could not be read, or its note not be taken away.
        """
        if letter.name not in desk.delivered:
            event = await self._read(letter)
            if event is None:
                await self._miss(desk, letter)
                return
            body = as_sent(event, desk.destination.dialect)
            if len(body) > desk.destination.max_bytes:
                why = (
                    f"it has {len(body):,} bytes, and `maxBytes` is {desk.destination.max_bytes:,}"
                )
                await self._give_up(desk, letter, "size", why)
                return
            if not await self._post(desk, letter, body):
                return
            desk.delivered.add(letter.name)
        await take_away(self._ports, letter)
        desk.delivered.discard(letter.name)
        desk.line.drop(letter)

    async def _post(self, desk: _Desk, letter: Letter, body: bytes) -> bool:
        """Post a letter; return whether the destination has it."""
        ports, name = self._ports, letter.destination
        token = await self._token(desk.destination)
        began = ports.clock()
        answer = await self._sender.send(desk.destination, token, body)
        now = ports.clock()
        ports.lineage.duration.observe(now - began)
        ports.lineage.deliveries.labels(name, answer.meaning).inc()
        if answer.meaning == "delivered":
            desk.line.answered()
            return True
        if answer.meaning == "failed":
            rest = desk.line.failed(now, answer.retry_seconds)
            self._warn(letter, answer, rest=round(rest, 1))
        elif desk.line.refused(letter, now):
            said = f": {answer.words}" if answer.words else ""
            await self._give_up(desk, letter, "refused", f"it answers {answer.code}{said}")
        else:
            self._warn(letter, answer)
        return False

    def _warn(self, letter: Letter, answer: Answer, **more: Any) -> None:
        log.warning(
            "a destination did not take an event of lineage; it is tried again",
            destination=letter.destination,
            experiment=f"{letter.team}/{letter.experiment}",
            code=answer.code,
            said=answer.words,
            **more,
        )

    async def _read(self, letter: Letter) -> bytes | None:
        """Return the locked event of a letter; None where it is not in its store.

        Raises:
            GloveboxError: The store does not answer, or is none any more.
        """
        key = Key(OBJECT_STORE.kind, "", letter.store)
        try:
            store = self._ports.resources.parsed(key, ObjectStore)
        except ValidationError:
            store = None
        if store is None:
            return None
        connection = await open_store(self._ports, store)
        return await connection.run_job(
            lambda stop: read_lineage(connection, letter.bucket, letter.key, stop)
        )

    async def _miss(self, desk: _Desk, letter: Letter) -> None:
        """Look again later for a record that is not there; give it up after a week."""
        if self._ports.now().timestamp() - letter.noted < UNREADABLE_SECONDS:
            desk.line.postpone(letter, self._ports.clock())
            return
        why = f"s3://{letter.bucket}/{letter.key} is not in ObjectStore `{letter.store}`"
        await self._give_up(desk, letter, "record", why)

    async def _give_up(self, desk: _Desk, letter: Letter, reason: str, why: str) -> None:
        """Make a dead letter of it: kept to be looked at, told, and out of the way of others.

        Raises:
            GloveboxError: The API server failed; the next attempt comes here again.
        """
        ports = self._ports
        await leave_undelivered(ports, letter, why)
        await take_away(ports, letter)
        desk.line.drop(letter)
        ports.lineage.dead.labels(letter.destination, reason).inc()
        message = f"event {letter.type} is given up for destination `{letter.destination}`: {why}"
        log.warning("an event of lineage is given up", key=letter.key, why=message)
        obj = ports.resources.get(Key(EXPERIMENT.kind, letter.team, letter.experiment))
        if obj is not None and obj["metadata"]["uid"] == letter.uid:
            ports.events.warning(obj, reasons.LINEAGE_UNDELIVERED, message, action="Deliver")

    async def _token(self, destination: LineageDestination) -> str:
        """Return the bearer token of a destination, read each time: it may have been rotated.

        Raises:
            NotReady: It is not there.
        """
        if not destination.secret_name:
            return ""
        namespace = self._ports.settings.namespace
        try:
            secret = await self._ports.reader.get(SECRET, namespace, destination.secret_name)
            text = (secret.get("data") or {}).get(_TOKEN, "")
            token = base64.b64decode(text, validate=True).decode("ascii").strip()
        except (NotFound, binascii.Error, UnicodeDecodeError):
            token = ""
        if not token or not token.isprintable():
            raise NotReady(
                reasons.LINEAGE_UNDELIVERED,
                f"Secret `{destination.secret_name}` in `{namespace}` holds no key `{_TOKEN}` for"
                f" destination `{destination.name}`",
            )
        return token
