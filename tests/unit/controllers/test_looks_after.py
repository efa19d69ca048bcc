"""After what a look records, there is another at once only where something waits for the record."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.experiment.looked import _looks_after
from glovebox.controllers.experiment.scope import Outcomes
from glovebox.controllers.ports import Inspected, Ports
from glovebox.kube.resources import Key
from glovebox.status.outcome import done, skipped, waiting

SPACE = "gbx-team-exp-abcdefghij"
OBJ: dict[str, Any] = {
    "kind": "Experiment",
    "metadata": {"name": "exp", "namespace": "team", "uid": "u"},
    "status": {"namespace": SPACE},
}
OPEN = {"namespace": SPACE, "state": names.STATE_OPEN, "provisioned": {"digest": "d"}}
WAITS = waiting(reasons.PROVISIONING, "once the namespace is complete")
SEARCHED = Inspected((0, 7), 0.0, is_done=True)


@pytest.mark.parametrize(
    ("status", "changed", "inspected", "again", "why"),
    [
        ({}, {}, SEARCHED, [], "nothing waits for it"),
        ({}, {"prove": WAITS}, SEARCHED, [0.0], "isolation is to be checked"),
        ({}, {"run": WAITS}, SEARCHED, [0.0], "a run is to start"),
        ({}, {"deliver": WAITS}, SEARCHED, [0.0], "inputs are to be delivered"),
        ({}, {"prove": skipped("namespace")}, SEARCHED, [0.0], "nobody knows"),
        ({"state": names.STATE_FROZEN}, {}, SEARCHED, [0.0], "it is to be closed"),
        ({}, {}, None, [0.0], "pods may have come in before it was seen"),
        ({}, {}, Inspected((0, 6), 0.0, is_done=True), [0.0], "it was changed since"),
        ({}, {}, Inspected((0, 7), 0.0), [0.0], "the search is not over"),
        ({"provisioned": None}, {"run": WAITS}, None, [], "nothing new is recorded"),
    ],
)
def test_a_namespace_that_was_recorded_as_complete(
    status: dict[str, Any],
    changed: dict[str, Any],
    inspected: Inspected | None,
    again: list[float],
    why: str,
) -> None:
    ports = SimpleNamespace(
        inspected={Key.of(OBJ): inspected} if inspected else {},
        children=SimpleNamespace(
            version_of=lambda namespace: (0, 7) if namespace == SPACE else None
        ),
    )
    outcomes = Outcomes({"prove": done(), "deliver": done(), "run": done()} | changed)
    found = _looks_after(cast("Ports", ports), OBJ, {**OPEN, **status}, outcomes, ledger=False)
    assert list(found) == again, why
