"""A look goes on with what the API server answered to its own write."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from glovebox.api.experiment import Experiment
from glovebox.api.input_status import InputStatus
from glovebox.controllers.experiment.scope import Scope
from glovebox.controllers.ports import Ports
from glovebox.desired.as_bound import AsBound, experiment_as_bound
from glovebox.desired.bound_snapshot import read_snapshot
from glovebox.desired.platform import render_platform
from glovebox.desired.snapshot import snapshot
from glovebox.errors import InvalidInput
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


def test_where_what_was_bound_counts_an_answer_declares_nothing() -> None:
    inputs = inputs_from()
    text = render_platform(inputs.profile, inputs.store, inputs.input_stores)
    entries = tuple(
        InputStatus(name=item.name, kind=item.kind, digest=item.digest, pin_ref=item.pin_name)
        for item in inputs.inputs
    )
    bound = AsBound(
        read_snapshot(snapshot(replace(inputs, platform_text=text, bound=entries))),
        InvalidInput("InvalidSpec", "`purpose`: no"),
    )
    before = replace(scope_of(declared()), as_bound=bound)
    changed = declared()
    changed["spec"]["stages"] = []
    after = before.with_obj(changed)
    assert after.experiment == experiment_as_bound(bound, changed)
    assert after.experiment.spec.stages
