"""Whoever changes things back again and again meets bounded repairs, never an open namespace."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from glovebox_local.operator_process import OPERATOR_USER
from support.api import Api, ApiError, path_of
from support.operator_process import IMAGE, Operator, Team, experiment_spec
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.cluster import Cluster

ENFORCE = "pod-security.kubernetes.io/enforce"
# "Within a second or so", on a machine that does other things as well.
RESTORED_SECONDS = 3.0
# More than the number of repairs after which a fight is one.
EDITS = 12
FIGHT_SECONDS = 12.0
HERTZ = 10


@pytest.fixture
def namespace(team: Team) -> str:
    team.declare("Experiment", "kept", experiment_spec("standard", "primary"))
    made: str = team.expect("Experiment", "kept")["status"]["namespace"]
    return made


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_labels_taken_off_again_and_again_come_back_at_once_each_time(
    team: Team, rogue: Api, namespace: str
) -> None:
    path = path_of("v1", "namespaces", name=namespace)
    slowest = 0.0
    for _ in range(EDITS):
        rogue.patch(path, {"metadata": {"labels": {ENFORCE: "privileged"}}})
        begun = time.monotonic()
        eventually(
            lambda: team.api.get(path)["metadata"]["labels"].get(ENFORCE) == "restricted" or None,
            what="the label is back",
            timeout=5 * RESTORED_SECONDS,
        )
        slowest = max(slowest, time.monotonic() - begun)
    assert slowest < RESTORED_SECONDS


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_policy_deleted_again_and_again_comes_back_at_once_each_time(
    team: Team, rogue: Api, namespace: str
) -> None:
    path = path_of(
        "networking.k8s.io/v1", "networkpolicies", namespace=namespace, name="glovebox-default-deny"
    )
    slowest = 0.0
    for _ in range(EDITS):
        rogue.delete(path)
        begun = time.monotonic()
        eventually(
            lambda: team.api.find(path), what="the policy is back", timeout=5 * RESTORED_SECONDS
        )
        slowest = max(slowest, time.monotonic() - begun)
    assert slowest < RESTORED_SECONDS


@pytest.mark.parametrize(
    "off",
    [
        pytest.param({ENFORCE: "privileged"}, id="Pod Security is off"),
        pytest.param({"glovebox.dev/experiment-uid": None}, id="the mark of the guards is off"),
        pytest.param(
            {ENFORCE: "privileged", "glovebox.dev/experiment-uid": None}, id="both are off"
        ),
    ],
)
def test_no_pod_comes_in_while_labels_are_off(
    team: Team, rogue: Api, namespace: str, off: dict[str, str | None]
) -> None:
    path = path_of("v1", "namespaces", name=namespace)
    pods = path_of("v1", "pods", namespace=namespace)
    pod = {
        "metadata": {"name": "foreign"},
        "spec": {
            "hostNetwork": True,
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "main",
                    "image": IMAGE.replace("trainer", "foreign"),
                    "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}},
                }
            ],
        },
    }
    for _ in range(10):
        rogue.patch(path, {"metadata": {"labels": off}})
        with pytest.raises(ApiError, match=r"PodSecurity|ValidatingAdmission"):
            rogue.create(pods, pod)
    assert team.api.find(f"{pods}/foreign") is None


def fight(act: Callable[[int], None]) -> None:
    """Act ten times a second for as long as a fight takes."""
    over = threading.Event()
    end = time.monotonic() + FIGHT_SECONDS
    number = 0
    while time.monotonic() < end:
        act(number)
        number += 1
        over.wait(1 / HERTZ)


def counted(cluster: Cluster, team: Team, namespace: str) -> dict[str, int]:
    """Return how often the operator wrote: objects of the namespace, status, Events."""
    found = {"objects": 0, "status": 0, "events": 0}
    for event in cluster.audit(team.name, namespace):
        about = event.get("objectRef") or {}
        if event["user"]["username"] != OPERATOR_USER or event["verb"] in {"get", "list", "watch"}:
            continue
        if about.get("resource") == "events" and about.get("namespace") == team.name:
            found["events"] += 1
        elif about.get("namespace") == namespace:
            found["objects"] += 1
        elif (about.get("namespace"), about.get("name")) == (team.name, "kept"):
            found["status"] += 1
    return found


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    ("what", "most_writes"),
    [
        # It opens a route, so it goes within a second, each time.
        pytest.param("foreign policy", FIGHT_SECONDS * 1.5 + 8, id="a foreign policy comes back"),
        pytest.param("own limits", FIGHT_SECONDS * 1.5 + 8, id="own limits are edited"),
    ],
)
def test_a_fight_costs_a_bounded_number_of_writes_status_updates_and_events(
    cluster: Cluster,
    team: Team,
    rogue: Api,
    operator: Operator,
    namespace: str,
    what: str,
    most_writes: float,
) -> None:
    policies = path_of("networking.k8s.io/v1", "networkpolicies", namespace=namespace)
    limits = path_of("v1", "limitranges", namespace=namespace, name="glovebox-limits")
    foreign: dict[str, Any] = {
        "metadata": {"name": "allow-all"},
        "spec": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]},
    }
    made = 0

    def act(number: int) -> None:
        nonlocal made
        if what == "own limits":
            rogue.patch(limits, {"metadata": {"labels": {"edit": str(number)}}})
            made += 1
        elif team.api.find(f"{policies}/allow-all") is None:
            rogue.create(policies, foreign)
            made += 1

    before = counted(cluster, team, namespace)
    fight(act)
    after = counted(cluster, team, namespace)
    spent = {key: after[key] - before[key] for key in after}
    assert made > 5, "there was a fight"
    assert 0 < spent["objects"] <= most_writes, spent
    assert spent["status"] <= FIGHT_SECONDS, spent
    assert spent["events"] <= FIGHT_SECONDS, spent
    eventually(
        lambda: (
            (
                team.api.find(f"{policies}/allow-all") is None
                and "edit" not in team.api.get(limits)["metadata"]["labels"]
            )
            or None
        ),
        what="it ends as declared",
        timeout=40,
    )
    assert operator.part.running
