"""What is claimed of a team's budget while it is being bound, and for how long."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox.api.experiment import Experiment
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.controllers.ports import Claim, Ports
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
    now, seen = 1000.0, dict[Key, Any]()
    keys = {Key(EXPERIMENT.kind, "team", name) for name in ("a", "b")}
    resources = SimpleNamespace(users_of=lambda _: keys, get=seen.get)
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


BOUND = {"digest": "d", "teamBudget": {"pods": "1"}}


@pytest.mark.parametrize(
    ("status", "spec", "had"),
    [
        (BOUND, {}, 1),
        (BOUND, {"purpose": {"description": ""}}, 1),
        (BOUND, {"resources": {"quota": {"pods": "1000E"}}}, 1),
        ({"digest": "d"}, {"resources": {"quota": {"pods": "1000E"}}}, 0),
        ({"digest": "d"}, {}, 2),
        (BOUND | {"state": "Sealed"}, {}, 0),
        (BOUND, {"adopts": "another"}, 0),
        ({}, {}, 2),
    ],
    ids=[
        "bound",
        "cannot be read any more",
        "asks for what nobody can count",
        "was bound before, and asks for what nobody can count",
        "was bound before there was a budget",
        "sealed",
        "took over what another one did",
        "is being bound, so that its claim counts",
    ],
)
def test_what_is_recorded_counts_before_what_is_claimed_and_declared(
    status: dict[str, Any], spec: dict[str, Any], had: int
) -> None:
    other = named("a").model_dump(by_alias=True, mode="json", exclude_none=True)
    other["spec"] |= spec
    other["status"] = status

    def parsed(*_: object) -> Experiment:
        return Experiment.model_validate(other)

    key = Key(EXPERIMENT.kind, "team", "a")
    resources = SimpleNamespace(users_of=lambda _: {key}, get=lambda _: other, parsed=parsed)
    claims = {key: Claim({"pods": "2"}, 99.0)}
    ports = cast("Ports", SimpleNamespace(claims=claims, clock=lambda: 1.0, resources=resources))
    found = {}
    for most in range(2, 5):
        budget = [{"resource": "pods", "maximum": str(most)}]
        body = PROFILE.model_dump(by_alias=True, mode="json", exclude_none=True)
        profile = IsolationProfile.model_validate(
            body | {"spec": body["spec"] | {"teamBudget": budget}}
        )
        try:
            check_team_budget(ports, named("b"), profile)
            found[most - 2] = True
        except NotReady:
            found[most - 2] = False
    assert min(each for each, fits in found.items() if fits) == had
