"""Volumes of inputs: one that was made for another is left as it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox.controllers.experiment.deliver import _ensure_volume
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.desired.input_volumes import InputVolume
from glovebox.errors import Refused
from glovebox.kube.kinds import PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM, Kind

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
