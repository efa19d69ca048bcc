"""Which experiment is too much for the budget of its team, and how that reads."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.api.experiment import Experiment
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.desired.profile_defects import check_profile
from glovebox.desired.team_budget import counted, find_excess
from glovebox.errors import Refused

CPU, MEMORY, GPU = "requests.cpu", "requests.memory", "requests.nvidia.com/gpu"


def profile(**budget: str) -> IsolationProfile:
    named = {"cpu": CPU, "memory": MEMORY, "gpu": GPU, "pods": "pods"}
    return IsolationProfile.model_validate(
        {
            "metadata": {"name": "standard"},
            "spec": {
                "quota": [
                    {"resource": CPU, "default": "2", "maximum": "16"},
                    {"resource": MEMORY, "default": "4Gi", "maximum": "64Gi"},
                ],
                "accelerators": [
                    {"resource": "nvidia.com/gpu", "maximum": 4, "nodeSelector": {"gpu": "yes"}}
                ],
                "teamBudget": [
                    {"resource": named[name], "maximum": amount} for name, amount in budget.items()
                ],
            },
        }
    )


def experiment(quota: dict[str, str], stages: list[dict[str, Any]] | None = None) -> Experiment:
    return Experiment.model_validate(
        {
            "metadata": {"name": "one", "namespace": "team", "uid": "u"},
            "spec": {
                "profile": "standard",
                "purpose": {"description": "to count", "owner": "team"},
                "resources": {"quota": quota},
                "images": [{"name": "it", "reference": f"r.example/it@sha256:{'0' * 64}"}],
                "stages": stages or [],
                "artifacts": {"storeRef": {"name": "primary"}},
            },
        }
    )


def test_an_experiment_counts_for_what_it_gets_and_for_nothing_that_has_no_budget() -> None:
    assert counted(experiment({}), profile()) == {}
    assert counted(experiment({}), profile(cpu="9")) == {CPU: "2"}, "the default of the profile"
    asked = experiment({CPU: "1500m", MEMORY: "1024Mi"})
    assert counted(asked, profile(cpu="9", memory="9Gi")) == {CPU: "1500m", MEMORY: "1Gi"}
    stage = {"name": "fit", "image": "it", "command": ["x"], "resources": {"nvidia.com/gpu": "2"}}
    assert counted(experiment({}, [stage]), profile(gpu="4")) == {GPU: "2"}
    assert counted(experiment({}), profile(gpu="4")) == {GPU: "0"}


@pytest.mark.parametrize(
    ("asked", "others", "finds"),
    [
        ({CPU: "8"}, {}, None),
        ({CPU: "8"}, {"a": {CPU: "2"}}, None),
        ({CPU: "8"}, {"a": {CPU: "2"}, "b": {CPU: "1m"}}, ("8", "2001m", ("a", "b"), False)),
        ({CPU: "8"}, {"a": {MEMORY: "99Gi"}}, None),
        ({CPU: "11"}, {}, ("11", "0", (), True)),
        ({CPU: "11"}, {"a": {CPU: "1"}}, ("11", "1", ("a",), True)),
        ({CPU: "0"}, {"a": {CPU: "99"}}, None),
        ({}, {"a": {CPU: "99"}}, None),
        ({CPU: "1"}, {"a": {CPU: "99"}, "b": {CPU: "0"}}, ("1", "99", ("a",), False)),
    ],
)
def test_what_is_too_much(
    asked: dict[str, str],
    others: dict[str, dict[str, str]],
    finds: tuple[str, str, tuple[str, ...], bool] | None,
) -> None:
    found = find_excess(profile(cpu="10"), asked, others)
    shown = found and (found.asked, found.had, found.by, found.is_final)
    assert shown == finds


def test_the_first_resource_that_is_short_is_told_with_units_that_people_write() -> None:
    others = {name: {CPU: "1", MEMORY: "8Gi"} for name in "abcdefg"}
    excess = find_excess(profile(cpu="10", memory="64Gi"), {CPU: "1", MEMORY: "16Gi"}, others)
    assert excess is not None
    assert excess.describe("team", "standard") == (
        "the experiment asks for 16Gi of requests.memory, and with the 56Gi of a, b, c, d, e, ..."
        " that is more than the 64Gi that IsolationProfile standard gives to all experiments of"
        " namespace team together (`spec.teamBudget`): it waits until enough of them are sealed or"
        " deleted, or ask for less in spec.resources.quota['requests.memory']"
    )


def test_a_budget_of_what_nobody_can_have_is_a_defect_of_the_profile() -> None:
    """The API server says so when it is written; this is of one that is older than its rule."""
    check_profile(profile(cpu="9", gpu="2"))
    with pytest.raises(Refused, match=r"spec\.teamBudget\[pods\] bounds a resource"):
        check_profile(profile(pods="9"))


def test_a_budget_that_no_counter_can_hold_is_a_defect_of_the_profile() -> None:
    with pytest.raises(Refused, match=r"spec\.teamBudget\[requests\.cpu\]\.maximum"):
        check_profile(profile(cpu="10E"))
