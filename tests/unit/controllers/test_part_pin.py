"""A pin of a part records what the split has made, where and with what digest it says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.object_store import ObjectStore
from glovebox.api.split_pin import SplitPin
from glovebox.controllers import part_pin
from glovebox.controllers.ports import Ports
from glovebox.errors import InvalidInput

ROOT, OTHER = ("sha256:" + letter * 64 for letter in "ab")
MANIFEST = {"bucket": "artifacts", "key": "m", "versionId": "v", "digest": ROOT, "bytes": 1}
MADE = {
    "name": "train",
    "digest": ROOT,
    "pinDigest": ROOT,
    "objects": 1,
    "bytes": 1,
    "shards": 1,
    "manifest": MANIFEST,
}
SPLIT = {
    "apiVersion": "glovebox.dev/v1alpha1",
    "kind": "SplitPin",
    "metadata": {"name": "parts", "namespace": "team", "uid": "u"},
    "spec": {
        "source": {"pinRef": {"name": "all"}},
        "granularity": "Objects",
        "rule": {"by": "Key", "salt": "s"},
        "parts": [
            {"name": "test", "role": "test", "share": 5000},
            {"name": "train", "role": "train", "share": 5000},
        ],
    },
    "status": {"digest": OTHER, "sourceDigest": OTHER, "storeRef": "primary", "parts": [MADE]},
}


def pin(**spec: Any) -> DatasetPin:
    return DatasetPin.model_validate(
        {
            "apiVersion": "glovebox.dev/v1alpha1",
            "kind": "DatasetPin",
            "metadata": {"name": "train", "namespace": "team", "uid": "p"},
            "spec": {
                "storeRef": {"name": "primary"},
                "source": {"split": {"name": "parts", "part": "train"}},
                **spec,
            },
        }
    )


@pytest.fixture(autouse=True)
def split(monkeypatch: pytest.MonkeyPatch) -> None:
    found = SplitPin.model_validate(SPLIT)
    monkeypatch.setattr(part_pin, "ready_split_pin", lambda *_: found)


def read(wanted: DatasetPin, store: str = "primary") -> part_pin.PartToPin:
    named = cast("ObjectStore", SimpleNamespace(name=store))
    return part_pin.read_part(cast("Ports", None), wanted, named)


def test_what_the_split_made_is_what_is_pinned() -> None:
    found = read(pin(digest=ROOT))
    assert found.built.roots.content == ROOT
    assert (found.part.name, found.part.role, found.part.split) == ("train", "train", "parts")


@pytest.mark.parametrize(
    ("spec", "store", "reason"),
    [
        pytest.param({"digest": OTHER}, "primary", reasons.DIGEST_MISMATCH, id="another content"),
        pytest.param({}, "other", reasons.PART_NOT_FOUND, id="another store"),
    ],
)
def test_what_it_does_not_say_is_refused(spec: dict[str, Any], store: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(pin(**spec), store)
    assert caught.value.reason == reason
