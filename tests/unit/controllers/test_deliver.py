"""Volumes of inputs: one that was made for another is left as it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox.api import reasons
from glovebox.controllers.experiment.deliver import (
    _ensure_volume,
    _for_pods_made_by_hand,
    _stands,
)
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.desired.input_volumes import InputVolume
from glovebox.errors import Refused
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM, Kind
from glovebox.kube.objects import ObjectKey

Json = dict[str, Any]


def volume(namespace: str, claim: str = "glovebox-input-a") -> Json:
    claimed = {"namespace": namespace, "name": claim}
    return {"metadata": {"name": "gbx-a"}, "spec": {"claimRef": claimed}}


class Writer:
    """Finds a volume of that name, or none."""

    def __init__(self, there: Json | None) -> None:
        self.there = there
        self.asked: list[Kind] = []

    async def create_once(self, kind: Kind, obj: Json) -> Json:
        self.asked.append(kind)
        return self.there if self.there and kind == PERSISTENT_VOLUME else obj


async def ensure(writer: Writer) -> str:
    scope: Any = SimpleNamespace(ports=SimpleNamespace(writer=writer))
    wanted = InputVolume("a", volume("gbx-own"), {"metadata": {"name": "c"}}, None)
    return await _ensure_volume(scope, cast("Resolved", None), wanted)


@pytest.mark.parametrize("there", [None, volume("gbx-own")], ids=["none", "made before a crash"])
async def test_volume_and_claim_are_made_once(there: Json | None) -> None:
    writer = Writer(there)
    assert await ensure(writer) == ""
    assert writer.asked == [PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM]


@pytest.mark.parametrize("there", [volume("gbx-other"), volume("gbx-own", "another")])
async def test_a_volume_that_was_made_for_another_is_refused_and_never_claimed(there: Json) -> None:
    writer = Writer(there)
    with pytest.raises(Refused, match="was not made for this"):
        await ensure(writer)
    assert writer.asked == [PERSISTENT_VOLUME]


class Reader:
    """Finds the volume and the claim that it is given."""

    def __init__(self, **there: Json) -> None:
        self.there = there

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Json:
        del namespace, name
        if kind.kind not in self.there:
            raise NotFound("Deleted", "it is not there")
        return self.there[kind.kind]


class Deleter(Writer):
    """Deletes, too."""

    async def delete(self, kind: Kind, key: ObjectKey, *, uid: str) -> None:
        assert (kind, key.name, uid) == (PERSISTENT_VOLUME, "gbx-a", "v-1")
        self.deleted = True

    deleted = False


def bound(uid: str | None, namespace: str = "gbx-own") -> Json:
    found = volume(namespace)
    found["metadata"]["uid"] = "v-1"
    found["spec"]["claimRef"] |= {"uid": uid} if uid else {}
    return found


CLAIM: Json = {"metadata": {"uid": "c-1"}}


@pytest.mark.parametrize(
    ("there", "stands", "deleted", "why"),
    [
        ({}, False, False, "nothing was made"),
        ({"PersistentVolume": bound(None)}, False, False, "it is to be claimed yet"),
        ({"PersistentVolumeClaim": CLAIM}, False, False, "somebody deleted the volume"),
        (
            {"PersistentVolume": bound(None), "PersistentVolumeClaim": CLAIM},
            True,
            False,
            "they are not bound to each other yet",
        ),
        (
            {"PersistentVolume": bound("c-1"), "PersistentVolumeClaim": CLAIM},
            True,
            False,
            "they are bound",
        ),
        (
            {"PersistentVolume": bound("c-0"), "PersistentVolumeClaim": CLAIM},
            False,
            True,
            "it was bound to the claim of a namespace that is gone",
        ),
        ({"PersistentVolume": bound("c-0")}, False, True, "and nothing claims it any more"),
        (
            {"PersistentVolume": bound("c-0", "gbx-other"), "PersistentVolumeClaim": CLAIM},
            False,
            False,
            "it was made for another: it is not ours to delete",
        ),
    ],
)
async def test_without_a_run_volumes_are_looked_for_on_every_look(
    there: dict[str, Json],
    stands: bool,  # noqa: FBT001 - a table
    deleted: bool,  # noqa: FBT001 - a table
    why: str,
) -> None:
    writer = Deleter(None)
    ports: Any = SimpleNamespace(reader=Reader(**there), writer=writer)
    claim = {"metadata": {"namespace": "gbx-own", "name": "glovebox-input-a"}}
    wanted = InputVolume("a", volume("gbx-own"), claim, None)
    assert await _stands(ports, wanted) is stands, why
    assert writer.deleted is deleted, why


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [((), ""), ((SimpleNamespace(kind="DatasetPin"),), reasons.PROVISIONING)],
    ids=["none", "one"],
)
async def test_where_nothing_is_to_be_delivered_nothing_is_waited_for(
    inputs: tuple[Any, ...], reason: str
) -> None:
    """Who waits for the record of a complete namespace is looked at once more after it."""
    resolved: Any = SimpleNamespace(inputs=inputs)
    found: Any = SimpleNamespace(latched=False)
    nothing: Any = None
    outcome = await _for_pods_made_by_hand(nothing, resolved, nothing, found)
    assert (outcome.is_done, outcome.reason) == (not inputs, reason)
