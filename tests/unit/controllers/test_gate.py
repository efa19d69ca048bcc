"""What is refused before anything exists, where the plan shows it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.experiment.gate import PLAN_BYTES_MAX, _require_fitting
from glovebox.errors import Refused


def plan(*sizes: int, name: str = names.INPUTS_CONFIG_MAP) -> Any:
    data = {f"stage-{index}.inputs.json": "x" * size for index, size in enumerate(sizes)}
    return SimpleNamespace(isolation=({"metadata": {"name": name}, "data": data},))


def test_plans_of_all_stages_that_are_too_large_for_one_object_are_refused_with_the_cure() -> None:
    """The API server would refuse it for ever, once the Experiment is bound."""
    with pytest.raises(Refused) as refused:
        _require_fitting(plan(PLAN_BYTES_MAX // 2, PLAN_BYTES_MAX // 2 + 1))
    assert refused.value.reason == reasons.INVALID_SPEC
    assert "give large feature sets, by the `inputs` of the stages, to fewer" in str(refused.value)


@pytest.mark.parametrize(
    "fits",
    [
        plan(PLAN_BYTES_MAX // 2, PLAN_BYTES_MAX // 2),
        plan(PLAN_BYTES_MAX + 1, name=names.SNAPSHOT_CONFIG_MAP),
    ],
)
def test_what_fits_and_what_is_no_plan_is_let_be(fits: Any) -> None:
    _require_fitting(fits)
