"""Runs of experiments on a real node: user code in a container, between real walls, to its seal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.operator_process import Team, experiment_spec

if TYPE_CHECKING:
    from support.node import NodeCluster


def test_a_run_ends_sealed(node_cluster: NodeCluster, team: Team) -> None:
    images = [{"name": "trainer", "reference": node_cluster.image.reference}]
    run = {"image": "trainer", "command": ["sh", "-c", "echo learning; id -u"]}
    team.declare("Experiment", "plain", experiment_spec("standard", "primary", images=images, run=run))
    sealed = team.expect("Experiment", "plain", "Sealed", timeout=60)
    assert sealed["status"]["run"]["outcome"] == "Succeeded"
