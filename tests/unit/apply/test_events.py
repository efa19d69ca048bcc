"""Events are not repeated, not unbounded, not urgent, and never a failure."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api.scalars import DNS_SUBDOMAIN
from glovebox.apply.events import (
    BURST,
    MOST_PENDING,
    REFILL_SECONDS,
    REPEAT_SECONDS,
    URGENCY,
    EventRecorder,
)
from glovebox.kube.gate import urgency
from support.virtual_time import now, run


def experiment(name: str = "e") -> dict[str, Any]:
    return {
        "apiVersion": "glovebox.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {
            "name": name,
            "namespace": "team",
            "uid": f"uid-{name}",
            "resourceVersion": "7",
        },
    }


class Posted:
    """Takes Events in place of an API server."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.urgencies: list[int] = []
        self.dropped: Counter[str] = Counter()
        self.error: Exception | None = None
        self.seconds = 0.0

    async def post(self, event: dict[str, Any]) -> None:
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        self.events.append(event)
        self.urgencies.append(urgency.get())

    def recorder(self) -> EventRecorder:
        return EventRecorder(
            self.post,
            lambda: datetime.fromtimestamp(now(), UTC),
            "operator-0",
            dropped=lambda cause: self.dropped.update((cause,)),
        )


def test_an_event_says_what_happened_to_which_object() -> None:
    async def test() -> dict[str, Any]:
        posted = Posted()
        recorder = posted.recorder()
        recorder.warning(experiment(), "DriftRepaired", "it was restored", action="Compare")
        await recorder.flush()
        (event,) = posted.events
        return event

    event = run(test())
    assert event["metadata"].pop("name").startswith("e.")
    assert event == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "team"},
        "eventTime": "1970-01-01T00:16:40.000000Z",
        "reportingController": "glovebox.dev",
        "reportingInstance": "operator-0",
        "action": "Compare",
        "reason": "DriftRepaired",
        "type": "Warning",
        "note": "it was restored",
        "regarding": {
            "apiVersion": "glovebox.dev/v1alpha1",
            "kind": "Experiment",
            "name": "e",
            "namespace": "team",
            "uid": "uid-e",
            "resourceVersion": "7",
        },
    }


def test_events_are_in_the_order_of_their_names_as_describe_shows_them() -> None:
    async def test() -> list[str]:
        posted = Posted()
        recorder = posted.recorder()
        for reason in ("Provisioned", "RunStarted", "RunSucceeded", "Sealed", "DriftRepaired"):
            recorder.normal(experiment(), reason, "a step", action="Step")
            await asyncio.sleep(0.01)
        await recorder.flush()
        return [
            event["reason"]
            for event in sorted(posted.events, key=lambda one: one["metadata"]["name"])
        ]

    told = run(test())
    assert told == ["Provisioned", "RunStarted", "RunSucceeded", "Sealed", "DriftRepaired"]


def test_a_step_is_a_normal_event_and_a_cluster_scoped_object_has_it_in_default() -> None:
    async def test() -> dict[str, Any]:
        posted = Posted()
        recorder = posted.recorder()
        profile = experiment()
        del profile["metadata"]["namespace"]
        recorder.normal(profile, "Ready", "it can be used", action="Check")
        await recorder.flush()
        return posted.events[0]

    event = run(test())
    assert (event["type"], event["metadata"]["namespace"]) == ("Normal", "default")


@pytest.mark.parametrize(
    ("first", "second", "posted"),
    [
        pytest.param("a", "a", 1, id="the same text"),
        pytest.param("a", "b", 2, id="another text is other news"),
        pytest.param(
            "kubectl changed the label at 2026-01-01T10:00:00Z",
            "kubectl changed the label at 2026-01-01T10:03:00.123+02:00",
            1,
            id="only the time of the writer differs",
        ),
        pytest.param("waiting for 3 s", "waiting for 4.5 s", 1, id="only the duration differs"),
        pytest.param("3 objects differ", "4 objects differ", 2, id="a number is not a time"),
    ],
)
def test_the_same_news_is_posted_once(first: str, second: str, posted: int) -> None:
    async def test() -> int:
        server = Posted()
        recorder = server.recorder()
        recorder.warning(experiment(), "R", first, action="Compare")
        recorder.warning(experiment(), "R", second, action="Compare")
        await recorder.flush()
        return len(server.events)

    assert run(test()) == posted


