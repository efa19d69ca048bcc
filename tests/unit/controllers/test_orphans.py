"""Which namespaces lost their Experiment, and when a list is more likely wrong than the cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox import names
from glovebox.controllers.orphan_namespace import _mark
from glovebox.controllers.orphans import (
    DOUBT_SECONDS,
    Orphan,
    are_too_many,
    find_orphans,
    sweep_orphans,
)
from glovebox.controllers.ports import Ports
from glovebox.kube.kinds import EXPERIMENT, NAMESPACE, PERSISTENT_VOLUME, Kind
from glovebox.kube.objects import ObjectKey


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


async def test_how_far_an_orphan_came_is_written_on_the_very_namespace_that_was_looked_at() -> None:
    """Another one has its name by now: its version is none that may be written on."""
    written: list[Any] = []

    async def get(*_: Any) -> dict[str, Any]:
        return found.pop(0)

    async def set_state_label(on: Any, *_: Any, **__: Any) -> None:
        written.append(on)

    looked_at = namespace("gone")
    reader, writer = SimpleNamespace(get=get), SimpleNamespace(set_state_label=set_state_label)
    ports: Any = SimpleNamespace(reader=reader, writer=writer, doubted_orphans=frozenset())
    orphan = Orphan.of(looked_at)
    assert orphan is not None
    found = [namespace("gone", "Sealed"), {"metadata": {"uid": "another"}}]
    for _ in tuple(found):
        await _mark(ports, orphan, names.STATE_RETAINED, since=None)
    assert written == [namespace("gone", "Sealed"), looked_at]


class Volumes:
    """One orphan, one namespace with its Experiment, and volumes of these and of nobody."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    async def pages(
        self, kind: Kind, *, label_selector: str = "", **_: Any
    ) -> AsyncIterator[dict[str, Any]]:
        of = label_selector.removeprefix(f"{names.LABEL_EXPERIMENT_UID}=")
        found = {
            NAMESPACE: [namespace("gone"), namespace("here")],
            EXPERIMENT: [{"metadata": {"uid": "here"}}],
            PERSISTENT_VOLUME: [
                volume
                for volume in (namespace(uid) for uid in ("gone", "here", "nobody"))
                if of == volume["metadata"]["labels"][names.LABEL_EXPERIMENT_UID] or "managed" in of
            ],
        }
        yield {"items": found[kind]}

    async def delete(self, kind: Kind, key: ObjectKey, *, uid: str) -> None:
        assert (kind, uid) == (PERSISTENT_VOLUME, f"ns-{key.name.removeprefix('gbx-')}")
        self.deleted.append(key.name)


async def test_volumes_of_an_orphan_stay_until_it_is_let_go_and_those_of_nobody_go() -> None:
    volumes = Volumes()
    ports: Any = SimpleNamespace(
        reader=volumes,
        writer=volumes,
        wake=lambda *_: None,
        metrics=SimpleNamespace(orphans=SimpleNamespace(set=lambda _: None)),
        doubted_orphans=frozenset(),
    )
    await sweep_orphans(ports)
    assert volumes.deleted == ["gbx-nobody"]
