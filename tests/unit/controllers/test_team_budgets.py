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
from glovebox.kube.resources import Key, Resources

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


CLAIMED = {"pods": "2"}
BOUND = {"digest": "sha256:" + "a" * 64, "state": "Open", "teamBudget": {"pods": "2"}}


@pytest.mark.parametrize(
    ("spec", "status", "claim", "counts", "why"),
    [
        ({}, BOUND, None, True, "it is bound"),
        ({}, {**BOUND, "state": "Frozen"}, None, True, "what is frozen can be opened again"),
        ({}, {**BOUND, "teamBudget": {}}, None, True, "bound before there was a budget"),
        ({}, {**BOUND, "state": "Sealed"}, None, False, "it was given back"),
        ({}, {}, None, False, "it is not bound"),
        ({"adopts": "another"}, BOUND, None, False, "it took results over, and runs nothing"),
        ({"profile": "other"}, BOUND, None, False, "it has another budget"),
        ({}, {}, CLAIMED, True, "it is being bound"),
        ({}, {**BOUND, "state": "Sealed"}, CLAIMED, False, "what is seen counts"),
        ({}, BOUND, {"pods": "1"}, True, "what is seen counts"),
        ({"purpose": {}}, BOUND, None, True, "it cannot be read, and goes on as it was bound"),
        ({"purpose": {}}, {**BOUND, "state": "Sealed"}, None, False, "given back all the same"),
        ({"purpose": {}}, {}, None, False, "it was never bound"),
        ({"purpose": {}}, {**BOUND, "state": "?"}, None, True, "its share alone is read"),
    ],
)
def test_who_counts(
    spec: dict[str, Any],
    status: dict[str, Any],
    claim: dict[str, str] | None,
    counts: bool,  # noqa: FBT001 - a parameter of the table
    why: str,
) -> None:
    metadata = {"name": "a", "namespace": "team", "uid": "u", "resourceVersion": "1"}
    spec = named("a").model_dump(mode="json", by_alias=True)["spec"] | spec
    obj = {"kind": EXPERIMENT.kind, "metadata": metadata, "spec": spec, "status": status}
    resources = Resources()
    resources.seen(obj)
    # Of another team, and no experiment: nobody asks them.
    elsewhere = {**metadata, "namespace": "team-b"}
    bound = {"metadata": elsewhere, "kind": EXPERIMENT.kind, "status": BOUND}
    resources.seen({**bound, "spec": named("a").model_dump(mode="json", by_alias=True)["spec"]})
    claims = {Key(EXPERIMENT.kind, "team", "a"): Claim(claim, 1600.0)} if claim else {}
    ports = cast("Ports", SimpleNamespace(claims=claims, clock=lambda: 1000.0, resources=resources))
    said_of_b = ""
    try:
        check_team_budget(ports, named("b"), PROFILE)
    except NotReady as error:
        said_of_b = error.message
    assert ("with the 2 of a that is more than" in said_of_b) is counts, why


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
