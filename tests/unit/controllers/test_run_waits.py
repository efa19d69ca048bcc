"""What the start of a run waits for: each phase without which it must not begin."""

from __future__ import annotations

from typing import Any, cast

import pytest

from glovebox.controllers.experiment.run import _why_not_yet
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.status.experiment_facts import NamespaceFacts
from glovebox.status.outcome import done, waiting

PHASES = (
    "claim",
    "bind",
    "isolation",
    "pull_secret",
    "stage_secrets",
    "credentials",
    "access",
    "deliver",
)


@pytest.mark.parametrize("missing", PHASES)
@pytest.mark.parametrize("is_there", [True, False], ids=["it waits", "it did not run"])
def test_no_run_begins_before_each_phase_that_it_needs(missing: str, *, is_there: bool) -> None:
    found: dict[str, Any] = {phase: done() for phase in PHASES}
    found["namespace"] = done(NamespaceFacts("u", latched=True, established=True))
    del found[missing]
    if is_there:
        found[missing] = waiting("Pending", f"{missing} is not there")
    said = _why_not_yet(cast("Scope", None), Outcomes(found))
    assert said == (f"{missing} is not there" if is_there else f"phase `{missing}` is not done")
