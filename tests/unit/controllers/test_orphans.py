"""Which namespaces lost their Experiment, and when a list is more likely wrong than the cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox import names
from glovebox.controllers.orphans import (
    DOUBT_SECONDS,
    are_too_many,
    find_orphans,
    sweep_orphans,
)
from glovebox.controllers.ports import Ports
from glovebox.kube.kinds import NAMESPACE, Kind


def namespace(uid: str, state: str = "Open", **metadata: Any) -> dict[str, Any]:
    labels = {names.LABEL_EXPERIMENT_UID: uid, names.LABEL_STATE: state} if uid else {}
    return {"metadata": {"name": f"gbx-{uid}", "uid": f"ns-{uid}", "labels": labels, **metadata}}


@pytest.mark.parametrize(
    ("found", "orphan", "why"),
    [
        (namespace("gone"), True, "its Experiment is not there"),
        (namespace("gone", "Frozen"), True, "frozen is not let go"),
        (namespace("gone", "Sealed"), True, "its logs are still open to the team"),
        (namespace("here"), False, "its Experiment is there"),
        (namespace("gone", "Retained"), False, "it was let go in order"),
        (
            namespace("gone", "Retained", annotations={names.ANNOTATION_ORPHANED_TIME: "then"}),
            True,
            "the platform team may delete it, and its results still wait for their seal",
        ),
        (namespace("gone", deletionTimestamp="2026-01-01T00:00:00Z"), False, "it is going"),
        (namespace(""), False, "it says of no Experiment"),
    ],
)
def test_an_orphan(found: dict[str, Any], orphan: bool, why: str) -> None:  # noqa: FBT001 - a table
    assert bool(find_orphans([found], {"here"})) is orphan, why


@pytest.mark.parametrize(
    ("orphans", "namespaces", "stops"),
    [(5, 5, False), (6, 6, True), (6, 200, False), (11, 200, True), (0, 0, False)],
)
def test_many_orphans_at_once_are_a_wrong_list(
    orphans: int,
    namespaces: int,
    stops: bool,  # noqa: FBT001 - a table
) -> None:
    assert are_too_many(orphans, namespaces) is stops


class World:
    """A cluster whose lists say that the Experiments of some namespaces are gone."""

    def __init__(self) -> None:
        self.lost: list[str] = []
        self.woken: list[str] = []
        self.ports = cast(
            "Ports",
            SimpleNamespace(
                reader=self,
                wake=lambda key, _: self.woken.append(key.name),
                metrics=SimpleNamespace(orphans=SimpleNamespace(set=lambda _: None)),
                doubted_orphans=frozenset(),
            ),
        )

    async def pages(self, kind: Kind, **_: Any) -> AsyncIterator[dict[str, Any]]:
        yield {"items": [namespace(uid) for uid in self.lost] if kind == NAMESPACE else []}

    def sweep(self, *lost: str) -> tuple[float | None, list[str]]:
        self.lost, self.woken = list(lost), []
        again = asyncio.run(sweep_orphans(self.ports))
        return again, self.woken


def test_many_are_closed_once_a_second_sweep_agrees() -> None:
    world, many = World(), "abcdef"
    assert world.sweep(*many) == (DOUBT_SECONDS, [])
    assert world.ports.doubted_orphans, "nothing of them is deleted"
    assert world.sweep(*many) == (None, [f"gbx-{each}" for each in many])
    # One that only the second sweep names is asked for once more.
    assert world.sweep(*many[1:], "g")[0] == DOUBT_SECONDS
    assert "gbx-g" not in world.woken


def test_few_are_closed_at_once_and_end_every_doubt() -> None:
    world = World()
    world.sweep(*"abcdef")
    assert world.sweep("a") == (None, ["gbx-a"])
    assert not world.ports.doubted_orphans