def test_the_same_news_is_posted_again_after_ten_minutes_and_for_another_object_at_once() -> None:
    async def test() -> list[int]:
        server = Posted()
        recorder = server.recorder()
        counts = []
        for name, seconds in (("a", 0.0), ("b", REPEAT_SECONDS - 1), ("a", 2.0), ("a", 1.0)):
            await asyncio.sleep(seconds)
            recorder.warning(experiment(name), "R", "note", action="Compare")
            await recorder.flush()
            counts.append(len(server.events))
        return counts

    assert run(test()) == [1, 2, 3, 3]


@pytest.mark.parametrize(
    ("note", "kept"),
    [
        pytest.param("a" * 1025, "a" * 1024, id="one letter too many"),
        pytest.param("é" * 512, "é" * 512, id="as many bytes as there may be"),
        pytest.param("x" + "数" * 400, "x" + "数" * 341, id="no letter is cut in two"),
        pytest.param("k\x1b[2J\r\nb", r"k\x1b[2J b", id="nothing acts on a terminal"),
    ],
)
def test_a_note_is_what_the_api_server_takes_and_a_terminal_shows(note: str, kept: str) -> None:
    async def test() -> str:
        posted = Posted()
        recorder = posted.recorder()
        recorder.warning(experiment(), "R", note, action="Compare")
        await recorder.flush()
        said: str = posted.events[0]["note"]
        return said

    assert run(test()) == kept


@pytest.mark.parametrize("ending", ["-", ".", "-.-"])
def test_a_long_name_is_cut_where_a_name_may_end(ending: str) -> None:
    async def test() -> str:
        posted = Posted()
        recorder = posted.recorder()
        name = "n" * (200 - len(ending)) + ending + "n" * 50
        recorder.warning(experiment(name), "R", "note", action="Compare")
        await recorder.flush()
        shown: str = posted.events[0]["metadata"]["name"]
        return shown

    assert re.fullmatch(DNS_SUBDOMAIN, run(test()))


def test_a_fight_cannot_post_more_than_its_budget() -> None:
    async def test() -> tuple[int, int, int]:
        server = Posted()
        recorder = server.recorder()
        for number in range(200):
            recorder.warning(experiment(), "R", f"label x{number} was restored", action="Compare")
            await recorder.flush()
        burst = len(server.events)
        recorder.warning(experiment("other"), "R", "note", action="Compare")
        await asyncio.sleep(3 * REFILL_SECONDS + 1)
        for number in range(200):
            recorder.warning(experiment(), "R", f"label y{number} was restored", action="Compare")
            await recorder.flush()
        return burst, len(server.events), server.dropped["budget"]

    assert run(test()) == (BURST, BURST + 1 + 3, 400 - BURST - 3)


def test_what_is_pending_is_bounded_and_what_is_dropped_is_counted_and_can_be_said_later() -> None:
    async def test() -> tuple[int, int, int]:
        server = Posted()
        server.seconds = 5.0
        recorder = server.recorder()
        for number in range(MOST_PENDING + 10):
            recorder.warning(experiment(f"e{number}"), "R", "note", action="Compare")
        await recorder.flush()
        before = len(server.events)
        recorder.warning(experiment(f"e{MOST_PENDING}"), "R", "note", action="Compare")
        await recorder.flush()
        return before, len(server.events), server.dropped["pending"]

    assert run(test()) == (MOST_PENDING, MOST_PENDING + 1, 10)


def test_a_refused_event_is_counted_and_hurts_nobody() -> None:
    async def test() -> Counter[str]:
        server = Posted()
        server.error = RuntimeError("Session is closed")
        recorder = server.recorder()
        recorder.warning(experiment(), "R", "note", action="Compare")
        await recorder.flush()
        return server.dropped

    assert run(test()) == Counter(refused=1)


def test_events_go_last_through_the_gate_and_leave_their_reconcile_its_urgency() -> None:
    async def test() -> tuple[list[int], int]:
        server = Posted()
        recorder = server.recorder()
        urgency.set(0)
        recorder.warning(experiment(), "R", "note", action="Compare")
        await recorder.flush()
        return server.urgencies, urgency.get()

    assert run(test()) == ([URGENCY], 0)


def test_what_expired_is_not_remembered_even_beside_an_object_that_never_rests() -> None:
    async def test() -> tuple[int, int]:
        recorder = Posted().recorder()
        for number in range(1_000):
            recorder.warning(experiment("restless"), "R", f"label x{number}", action="Compare")
            recorder.warning(experiment(f"e{number}"), "R", "note", action="Compare")
            await recorder.flush()
            await asyncio.sleep(60)
        return len(recorder._recent), len(recorder._budgets)

    assert run(test()) == (20, 11)
