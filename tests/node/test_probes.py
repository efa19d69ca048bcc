"""The probe in a real pod.

On a network that enforces policies it proves isolation, on one that does not it says so.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from glovebox_local.operator_process import OPERATOR_USER
from support.api import path_of
from support.operator_process import BREAK_GLASS, Operator, Team, experiment_spec, profile_spec
from support.waiting import eventually

if TYPE_CHECKING:
    from support.node import NodeCluster

POLICIES = "networking.k8s.io/v1"


@pytest.fixture(scope="module")
def probed(node_cluster: NodeCluster, platform: Team) -> str:
    """A profile whose experiments are probed."""
    name = f"probed-{uuid.uuid4().hex[:8]}"
    repository = node_cluster.image.reference.partition("@")[0]
    platform.declare(
        "IsolationProfile",
        name,
        profile_spec(images=[{"repository": repository}], probe={"schedule": "Once"}),
    )
    platform.expect("IsolationProfile", name)
    return name


def declaration(node_cluster: NodeCluster, profile: str) -> dict[str, Any]:
    return experiment_spec(
        profile, "primary", images=[{"name": "trainer", "reference": node_cluster.image.reference}]
    )


def test_isolation_is_proven_where_it_holds(
    node_cluster: NodeCluster, team: Team, probed: str
) -> None:
    team.declare("Experiment", "sealed-in", declaration(node_cluster, probed))
    made = team.expect("Experiment", "sealed-in", "Isolated", "True", "Proven", timeout=60)
    assert made["status"]["isolation"]["attempts"] > 20


@pytest.mark.slow
def test_walls_that_do_not_hold_are_named(
    node_cluster: NodeCluster, team: Team, probed: str, operator: Operator
) -> None:
    rogue = node_cluster.cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
    team.declare("Experiment", "wide-open", declaration(node_cluster, probed))
    namespace = team.expect("Experiment", "wide-open")["status"]["namespace"]
    jobs = path_of("batch/v1", "jobs", namespace=namespace)
    eventually(lambda: rogue.find(f"{jobs}/glovebox-probe"), what="the probe was started")
    # As on a network that enforces nothing: the declaration is right, and no packet is held back.
    # Nobody repairs meanwhile.
    operator.kill()
    try:
        policies = path_of(POLICIES, "networkpolicies", namespace=namespace)
        for policy in rogue.list(policies):
            rogue.delete(f"{policies}/{policy['metadata']['name']}")
        # The first pod may have been quicker than we: the Job is created again as the operator had
        # declared it, and by nobody else but it.
        job = rogue.get(f"{jobs}/glovebox-probe")
        rogue.delete(f"{jobs}/glovebox-probe")
        eventually(lambda: not rogue.find(f"{jobs}/glovebox-probe"), what="the Job is gone")
        again = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {k: job["metadata"][k] for k in ("name", "labels", "annotations")},
        }
        spec = {k: v for k, v in job["spec"].items() if k not in {"selector", "manualSelector"}}
        kept = {
            k: v
            for k, v in spec["template"]["metadata"]["labels"].items()
            if "controller-uid" not in k and "job-name" not in k
        }
        spec["template"]["metadata"]["labels"] = kept
        node_cluster.cluster.api_as(OPERATOR_USER).create(jobs, {**again, "spec": spec})
        eventually(
            lambda: rogue.get(f"{jobs}/glovebox-probe").get("status", {}).get("conditions"),
            what="the probe is over",
            timeout=60,
        )
    finally:
        operator.start()
    made = team.expect("Experiment", "wide-open", "Isolated", "False", "ProbeFailed", timeout=60)
    failed = set(made["status"]["isolation"]["failed"])
    # The far address answers as well on a machine that has a way out.
    assert {"api-server"} <= failed <= {"api-server", "undeclared"}
    assert (
        "api-server: 10.96.0.1 port 443: accepted"
        in team.condition("Experiment", "wide-open", "Isolated")["message"]
    )
