"""Which broken inputs stop an experiment, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api.data_rules import OnBrokenInput
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.input_status import BrokenInput, InputStatus
from glovebox.status.broken_inputs import find_broken

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ROOT = "sha256:" + "1" * 64
BOUND = InputStatus(name="fit", kind="DatasetPin", pin_ref="set", uid="u1", pin_digest=ROOT)


def pin(answer: str, reason: str, uid: str = "u1", root: str = ROOT) -> DatasetPin:
    verified: dict[str, Any] = {
        "type": "Verified",
        "status": answer,
        "reason": reason,
        "message": "1 changed",
        "lastTransitionTime": "2026-11-28T00:00:00Z",
    }
    return DatasetPin.model_validate(
        {
            "metadata": {"name": "set", "namespace": "team", "uid": uid},
            "spec": {
                "storeRef": {"name": "primary"},
                "source": {"prefix": {"bucket": "data", "prefix": "set/"}},
            },
            "status": {"pinDigest": root, "conditions": [verified]},
        }
    )


WHOLE = pin("True", "Verified")
BROKEN = pin("False", "ObjectsChanged")


def found(
    now: object,
    action: OnBrokenInput = "Fail",
    before: tuple[BrokenInput, ...] = (),
    *,
    goes_on: bool = True,
    runs: bool = False,
) -> tuple[BrokenInput, ...]:
    return find_broken(before, (BOUND,), {"fit": now}, action, NOW, goes_on=goes_on, runs=runs)


@pytest.mark.parametrize(
    ("now", "stops"),
    [
        (BROKEN, True),
        (pin("False", "ObjectsMissing"), True),
        (pin("False", "ObjectsChanged", uid="u2"), True),  # the same versions, by another pin
        (pin("False", "ObjectsChanged", root="sha256:" + "2" * 64), False),
        (pin("False", "ObjectsUnreadable"), False),
        (pin("False", "ManifestDiffers"), False),
        (pin("Unknown", "ChecksFailing"), False),
        (WHOLE, False),
        (None, False),
    ],
)
def test_only_a_definite_answer_about_the_bound_versions_stops(now: object, *, stops: bool) -> None:
    assert bool(found(now)) is stops
    assert bool(found(now, "Freeze")) is stops
    assert found(now, "Warn") == ()
    assert found(now, goes_on=False) == ()


def test_what_failed_stays_failed_and_what_is_frozen_ends_with_the_very_pin() -> None:
    failed, frozen = found(BROKEN), found(BROKEN, "Freeze")
    assert found(WHOLE, "Fail", failed) == failed
    assert found(WHOLE, "Freeze", frozen) == ()
    for other in (None, pin("True", "Verified", uid="u2"), pin("Unknown", "ChecksFailing")):
        assert found(other, "Freeze", frozen) == frozen
        assert found(other, "Freeze", frozen, goes_on=False) == frozen


def test_a_run_that_is_being_stopped_keeps_the_reason_until_its_end_is_recorded() -> None:
    frozen = found(BROKEN, "Freeze")
    assert found(WHOLE, "Freeze", frozen, runs=True) == frozen
    assert found(WHOLE, "Freeze", frozen, runs=False) == ()
    assert found(WHOLE, "Freeze", runs=True) == ()
