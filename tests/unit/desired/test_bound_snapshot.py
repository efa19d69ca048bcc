"""The snapshot of a namespace is read back as it was bound, and not at all when it was edited."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from glovebox.api.input_status import InputStatus
from glovebox.data.digest import canonical_json, digest_of
from glovebox.desired.bound_snapshot import read_snapshot
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.platform import render_platform
from glovebox.desired.snapshot import snapshot
from glovebox.errors import InvalidInput
from golden.cases import inputs_from


def bound() -> ExperimentInputs:
    inputs = inputs_from({"kind": "Resolved", "platformImage": "g.example/g@sha256:" + "9" * 64})
    entries = tuple(
        InputStatus(name=item.name, kind=item.kind, digest=item.digest) for item in inputs.inputs
    )
    text = render_platform(inputs.profile, inputs.store, inputs.input_stores)
    return replace(inputs, platform_text=text, bound=entries)


def config_map() -> dict[str, Any]:
    made: dict[str, Any] = snapshot(bound())
    return made


def test_what_was_bound_is_read_back() -> None:
    inputs, written = bound(), config_map()
    read = read_snapshot(written)
    assert inputs.inputs, "the case has inputs"
    assert read.inputs == inputs.bound
    assert read.platform.store.spec == inputs.store.spec
    assert read.digest == digest_of(orjson.loads(read.text))
    assert set(read.images) == set(written["data"]["images"].split())
    assert read.has_run is (inputs.experiment.spec.has_run)


def test_what_lies_beside_the_snapshot_is_no_part_of_the_digest() -> None:
    without = snapshot(replace(bound(), platform_text="", bound=()))
    assert config_map()["data"]["digest"] == without["data"]["digest"]


def _other_endpoint(data: dict[str, str]) -> None:
    settings = orjson.loads(data["platform"])
    for spec in settings["stores"].values():
        spec["endpoint"] = "https://elsewhere.example"
    data["platform"] = canonical_json(settings).decode()


def _other_text(data: dict[str, str]) -> None:
    data["snapshot.json"] = data["snapshot.json"].replace("sha256:", "sha256:0", 1)


EDITS: dict[str, Callable[[dict[str, str]], object]] = {
    "another text than its digest": _other_text,
    "another digest than its text": lambda data: data.update(digest="sha256:" + "0" * 64),
    "another store than that of the digest": _other_endpoint,
    "other inputs than those of the digest": lambda data: data.update(inputs="[]"),
    "no settings": lambda data: data.pop("platform"),
    "settings that nobody can read": lambda data: data.update(platform="{}"),
    "nothing at all": dict.clear,
}


@pytest.mark.parametrize("why", EDITS)
def test_what_was_edited_is_refused(why: str) -> None:
    written = config_map()
    EDITS[why](written["data"])
    with pytest.raises(InvalidInput) as refused:
        read_snapshot(written)
    assert refused.value.reason == "SnapshotDiffers"
