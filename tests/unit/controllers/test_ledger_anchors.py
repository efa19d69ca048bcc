"""Who is asked to learn of a ledger's head, and when: a fake witness, and the real task runner."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.api.ledger_anchors import LedgerAnchor
from glovebox.api.object_store import ObjectStore
from glovebox.api.store_ledger import StoreLedgerStatus
from glovebox.controllers import ledger_anchors
from glovebox.controllers.ledger_anchors import AnchorsLook, forget_anchors, look_after_anchors
from glovebox.controllers.ports import LedgerHead
from glovebox.engine.tasks import TaskRunner
from glovebox.errors import GloveboxError, InvalidInput, Unavailable
from glovebox.kube.resources import Key
from glovebox.ledger.checkpoint import Head
from glovebox.ledger.note import COSIGNATURE, vkey_of
from support.ledger_logs import LOG_KEY, SIGNER

WITNESS_KEY = vkey_of("w", SIGNER.public, COSIGNATURE).text
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
WITNESS = {"name": "w1", "key": "w+00000000+aa==", "url": "http://w.example"}
AUTHORITY = {
    "url": "http://tsa.example",
    "caBundle": "-----BEGIN CERTIFICATE-----\n",
    "intervalSeconds": 600,
}


class World:
    """A process that looks after one store; `answer` is what everybody says."""

    def __init__(self, **ledger: Any) -> None:
        self.now, self.answer = NOW, NOW - timedelta(seconds=1)  # type: datetime, datetime
        self.error: GloveboxError | None = None
        self.asked = 0
        self.lag: dict[tuple[str, str], float] = {}
        self.known: tuple[LedgerAnchor, ...] = ()
        self.tasks = TaskRunner(lambda _: None, limits={}, now=lambda: self.now, jitter=lambda: 0.5)
        gauge = SimpleNamespace(
            labels=lambda *names: SimpleNamespace(
                set=lambda value: self.lag.update({names: value})
            ),
            remove=lambda *names: self.lag.pop(names),
        )
        self.ports: Any = SimpleNamespace(
            tasks=self.tasks,
            ledger_heads={},
            now=lambda: self.now,
            metrics=SimpleNamespace(
                ledger_anchor_lag=gauge, on_store=lambda _: contextlib.AsyncExitStack()
            ),
        )
        self.declare(**ledger)

    def declare(self, **ledger: Any) -> None:
        self.store = ObjectStore.model_validate(
            {
                "metadata": {"name": "primary", "uid": "u1", "generation": 1},
                "spec": {
                    "endpoint": "https://127.0.0.1:9000",
                    "credentialsSecretRef": {"name": "keys"},
                    "artifacts": {"bucket": "results", "worm": "BestEffort"},
                    "ledger": {"organisation": "acme", "keySecretRef": {"name": "k"}, **ledger},
                },
            }
        )

    def grow(self, size: int, epoch: int = 1) -> None:
        self.ports.ledger_heads["u1"] = LedgerHead("acme", epoch, Head(size, bytes(32)))

    async def ask(self, *_: object) -> datetime | GloveboxError:
        self.asked += 1
        if isinstance(self.error, Unavailable):
            raise self.error
        return self.error or self.answer

    async def look(self) -> AnchorsLook:
        """Look, let what was begun end, and look again, as a woken reconcile does."""
        found = look_after_anchors(self.ports, self.store, self.known)
        self._record(found)
        for _ in range(20):
            await asyncio.sleep(0)
        found = look_after_anchors(self.ports, self.store, self.known)
        self._record(found)
        return found

    def _record(self, found: AnchorsLook) -> None:
        status = {
            "organisation": "acme",
            "epoch": 1,
            "size": 1,
            "root": "",
            "anchors": found.anchors,
        }
        self.known = StoreLedgerStatus.model_validate(status).anchors

    def sizes(self) -> dict[str, int]:
        return {each.kind: each.last_size for each in self.known}


@pytest.fixture
async def running(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    world = World(witnesses=[WITNESS], timestamps=AUTHORITY)
    monkeypatch.setattr(ledger_anchors, "in_ledger", world.ask)
    ends = asyncio.get_running_loop().create_task(world.tasks.run())
    yield world
    ends.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ends


async def test_everybody_learns_of_the_first_head_and_nobody_of_none(running: World) -> None:
    found = await running.look()
    assert (running.asked, found.anchors, found.is_pending) == (0, (), True)
    running.grow(0)  # an empty ledger says nothing
    await running.look()
    assert running.asked == 0
    running.grow(3)
    found = await running.look()
    assert (running.asked, running.sizes()) == (2, {"Witness": 3, "Timestamp": 3})
    assert (found.failures, found.is_pending) == ((), False)
    assert {each.last_time for each in running.known} == {running.answer}
    assert set(running.lag.values()) == {0}


async def test_a_head_that_is_known_is_not_asked_for_again(running: World) -> None:
    running.grow(3)
    await running.look()
    running.now += timedelta(days=1)
    found = await running.look()
    assert (running.asked, found.retry_seconds) == (2, None)


async def test_a_witness_is_asked_at_once_and_an_authority_when_it_is_time(
    running: World,
) -> None:
    running.grow(3)
    await running.look()
    running.grow(5)
    running.now += timedelta(seconds=99)
    found = await running.look()
    assert (running.asked, running.sizes()) == (3, {"Witness": 5, "Timestamp": 3})
    assert running.lag[("primary", "Timestamp")] == 2
    assert found.retry_seconds == pytest.approx(500.0)
    running.now += timedelta(seconds=501)
    await running.look()
    assert (running.asked, running.sizes()) == (4, {"Witness": 5, "Timestamp": 5})


async def test_who_does_not_answer_keeps_what_it_knew_and_is_told_of(running: World) -> None:
    running.grow(3)
    await running.look()
    running.error = Unavailable(reasons.LEDGER_NOT_WITNESSED, "could not ask")
    running.grow(5)
    found = await running.look()
    assert running.sizes() == {"Witness": 3, "Timestamp": 3}
    (failure,) = found.failures
    assert (failure.is_failed, failure.attempts, failure.definite) == (True, 1, False)


async def test_who_refuses_is_told_of_as_it_says(running: World) -> None:
    running.error = InvalidInput(reasons.LEDGER_NOT_WITNESSED, "it knows more")
    running.grow(3)
    found = await running.look()
    assert [each.message for each in found.failures] == ["it knows more"] * 2
    assert not any(each.is_failed and not each.definite for each in found.failures)
    assert found.is_pending


async def test_what_was_learnt_of_another_epoch_counts_for_nothing(running: World) -> None:
    running.grow(1204)
    look_after_anchors(running.ports, running.store, ())
    for _ in range(20):
        await asyncio.sleep(0)  # it is asked, and nobody has looked at the answer yet
    running.grow(2, epoch=2)
    await running.look()
    assert running.sizes() == {"Witness": 2, "Timestamp": 2}


async def test_who_is_being_asked_is_not_taken_to_know_it(running: World) -> None:
    """A witness that hangs, or fails since before the process began again: nothing becomes true."""
    running.grow(3)
    await running.look()
    running.grow(5)
    for _ in range(3):  # nobody answers yet
        assert look_after_anchors(running.ports, running.store, running.known).is_pending
    running.error = Unavailable(reasons.LEDGER_NOT_WITNESSED, "could not ask")
    assert (await running.look()).is_pending
    # Another process: it remembers no failure, and has seen no head.
    forget_anchors(running.ports, "primary", "u1")
    running.ports.ledger_heads.clear()
    assert look_after_anchors(running.ports, running.store, running.known).is_pending


@pytest.mark.parametrize("said", [datetime.max.replace(tzinfo=UTC), NOW + timedelta(days=9)])
async def test_a_time_that_is_still_to_come_keeps_nobody_from_asking(
    running: World, said: datetime
) -> None:
    running.declare(timestamps=AUTHORITY)
    running.grow(3)
    await running.look()
    running.known = (running.known[0].model_copy(update={"last_time": said}),)
    running.grow(5)
    assert (await running.look()).retry_seconds == 600
    running.known = (running.known[0].model_copy(update={"last_time": NOW}),)
    running.now += timedelta(seconds=600)
    await running.look()
    assert running.sizes() == {"Timestamp": 5}


async def test_each_is_asked_with_what_the_ledger_locks_and_by_places_of_its_own(
    running: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an anchor keeps is locked as the ledger is; the time is that of the moment it asks."""
    until = NOW + timedelta(days=900)
    writer = SimpleNamespace(retain_until=lambda: until, layout="layout", key="key")
    opened: Any = SimpleNamespace(ledger=SimpleNamespace(writer=writer, place="place"), stop=None)
    asked: list[tuple[int, datetime, datetime]] = []

    async def in_ledger(_ports: Any, _store: Any, _stop: Any, act: Any) -> Any:
        return act(opened)

    monkeypatch.setattr(ledger_anchors, "read_roots", lambda _: [])

    def ask(*arguments: Any, now: datetime) -> datetime:
        asked.append((arguments[2], arguments[-1], now))
        return now

    monkeypatch.setattr(ledger_anchors, "in_ledger", in_ledger)
    monkeypatch.setattr(ledger_anchors, "ask_witness", ask)
    monkeypatch.setattr(ledger_anchors, "ask_authority", ask)
    running.declare(witnesses=[{**WITNESS, "key": WITNESS_KEY}], timestamps=AUTHORITY)
    running.grow(3)
    look_after_anchors(running.ports, running.store, ())
    assert {each for each, _ in running.tasks.counts()} == {"ledger-anchors"}
    await running.look()
    assert asked == [(3, until, NOW)] * 2


