"""What is claimed of a team's budget while it is being bound, and for how long."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox.api.experiment import Experiment
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.controllers.ports import Ports
from glovebox.controllers.team_budgets import check_team_budget, claimed
from glovebox.errors import Conflict, GloveboxError, NotReady, Unavailable
from glovebox.kube.kinds import EXPERIMENT
from glovebox.kube.resources import Key

PROFILE = IsolationProfile.model_validate(
    {
        "metadata": {"name": "standard"},
        "spec": {
            "quota": [{"resource": "pods", "default": "2", "maximum": "4"}],
            "teamBudget": [{"resource": "pods", "maximum": "3"}],
        },
    }
)


def named(name: str) -> Experiment:
    spec = {
        "profile": "standard",
        "purpose": {"description": "to count", "owner": "team"},
        "images": [],
        "artifacts": {"storeRef": {"name": "primary"}},
    }
    metadata = {"name": name, "namespace": "team", "uid": name}
    return Experiment.model_validate({"metadata": metadata, "spec": spec})


@pytest.mark.parametrize(
    ("error", "stays"),
    [
        (None, False),
        (GloveboxError("Invalid", "it is refused"), False),
        (Unavailable("Timeout", "it was never sent"), False),
        (Unavailable("Timeout", "no answer", effect_unknown=True), True),
        (Conflict("Conflict", "somebody wrote in between"), True),
    ],
)
def test_a_claim_stays_only_while_nobody_knows_and_not_for_ever(
    error: GloveboxError | None, *, stays: bool
) -> None:
    now = 1000.0
    keys = {Key(EXPERIMENT.kind, "team", name) for name in ("a", "b")}
    resources = SimpleNamespace(users_of=lambda _: keys, parsed=lambda *_: None)
    ports = cast("Ports", SimpleNamespace(claims={}, clock=lambda: now, resources=resources))

    def fits() -> bool:
        try:
            check_team_budget(ports, named("b"), PROFILE)
        except NotReady:
            return False
        return True

    def bind(answer: Any) -> None:
        with claimed(ports, named("a"), PROFILE) as amounts:
            assert amounts == {"pods": "2"}
            assert not fits(), "while it is being bound"
            if answer is not None:
                raise answer

    if error is None:
        bind(None)
    else:
        with pytest.raises(type(error)):
            bind(error)
    assert fits() is not stays
    now += 601.0
    assert fits()
