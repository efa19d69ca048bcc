"""Whether values were built from what their definitions say follows from contents alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.derived import DerivedFrom, UpstreamInput
from glovebox.status.builder import StatusBuilder
from glovebox.status.built_features import BuiltFacts, mark_built

NOW = datetime(2026, 11, 28, tzinfo=UTC)
RAW, TEST, OTHER = ("sha256:" + letter * 64 for letter in "abc")


def read(digest: str, role: str = "train", name: str = "in", *, behind: str = "") -> UpstreamInput:
    return UpstreamInput(
        name=name,
        kind="DatasetPin",
        role=role,
        digest=digest,
        read_by="team/build",
        behind=behind,
    )


def marked(
    inputs: dict[str, tuple[str, str]], *upstream: UpstreamInput
) -> dict[str, dict[str, Any]]:
    builder = StatusBuilder(None, 1, (types.READY, types.BUILT_FROM_INPUTS), NOW)
    seal = DerivedFrom(experiment="team/build", uid="u", inputs=upstream)
    mark_built(builder, BuiltFacts(seal, inputs))
    return {each["type"]: each for each in builder.render()["conditions"]}


@pytest.mark.parametrize(
    ("inputs", "upstream", "answer", "reason", "said"),
    [
        pytest.param(
            {"raw": (RAW, "raw-v1")},
            (read(RAW),),
            "True",
            reasons.BUILT_FROM_INPUTS,
            "read 1 input of the definitions, by its seal",
            id="read",
        ),
        pytest.param(
            {"raw": (RAW, "raw-v1"), "other": (OTHER, "other-v1")},
            (read(RAW),),
            "False",
            reasons.BUILT_FROM_OTHERS,
            "did not read the content of DatasetPin 'other-v1' (`other`), of which",
            id="one was not read",
        ),
        pytest.param(
            {"raw": (RAW, "raw-v1")},
            (read(OTHER, name="clean"), read(RAW, behind="clean")),
            "False",
            reasons.BUILT_FROM_OTHERS,
            "by `spec.inputs`; its input `clean` was made from it: name the pin of that",
            id="what was made from it was read, by whatever run",
        ),
        pytest.param(
            {"raw": (RAW, "raw-v1")},
            (read(RAW), read(OTHER, name="more"), read(TEST, "holdout", "final")),
            "True",
            reasons.BUILT_FROM_INPUTS,
            "went into them as well: `final` (holdout), `more` (train)",
            id="what is tested on is named first",
        ),
        pytest.param({}, (), "True", reasons.BUILT_FROM_INPUTS, "read 0 inputs", id="of nothing"),
    ],
)
def test_contents_decide(
    inputs: dict[str, tuple[str, str]],
    upstream: tuple[UpstreamInput, ...],
    answer: str,
    reason: str,
    said: str,
) -> None:
    found = marked(inputs, *upstream)
    condition = found[types.BUILT_FROM_INPUTS]
    assert (condition["status"], condition["reason"]) == (answer, reason)
    assert said in condition["message"]
    assert (types.STALLED in found) == (answer == "False")
