"""Whoever uses features has what they are made from among the inputs, by content."""

from __future__ import annotations

import pytest

from glovebox.desired.feature_inputs import UsedFeatures, require_inputs
from glovebox.errors import Refused

MADE_FROM = {"train": ("sha256:train", "flights-train"), "weather": ("sha256:sky", "weather")}
VALUES = ("sha256:values", "flight-features")


@pytest.mark.parametrize(
    ("features", "contents", "missing"),
    [
        pytest.param(
            UsedFeatures("base", "v1", MADE_FROM), {"sha256:train", "sha256:sky"}, "", id="all"
        ),
        pytest.param(UsedFeatures("base", "v1", {}), set(), "", id="made from nothing"),
        pytest.param(
            UsedFeatures("base", "v1", MADE_FROM),
            {"sha256:train"},
            "made from DatasetPin 'weather' (`weather`), of which no content is among"
            " `spec.inputs.datasets`: add it there with a role",
            id="one is missing",
        ),
        pytest.param(
            UsedFeatures("base", "v1", MADE_FROM),
            {"sha256:test"},
            "DatasetPins 'flights-train' (`train`), 'weather' (`weather`), of which no content",
            id="both are missing",
        ),
        pytest.param(
            UsedFeatures("base", "v1", MADE_FROM, VALUES),
            {"sha256:values"},
            "",
            id="their values instead",
        ),
        pytest.param(
            UsedFeatures("base", "v1", MADE_FROM, VALUES),
            {"sha256:sky"},
            "add it there with a role, or their values, DatasetPin 'flight-features'",
            id="neither all of them nor the values",
        ),
        pytest.param(
            UsedFeatures("base", "v1", {"train": ("", "flights-train")}),
            {"sha256:train"},
            "DatasetPin 'flights-train' (`train`)",
            id="what is not known is not there",
        ),
    ],
)
def test_features_come_with_what_they_are_made_from(
    features: UsedFeatures, contents: set[str], missing: str
) -> None:
    if not missing:
        require_inputs(features, contents)
        return
    with pytest.raises(Refused) as refused:
        require_inputs(features, contents)
    assert refused.value.reason == "FeatureInputsMissing"
    assert missing in refused.value.message
