"""Delivers events of lineage: each destination has a queue of its own, and none waits for another.

    notes in the cluster -> queue -> the event is read from the store -> posted -> the note goes

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

import orjson
import structlog
from pydantic import ValidationError

from glovebox import names
from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.lineage_notes import (
    leave_undelivered,
    pending_of,
    read_notes,
    take_away,
)
from glovebox.controllers.looking import earlier
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import note_refusal, open_store
from glovebox.errors import GloveboxError, NotReady
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import EXPERIMENT, OBJECT_STORE, SECRET
from glovebox.kube.resources import Key
from glovebox.lineage.delivery_queue import DeliveryQueue, PendingEvent
from glovebox.lineage.dialects import as_sent
from glovebox.lineage.read_back import Kept, ReadBack
from glovebox.lineage.sending import Answer, Sender
from glovebox.metrics.lineage import Waiting
from glovebox.settings import LineageDestination
from glovebox.store.lineage_records import read_lineage

log = structlog.get_logger(__name__)
# A record that is not there for so long does not come back by itself.
UNREADABLE_SECONDS: Final = 7 * 24 * 3600.0
_READ_AGAIN_SECONDS: Final = 5.0
READ_EVERY_SECONDS: Final = 600.0
_TOKEN: Final = "token"  # noqa: S105 - the name of a key


@dataclass(slots=True)
class _Destination:
    """One destination, and what waits for it."""

    settings: LineageDestination
    queue: DeliveryQueue
    news: asyncio.Event = field(default_factory=asyncio.Event)
    # Delivered, and their notes still to be taken away.
    delivered: set[str] = field(default_factory=set)
    read_back: ReadBack = field(default_factory=ReadBack)


class Outbox:
    """The queues of all destinations.

    Args:
        ports: The outside world.
        sender: Posts events.
    """

    def __init__(self, ports: Ports, sender: Sender) -> None:
        self._ports = ports
        self._sender = sender
        self._destinations = {
            destination.name: _Destination(destination, DeliveryQueue(ports.jitter))
            for destination in ports.settings.lineage.destinations
        }

    def waiting(self) -> Mapping[str, Waiting]:
        """Return what waits for each destination."""
        return {
            name: Waiting(len(to.queue), to.queue.oldest, to.queue.is_up, to.read_back.is_kept)
            for name, to in self._destinations.items()
        }

    def noted(self, note: Mapping[str, Any]) -> None:
        """Take in a note that is in the cluster."""
        try:
            event = pending_of(note)
        except (ValueError, KeyError, TypeError):
            # Of a newer version, or edited: no reason to leave the others undelivered.
            log.exception("a note of lineage cannot be read", note=note["metadata"].get("name"))
            return
        to = self._destinations.get(event.destination)
        # What is for a destination that is not configured waits until it is, or somebody deletes
        # the note.
        if to is not None and to.queue.add(event):
            to.news.set()

    async def read(self) -> None:
        """Take in every note that there is.

        Raises:
            GloveboxError: The API server failed.
        """
        if self._destinations:
            for note in await read_notes(self._ports):
                self.noted(note)

    async def run(self) -> None:
        """Deliver until cancelled."""
        if not self._destinations:
            return
        while True:
            try:
                await self.read()
                break
            except GloveboxError as error:
                log.warning("the notes of lineage cannot be read yet", error=error.message)
                await asyncio.sleep(_READ_AGAIN_SECONDS)
        async with asyncio.TaskGroup() as group:
            for to in self._destinations.values():
                group.create_task(self._serve(to))
            group.create_task(self._read_on())

    async def _read_on(self) -> None:
        """Take in notes that somebody else labelled: what was given up is to be sent again."""
        while True:
            await asyncio.sleep(READ_EVERY_SECONDS)
            try:
                await self.read()
            except GloveboxError as error:
                log.warning("the notes of lineage cannot be read", error=error.message)

    async def _serve(self, to: _Destination) -> None:
        while True:
            to.news.clear()
            await self._ask(to)
            now = self._ports.clock()
            event = to.queue.next(now)
            if event is None:
                waits = (to.queue.wait_seconds(now), to.read_back.wait_seconds(now))
                with suppress(TimeoutError):
                    async with asyncio.timeout(earlier(*waits)):
                        await to.news.wait()
                continue
            try:
                await self._deliver(to, event)
            except GloveboxError as error:
                self._told(event, error)
                to.queue.postpone(event, self._ports.clock())
            except Exception:
                log.exception("a bug: an event of lineage could not be delivered")
                to.queue.postpone(event, self._ports.clock())

    async def _deliver(self, to: _Destination, event: PendingEvent) -> None:
        """Try one event.

        Raises:
            GloveboxError: Its note could not be taken away.
        """
        if event.name not in to.delivered:
            try:
                record = await self._read(event)
            except GloveboxError as error:
                # What lies in other stores does not wait for this one, an attempt at a time.
                self._told(event, error)
                to.queue.unread(event, self._ports.clock())
                return
            to.queue.was_read(event)
            if record is None:
                await self._miss(to, event)
                return
            body = as_sent(record, to.settings.dialect)
            if len(body) > to.settings.max_bytes:
                why = f"it has {len(body):,} bytes, and `maxBytes` is {to.settings.max_bytes:,}"
                await self._give_up(to, event, "size", why)
                return
            if not await self._post(to, event, body):
                return
            to.delivered.add(event.name)
            if to.settings.read_url:
                run = str(orjson.loads(record)["run"]["runId"])
                to.read_back.delivered(run, event.type, self._ports.clock())
        await take_away(self._ports, event)
        to.delivered.discard(event.name)
        to.queue.drop(event)

    async def _post(self, to: _Destination, event: PendingEvent, body: bytes) -> bool:
        """Post an event; return whether the destination has it."""
        ports, name = self._ports, event.destination
        try:
            token = await self._token(to.settings)
        except GloveboxError as error:
            self._told(event, error)
            to.queue.failed(event, ports.clock())  # of no event at all it could be told now
            return False
        began = ports.clock()
        answer = await self._sender.send(to.settings, token, body)
        now = ports.clock()
        ports.lineage.duration.observe(now - began)
        ports.lineage.deliveries.labels(name, answer.meaning).inc()
        if answer.meaning == "delivered":
            to.queue.answered()
            return True
        if answer.meaning == "failed":
            rest = to.queue.failed(event, now, answer.retry_seconds)
            self._warn(event, answer, rest=round(rest, 1))
        elif to.queue.refused(event, now):
            said = f": {answer.words}" if answer.words else ""
            await self._give_up(to, event, "refused", f"it answers {answer.code}{said}")
        else:
            self._warn(event, answer)
        return False

    async def _ask(self, to: _Destination) -> None:
        """Ask for the run whose turn it is; what cannot be asked for now is asked for later."""
        run = to.read_back.next(self._ports.clock())
        if not run:
            return
        kept: Kept = "unknown"
        try:
            token = await self._token(to.settings)
            kept = await self._sender.ask(to.settings, token, run)
        except GloveboxError as error:
            note_refusal(self._ports, error)
        except Exception:
            log.exception("a bug: a destination of lineage could not be asked for a run")
        if to.read_back.answered(kept, self._ports.clock()):
            log.warning(
                "a destination took the end of a run, and does not know the run",
                destination=to.settings.name,
                run=run,
            )

    def _told(self, event: PendingEvent, error: GloveboxError) -> None:
        note_refusal(self._ports, error)
        log.warning(
            "an event of lineage cannot be delivered yet",
            destination=event.destination,
            experiment=f"{event.team}/{event.experiment}",
            error=error.message,
        )

    def _warn(self, event: PendingEvent, answer: Answer, **more: Any) -> None:
        log.warning(
            "a destination did not take an event of lineage; it is tried again",
            destination=event.destination,
            experiment=f"{event.team}/{event.experiment}",
            code=answer.code,
            said=answer.words,
            **more,
        )

    async def _read(self, event: PendingEvent) -> bytes | None:
        """Return the locked record of an event; None where it is not in its store.

        Raises:
            GloveboxError: The store does not answer, or is none any more.
        """
        key = Key(OBJECT_STORE.kind, "", event.store)
        try:
            store = self._ports.resources.parsed(key, ObjectStore)
        except ValidationError:
            store = None
        if store is None:
            return None
        connection = await open_store(self._ports, store)
        return await connection.run_job(
            lambda stop: read_lineage(connection, event.bucket, event.key, stop)
        )

    async def _miss(self, to: _Destination, event: PendingEvent) -> None:
        """Look again later for a record that is not there; give it up after a week."""
        if self._ports.now().timestamp() - event.noted < UNREADABLE_SECONDS:
            to.queue.postpone(event, self._ports.clock())
            return
        why = f"s3://{event.bucket}/{event.key} is not in ObjectStore `{event.store}`"
        await self._give_up(to, event, "record", why)

    async def _give_up(self, to: _Destination, event: PendingEvent, reason: str, why: str) -> None:
        """Make a dead letter of it: kept to be looked at, told, and out of the way of others.

        Raises:
            GloveboxError: The API server failed; the next attempt comes here again.
        """
        ports = self._ports
        # What a person asked to send again has its note already, which stays as they labelled it.
        if not event.name.startswith(names.UNDELIVERED_PREFIX):
            await leave_undelivered(ports, event, why)
            await take_away(ports, event)
        to.queue.drop(event)
        ports.lineage.dead.labels(event.destination, reason).inc()
        message = f"event {event.type} is given up for destination `{event.destination}`: {why}"
        log.warning("an event of lineage is given up", key=event.key, why=message)
        obj = ports.resources.get(Key(EXPERIMENT.kind, event.team, event.experiment))
        if obj is not None and obj["metadata"]["uid"] == event.uid:
            ports.events.warning(obj, reasons.LINEAGE_UNDELIVERED, message, action="Deliver")

    async def _token(self, destination: LineageDestination) -> str:
        """Return the bearer token of a destination, read each time: it may have been rotated.

        Raises:
            GloveboxError: It is not there, or the API server failed.
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