async def test_what_a_witness_refuses_says_nothing_against_the_ledger(
    running: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that leaves `in_ledger` closes the ledger: everybody who writes would open it."""
    left: list[BaseException] = []

    async def in_ledger(_ports: Any, _store: Any, _stop: Any, act: Any) -> Any:
        try:
            return act(None)
        except GloveboxError as error:
            left.append(error)
            raise

    def refuse(*_: Any, **__: Any) -> datetime:
        raise InvalidInput(reasons.LEDGER_NOT_TIMESTAMPED, "no")

    monkeypatch.setattr(ledger_anchors, "in_ledger", in_ledger)
    monkeypatch.setattr(ledger_anchors, "_asks_authority", lambda *_: refuse)
    running.declare(witnesses=[{**WITNESS, "key": LOG_KEY.text}], timestamps=AUTHORITY)
    running.grow(3)
    found = await running.look()
    said = [each.message for each in found.failures]
    assert left == []
    assert "is the key of a log, and not of a witness" in said[0]
    assert said[1] == "no"


async def test_whom_the_spec_does_not_name_any_more_is_not_asked(running: World) -> None:
    running.error = Unavailable(reasons.LEDGER_NOT_WITNESSED, "could not ask")
    running.grow(3)
    await running.look()
    running.declare(timestamps=AUTHORITY)
    await running.look()
    owner = Key("ObjectStore", "", "primary")
    assert running.tasks.names(owner) == ("ledger-anchor Timestamp",)
    assert set(running.lag) == {("primary", "Timestamp")}
    forget_anchors(running.ports, "primary", "u1")
    assert (running.tasks.names(owner), running.lag) == ((), {})


async def test_the_series_of_who_answered_goes_with_the_spec(running: World) -> None:
    running.grow(3)
    await running.look()
    assert set(running.lag) == {("primary", "Witness w1"), ("primary", "Timestamp")}
    running.declare(timestamps=AUTHORITY)
    await running.look()
    assert set(running.lag) == {("primary", "Timestamp")}
    forget_anchors(running.ports, "primary", "u1", running.known)
    assert running.lag == {}
