"""Found: a cluster admin without break-glass ends or forges the run by another endpoint.

Each is expected to fail until cured.
"""

from __future__ import annotations

import pytest

from cluster.attacks.attempt import Json
from cluster.attacks.found import RUN, PromiseBroken, run_pod, say_complete
from cluster.attacks.identities import OTHER_TEAM, OTHER_TENANT
from cluster.attacks.stage import Stage
from support.api import ApiError, path_of
from support.operator_process import Team, experiment_spec
from support.waiting import eventually


def running(stage: Stage, name: str) -> tuple[Team, str]:
    """Declare an Experiment with a run; return its team and its namespace."""
    team = Team(stage.cluster, OTHER_TEAM)
    team.declare("Experiment", name, experiment_spec("standard", "primary", run=RUN))
    return team, team.expect("Experiment", name)["status"]["namespace"]


def path_of_run_pod(stage: Stage, namespace: str) -> str:
    name = run_pod(stage.api, namespace)["metadata"]["name"]
    return path_of("v1", "pods", namespace=namespace, name=name)


def outcome(team: Team, name: str) -> str:
    def look() -> str | None:
        run = team.read("Experiment", name)["status"].get("run") or {}
        return run.get("outcome")

    return str(eventually(look, what="the run's outcome"))


@pytest.mark.xfail(raises=PromiseBroken, strict=True, reason="no guard looks at jobs/status")
def test_nobody_else_says_that_the_run_succeeded(stage: Stage) -> None:
    """The pod has no node and never began; what is signed afterwards says that it succeeded."""
    team, namespace = running(stage, "forged")
    try:
        say_complete(stage.api, namespace)
    except ApiError as error:
        assert "ValidatingAdmissionPolicy" in error.message  # noqa: PT017 - the cure
        return
    if outcome(team, "forged") == "Succeeded":
        raise PromiseBroken("a run that never began is recorded as Succeeded")


@pytest.mark.xfail(raises=PromiseBroken, strict=True, reason="no guard looks at pods/status")
def test_nobody_else_says_that_a_pod_of_the_run_ended(stage: Stage) -> None:
    team, namespace = running(stage, "told")
    pod = path_of_run_pod(stage, namespace)
    try:
        stage.api.patch(f"{pod}/status", {"status": {"phase": "Succeeded"}})
    except ApiError as error:
        assert "ValidatingAdmissionPolicy" in error.message  # noqa: PT017 - the cure
        return
    if outcome(team, "told") == "Succeeded":
        raise PromiseBroken("a run that never began is recorded as Succeeded")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("unmarked", {"labels": {"app.kubernetes.io/managed-by": None}}),
        (
            "disowned",
            {
                "ownerReferences": [
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "name": "none",
                        "uid": "0b6d4f3e-0000-4000-8000-000000000009",
                    }
                ]
            },
        ),
    ],
)
@pytest.mark.xfail(raises=PromiseBroken, strict=True, reason="only new labels are looked at")
def test_what_may_not_be_deleted_may_not_be_made_deletable(
    stage: Stage, name: str, change: Json
) -> None:
    """Deleting a pod of the run is refused; taking its mark or its owner off is not."""
    _, namespace = running(stage, name)
    pod = path_of_run_pod(stage, namespace)
    with pytest.raises(ApiError, match="only the Glovebox operator may delete pods"):
        stage.api.delete(pod, dryRun=["All"])
    try:
        stage.api.patch(pod, {"metadata": change})
    except ApiError as error:
        assert "ValidatingAdmissionPolicy" in error.message  # noqa: PT017 - the cure
        return
    if "labels" in change:
        OTHER_TENANT.of(stage.api).delete(pod)  # whom nothing stops any more
    # The owner that there is not makes the garbage collector delete it.
    eventually(
        lambda: (stage.api.find(pod) or {"metadata": {"deletionTimestamp": "gone"}})[
            "metadata"
        ].get("deletionTimestamp"),
        what="the pod ends",
    )
    raise PromiseBroken("the run's pod was deleted")
