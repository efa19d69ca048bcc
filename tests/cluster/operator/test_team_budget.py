"""The budget of a team: what has no room waits with nothing of it there, and goes on by itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from glovebox import names
from support.operator_process import Operator, Team, experiment_spec, profile_spec
from support.waiting import eventually

CPU = "requests.cpu"


@pytest.fixture
def profile(platform: Team, team: Team) -> str:
    """A profile with room for two Experiments that ask for its default."""
    name = f"{team.name}-bounded"
    budget = [{"resource": CPU, "maximum": "2"}]
    platform.declare("IsolationProfile", name, profile_spec(teamBudget=budget))
    platform.expect("IsolationProfile", name)
    return name


def two_bound(team: Team, among: Iterable[str], timeout: float = 30.0) -> tuple[set[str], set[str]]:
    """Return who is bound and who waits for room, once two are bound and the others wait."""
    everybody = set(among)

    def look() -> tuple[set[str], set[str]]:
        reasons = {name: team.condition("Experiment", name, "Ready") for name in everybody}
        bound = {name for name, each in reasons.items() if each.get("reason") == "Provisioned"}
        waiting = {
            name for name, each in reasons.items() if each.get("reason") == "TeamBudgetExceeded"
        }
        assert (len(bound), bound | waiting) == (2, everybody), reasons
        return bound, waiting

    return eventually(look, what="two are bound, and the others wait", timeout=timeout)


def namespaces(team: Team) -> set[str]:
    """Return the Experiments of a team of which there is a namespace."""
    selector = f"{names.LABEL_TEAM}={team.name}"
    found = team.api.list("/api/v1/namespaces", labelSelector=selector)
    return {each["metadata"]["labels"][names.LABEL_EXPERIMENT] for each in found}


def close(team: Team, name: str) -> None:
    closed = {"spec": {"lifecycle": {"desired": "Sealed"}}}
    team.api.patch(team.path("Experiment", name), closed)


def check_waiting(team: Team, name: str, others: Iterable[str]) -> bool:
    status: dict[str, Any] = team.read("Experiment", name)["status"]
    assert not {"namespace", "digest", "teamBudget"} & status.keys()
    said = team.condition("Experiment", name, "QuotaApplied")
    assert (said["status"], said["reason"]) == ("False", "TeamBudgetExceeded")
    named = ", ".join(sorted(others))
    assert f"with the 2 of {named} that is more than the 2" in said["message"]
    assert f"namespace {team.name} together" in said["message"]
    assert team.condition("Experiment", name, "Stalled").get("status") != "True"
    return True


@pytest.mark.timeout(180)
def test_what_has_no_room_waits_with_nothing_of_it_there_until_others_are_sealed_or_deleted(
    team: Team, operator: Operator, profile: str
) -> None:
    for name in "abcd":
        team.declare("Experiment", name, experiment_spec(profile, "primary"))
    bound, waiting = two_bound(team, "abcd")
    assert namespaces(team) == bound
    for name in waiting:
        check_waiting(team, name, bound)

    # Another process counts the same.
    operator.kill()
    operator.start()
    team.declare("Experiment", "e", experiment_spec(profile, "primary"))
    team.expect("Experiment", "e", status="False", reason="TeamBudgetExceeded")
    check_waiting(team, "e", bound)

    # Either way gives the room of one back, and nobody tells those that wait.
    sealed, deleted = sorted(bound)
    close = {"spec": {"lifecycle": {"desired": "Sealed"}}}
    team.api.patch(team.path("Experiment", sealed), close)
    team.expect("Experiment", sealed, "Sealed")
    team.api.delete(team.path("Experiment", deleted))
    bound, waiting = two_bound(team, set("abcde") - {sealed, deleted}, timeout=60)
    for name in bound:
        assert team.read("Experiment", name)["status"]["teamBudget"] == {CPU: "1"}
    (last,) = waiting
    eventually(lambda: check_waiting(team, last, bound), what="it waits for those that came")
    team.expect("Experiment", sealed, "Sealed")
    assert namespaces(team) == {sealed, *bound}
