"""Pods that leave their user to the cluster are admitted, and so they are once it gave one.

The cluster of these tests gives none. What OpenShift's admission writes into a pod is written into
a pod of the Job controller here, and asked of the guards and of Pod Security.
"""

from __future__ import annotations

import copy
import uuid
from typing import Any

import pytest

from support.api import ApiError, path_of
from support.operator_process import Team, experiment_spec, profile_spec
from support.waiting import eventually

JOB_CONTROLLER = "system:serviceaccount:kube-system:job-controller"
# As in a namespace with `openshift.io/sa.scc.uid-range: 1000680000/10000`.
USER = 1000680000


def given(pod: dict[str, Any], user: int) -> dict[str, Any]:
    """Return a pod as the SCC `restricted-v2` has it."""
    made = copy.deepcopy(pod)
    made["metadata"] = {
        "generateName": "glovebox-run-",
        "namespace": pod["metadata"]["namespace"],
        "labels": pod["metadata"]["labels"],
        "ownerReferences": pod["metadata"]["ownerReferences"],
        "annotations": {
            **pod["metadata"].get("annotations", {}),
            "openshift.io/scc": "restricted-v2",
            "seccomp.security.alpha.kubernetes.io/pod": "runtime/default",
        },
    }
    spec = made["spec"]
    spec["securityContext"] |= {"fsGroup": user, "seLinuxOptions": {"level": "s0:c26,c15"}}
    for each in (*spec.get("initContainers", ()), *spec["containers"]):
        each["securityContext"]["runAsUser"] = user
    return {name: made[name] for name in ("metadata", "spec")}


def test_a_run_is_admitted_as_the_user_that_the_cluster_gives_and_never_as_root(
    platform: Team, team: Team
) -> None:
    name = f"users-{uuid.uuid4().hex[:8]}"
    platform.declare("IsolationProfile", name, profile_spec(userIds="OfNamespace"))
    run = {"image": "trainer", "command": ["train"]}
    team.declare("Experiment", "given", experiment_spec(name, "primary", run=run))
    namespace = team.expect("Experiment", "given", timeout=60)["status"]["namespace"]
    pods = path_of("v1", "pods", namespace=namespace)

    def look() -> dict[str, Any] | None:
        return next(iter(team.api.list(pods)), None)

    pod = eventually(look, what="the run has its pod, past the guards and Pod Security")
    contexts = [each["securityContext"] for each in pod["spec"]["containers"]]
    assert not any("runAsUser" in each for each in contexts)
    assert all(each["runAsNonRoot"] for each in contexts)
    controller = team.api.acting_as(JOB_CONTROLLER)
    made = controller.create(pods, given(pod, USER), dryRun="All")
    assert made["spec"]["containers"][0]["securityContext"]["runAsUser"] == USER
    with pytest.raises(ApiError, match="restricted") as refused:
        controller.create(pods, given(pod, 0), dryRun="All")
    assert refused.value.code == 403
