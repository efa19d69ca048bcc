"""What the outbox does with one event: what it cannot read, what is too long, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from glovebox.api import reasons
from glovebox.controllers import lineage_outbox
from glovebox.controllers.lineage_outbox import UNREADABLE_SECONDS, Outbox
from glovebox.controllers.ports import Ports
from glovebox.errors import Unavailable
from glovebox.lineage.delivery_queue import PendingEvent
from glovebox.lineage.read_back import Kept
from glovebox.lineage.sending import Answer
from glovebox.metrics.lineage import LineageMetrics
from glovebox.settings import Lineage, LineageDestination

NOW = datetime(2026, 11, 27, tzinfo=UTC)
EVENT = PendingEvent(
    name="note",
    note_uid="n",
    destination="consumer",
    team="team-a",
    experiment="x",
    uid="uid",
    type="START",
    time="2026-11-25T11:00:00Z",
    store="primary",
    bucket="artifacts",
    key="k",
    digest="sha256:0",
    noted=NOW.timestamp(),
)


@dataclass
class Played:
    """An outbox, what its store says, and what came of an event."""

    record: bytes | Exception | None = b"{}"
    is_held: bool = False
    sent: list[bytes] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    async def send(self, destination: LineageDestination, token: str, body: bytes) -> Answer:
        del destination, token
        self.sent.append(body)
        return Answer(200)

    async def ask(self, destination: LineageDestination, token: str, run: str) -> Kept:
        raise AssertionError(f"{destination.name} is asked for {run}, with {len(token)} letters")

    async def run_job(self, job: object) -> bytes | None:
        del job
        self.read.append("store")
        if isinstance(self.record, Exception):
            raise self.record
        return self.record


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def outbox(played: Played, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    async def opened(*_: Any) -> Played:
        return played

    async def leave(ports: object, event: PendingEvent, why: str) -> None:
        del ports, event
        played.given_up.append(why)

    async def take(ports: object, event: PendingEvent) -> None:
        del ports
        if played.is_held:
            raise Unavailable(reasons.STORE_UNREACHABLE, "the API server does not answer")
        played.gone.append(event.name)

    monkeypatch.setattr(lineage_outbox, "open_store", opened)
    monkeypatch.setattr(lineage_outbox, "note_refusal", lambda *_: None)
    monkeypatch.setattr(lineage_outbox, "leave_undelivered", leave)
    monkeypatch.setattr(lineage_outbox, "take_away", take)
    destination = LineageDestination(name="consumer", url="https://lineage.invalid/", maxBytes=1024)
    ports = SimpleNamespace(
        settings=SimpleNamespace(lineage=Lineage(enabled=True, destinations=(destination,))),
        jitter=lambda: 0.5,
        clock=lambda: 0.0,
        now=lambda: NOW,
        resources=SimpleNamespace(parsed=lambda *_: object(), get=lambda _: None),
        lineage=LineageMetrics(CollectorRegistry(), ["consumer"]),
    )
    return Outbox(cast("Ports", ports), played)


async def deliver(outbox: Outbox, event: PendingEvent) -> None:
    to = outbox._destinations["consumer"]
    to.queue.add(event)
    await outbox._deliver(to, event)


async def test_what_is_longer_than_a_destination_takes_is_given_up_and_not_sent(
    outbox: Outbox, played: Played
) -> None:
    played.record = b"x" * 1025
    await deliver(outbox, EVENT)
    assert (played.sent, played.gone) == ([], ["note"])
    assert played.given_up == ["it has 1,025 bytes, and `maxBytes` is 1,024"]


@pytest.mark.parametrize(("late", "given_up"), [(0.0, False), (-1.0, False), (1.0, True)])
async def test_a_record_that_is_not_there_is_looked_for_a_week(
    outbox: Outbox, played: Played, late: float, given_up: object
) -> None:
    played.record = None
    wait = timedelta(seconds=UNREADABLE_SECONDS + late if late else 0.0)
    await deliver(outbox, replace(EVENT, noted=(NOW - wait).timestamp()))
    assert bool(played.given_up) is given_up
    assert bool(played.gone) is given_up


async def test_a_store_that_does_not_answer_is_not_asked_for_its_next_event(
    outbox: Outbox, played: Played
) -> None:
    queue = outbox._destinations["consumer"].queue
    other = replace(EVENT, name="other", uid="other")
    elsewhere = replace(EVENT, name="elsewhere", uid="elsewhere", bucket="elsewhere")
    played.record = Unavailable(reasons.STORE_UNREACHABLE, "it does not answer")
    await deliver(outbox, EVENT)
    queue.add(other)
    queue.add(elsewhere)
    assert queue.next(0.0) == elsewhere
    assert (played.given_up, played.gone) == ([], [])
    # One answer, and all that lies there has its turn again.
    played.record = b"{}"
    await deliver(outbox, other)
    queue.drop(elsewhere)
    assert queue.next(0.0) == EVENT


async def test_what_is_delivered_is_not_sent_again_because_its_note_stays(
    outbox: Outbox, played: Played
) -> None:
    played.is_held = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            await deliver(outbox, EVENT)
    played.is_held = False
    await deliver(outbox, EVENT)
    assert (played.sent, played.gone) == ([b"{}"], ["note"])
