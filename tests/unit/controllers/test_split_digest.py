"""The identity of a split: parts with one digest are apart, so whatever decides is in it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from glovebox.api.split_pin import SplitPinSpec
from glovebox.controllers.splits import split_digest

ROOT = "sha256:" + "1" * 64
PARTS: list[dict[str, Any]] = [
    {"name": "test", "role": "test", "share": 1000},
    {"name": "train", "role": "train", "share": 9000},
]
BY_KEY: dict[str, Any] = {
    "source": {"pinRef": {"name": "visits"}},
    "granularity": "Rows",
    "rule": {"by": "Key", "columns": [{"name": "patient"}], "salt": "lungs"},
    "parts": PARTS,
}
PLAIN_PARTS = [{"name": "train", "role": "train"}, {"name": "test", "role": "test"}]
TIME = {"column": "day", "boundaries": ["2013-10-01T00:00:00Z"], "embargoSeconds": 60}
BY_TIME = {**BY_KEY, "rule": {"by": "Time", "time": TIME}, "parts": PLAIN_PARTS}
LIST = {"path": "list.csv", "partColumn": "part"}
BY_LIST = {
    **BY_KEY,
    "rule": {"by": "Assignment", "columns": [{"name": "patient"}], "assignment": LIST},
    "parts": PLAIN_PARTS,
}


def digest(spec: dict[str, Any], root: str = ROOT) -> str:
    return split_digest(SplitPinSpec.model_validate(spec), root)


def rule(spec: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**spec, "rule": {**spec["rule"], **changes}}


def part(at: int, **changes: Any) -> dict[str, Any]:
    return {
        **BY_KEY,
        "parts": [
            {**each, **(changes if number == at else {})} for number, each in enumerate(PARTS)
        ],
    }


def test_it_is_what_the_reference_says() -> None:
    document = {
        "by": "Key",
        "boundaries": [],
        "columns": [{"name": "patient", "type": ""}],
        "embargoSeconds": 0,
        "format": "glovebox.dev/split/v1",
        "granularity": "Rows",
        "partColumn": "",
        "parts": PARTS,
        "path": "",
        "salt": "lungs",
        "source": ROOT,
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    assert digest(BY_KEY) == f"sha256:{hashlib.sha256(text).hexdigest()}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(BY_KEY, rule(BY_KEY, salt="heart"), id="salt"),
        pytest.param(BY_KEY, rule(BY_KEY, columns=[{"name": "visit"}]), id="column"),
        pytest.param(
            BY_KEY, rule(BY_KEY, columns=[{"name": "patient", "type": "Integer"}]), id="type"
        ),
        pytest.param(BY_KEY, {**BY_KEY, "granularity": "Objects"}, id="granularity"),
        pytest.param(BY_KEY, part(0, name="exam"), id="name of a part"),
        pytest.param(BY_KEY, part(0, role="holdout"), id="role of a part"),
        pytest.param(BY_KEY, part(0, share=2000), id="share"),
        pytest.param(
            BY_TIME,
            rule(BY_TIME, time={**TIME, "boundaries": ["2013-10-02T00:00:00Z"]}),
            id="boundary",
        ),
        pytest.param(BY_TIME, rule(BY_TIME, time={**TIME, "embargoSeconds": 0}), id="embargo"),
        pytest.param(BY_TIME, rule(BY_TIME, time={**TIME, "column": "hour"}), id="time"),
        pytest.param(BY_LIST, rule(BY_LIST, assignment={**LIST, "path": "b.csv"}), id="list"),
        pytest.param(
            BY_LIST, rule(BY_LIST, assignment={**LIST, "partColumn": "fold"}), id="column of parts"
        ),
    ],
)
def test_what_decides_makes_another_split(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert digest(before) != digest(after)


def test_another_content_makes_another_split() -> None:
    assert digest(BY_KEY) != digest(BY_KEY, "sha256:" + "2" * 64)


def test_what_decides_nothing_makes_none() -> None:
    said = {**BY_KEY, "description": "in words", "source": {"pinRef": {"name": "renamed"}}}
    assert digest(said) == digest(BY_KEY)
    two = [{"name": "visit"}, {"name": "patient"}]
    assert digest(rule(BY_KEY, columns=two)) == digest(rule(BY_KEY, columns=two[::-1]))
