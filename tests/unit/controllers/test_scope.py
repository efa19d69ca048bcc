"""A look goes on with what the API server answered to its own write."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from glovebox.api.experiment import Experiment
from glovebox.controllers.experiment.scope import Scope
from glovebox.controllers.ports import Ports
from golden.cases import inputs_from

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def declared() -> dict[str, Any]:
    whole: dict[str, Any] = inputs_from().experiment.model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    return {**whole, "status": {"namespace": "gbx-one", "digest": "sha256:" + "a" * 64}}


def scope_of(obj: dict[str, Any]) -> Scope:
    return Scope(cast("Ports", None), obj, Experiment.model_validate(obj), NOW)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("metadata", "finalizers"), ["glovebox.dev/finalizer"]),
        (("metadata", "resourceVersion"), "77"),
        (("spec", "suspend"), True),
        (("status", "digest"), "sha256:" + "b" * 64),
        (("status",), {}),
        (("status",), None),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_an_answer_is_read_as_if_nothing_had_been_read_before(
    path: tuple[str, ...], value: object
) -> None:
    answer = declared()
    *above, last = path
    part = answer
    for name in above:
        part = part[name]
    part[last] = value
    scope = scope_of(declared()).with_obj(answer)
    assert scope.experiment == Experiment.model_validate(answer)
    assert scope.obj == answer


def test_what_an_answer_repeats_is_not_read_again() -> None:
    before = scope_of(declared())
    after = before.with_obj(copy.deepcopy(dict(before.obj)))
    assert after.experiment.spec is before.experiment.spec
    assert after.experiment.status is before.experiment.status
