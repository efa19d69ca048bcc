"""The LocalQueue of a run, and what Kueue's absence may and may not be taken for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.controllers.experiment import run
from glovebox.controllers.experiment.queue import (
    ensure_queue,
    look_at_queue,
    require_queues,
    why_not_taken,
)
from glovebox.controllers.experiment.scope import Outcomes
from glovebox.errors import Forbidden, NotReady, Rejected, Unavailable
from glovebox.kube.answers import NotFound

WANTED = {"metadata": {"name": "glovebox"}, "spec": {"clusterQueue": "gpus"}}
AWAY = 'POST jobs: HTTP 500: Internal error occurred: failed calling webhook "mjob.kb.io": refused'
PLAN: Any = SimpleNamespace(queue=WANTED)
NO_PLAN: Any = SimpleNamespace(queue=None)


def scope_with(live: dict[str, Any] | None) -> tuple[Any, list[Any]]:
    """Return a look at a namespace that has this LocalQueue, and what is created there."""
    made: list[Any] = []

    async def get(*_: Any) -> Any:
        if live is None:
            raise NotFound(reasons.CONFLICT, "it is not there")
        return live

    async def create_once(_: Any, obj: Any) -> Any:
        made.append(obj)
        return obj

    ports = SimpleNamespace(
        reader=SimpleNamespace(get=get), writer=SimpleNamespace(create_once=create_once)
    )
    return SimpleNamespace(ports=ports, namespace="n"), made


@pytest.mark.parametrize(
    ("plan", "live", "creates"),
    [(PLAN, None, [WANTED]), (PLAN, WANTED, []), (NO_PLAN, None, [])],
    ids=["it is missing", "it is there", "there is to be none"],
)
async def test_a_queue_is_created_where_it_is_missing(
    plan: Any, live: Any, creates: list[Any]
) -> None:
    scope, made = scope_with(live)
    await ensure_queue(scope, plan)
    assert made == creates


async def test_a_run_does_not_wait_in_a_queue_that_leads_elsewhere() -> None:
    scope, made = scope_with({"spec": {"clusterQueue": "others"}})
    with pytest.raises(NotReady, match="leads to ClusterQueue `others`, and what was bound says"):
        await ensure_queue(scope, PLAN)
    assert not made


@pytest.mark.parametrize(
    ("plan", "error", "waits", "why"),
    [
        (PLAN, Unavailable(reasons.API_UNAVAILABLE, AWAY), True, "Kueue is away"),
        (PLAN, Unavailable(reasons.API_UNAVAILABLE, "HTTP 503"), False, "the API server is"),
        (PLAN, Rejected(reasons.REJECTED, AWAY), False, "a policy refuses it"),
        (PLAN, Forbidden(reasons.FORBIDDEN, AWAY), False, "likewise"),
        (NO_PLAN, Unavailable(reasons.API_UNAVAILABLE, AWAY), False, "of another webhook"),
    ],
)
def test_only_a_webhook_that_does_not_answer_is_taken_for_kueue(
    plan: Any, error: Unavailable, why: str, *, waits: bool
) -> None:
    assert (why_not_taken(plan, error) is not None) is waits, why


async def test_where_no_queue_is_asked_for_nobody_looks_for_kueue() -> None:
    def pages(*_: Any) -> None:
        raise AssertionError("it was asked for")

    await require_queues(SimpleNamespace(reader=SimpleNamespace(pages=pages)), NO_PLAN)  # type: ignore[arg-type]


async def test_of_a_run_that_names_no_queue_nothing_is_read() -> None:
    work: Any = SimpleNamespace(live={"metadata": {"labels": {}}})
    assert await look_at_queue(SimpleNamespace(), Outcomes(), work) is None  # type: ignore[arg-type]


async def test_no_run_begins_where_its_queue_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def missing(*_: Any) -> None:
        raise NotFound("NotFound", "there is no such kind")

    monkeypatch.setattr(run, "ensure_queue", missing)
    scope: Any = SimpleNamespace()
    outcomes: Any = SimpleNamespace(need=lambda *_: SimpleNamespace(run={"kind": "Job"}))
    begun = await run._begin(scope, outcomes)
    assert (begun.reason, begun.facts.requested) == (reasons.QUEUE_MISSING, True)
