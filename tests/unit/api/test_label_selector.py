"""A selector over labels says what Kubernetes' own would."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.api.label_selector import LabelSelector

LABELS = {"team": "vision", "tier": ""}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({}, True),
        ({"matchLabels": {"team": "vision"}}, True),
        ({"matchLabels": {"team": "vision", "tier": "gold"}}, False),
        ({"matchLabels": {"other": ""}}, False),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["vision"]}]}, True),
        ({"matchExpressions": [{"key": "other", "operator": "In", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["vision"]}]}, False),
        ({"matchExpressions": [{"key": "other", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "other", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "other", "operator": "DoesNotExist"}]}, True),
        (
            {
                "matchLabels": {"team": "vision"},
                "matchExpressions": [{"key": "other", "operator": "Exists"}],
            },
            False,
        ),
    ],
)
def test_a_selector_selects_by_all_its_requirements(
    selector: dict[str, Any], selected: object
) -> None:
    assert LabelSelector.model_validate(selector).matches(LABELS) is selected
