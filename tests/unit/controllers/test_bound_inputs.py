"""What the status says of the inputs that were bound, read again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api.input_status import InputStatus
from glovebox.controllers.experiment.pins import resolved_inputs
from glovebox.errors import InvalidInput


def resolved(kind: str) -> list[str]:
    inputs = SimpleNamespace(datasets=(), features=())
    scope: Any = SimpleNamespace(
        ports=SimpleNamespace(resources=SimpleNamespace(parsed=lambda *_: None)),
        experiment=SimpleNamespace(namespace="team", spec=SimpleNamespace(inputs=inputs)),
    )
    entry = InputStatus.model_validate(
        {"name": "a", "kind": kind, "pinRef": "p", "uid": "u", "digest": "sha256:" + "a" * 64}
    )
    return [each.kind for each in resolved_inputs(scope, (entry,))]


@pytest.mark.parametrize("kind", ["DatasetPin", "FeatureSetPin"])
def test_an_input_is_what_was_bound(kind: str) -> None:
    assert resolved(kind) == [kind]


def test_an_input_of_a_kind_that_is_not_known_is_not_taken_for_another() -> None:
    """As a later version may have bound it: neither its data nor its definitions are delivered."""
    with pytest.raises(InvalidInput, match="unknown kind 'ModelPin' of input `a`"):
        resolved("ModelPin")
