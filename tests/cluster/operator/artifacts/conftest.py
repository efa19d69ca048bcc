"""Two experiments with what they have written, once for all attacks."""

from __future__ import annotations

import uuid

import pytest

from cluster.operator.artifacts.scene import Scene, run_of, write_artifacts
from support.cluster import Cluster
from support.operator_process import Team


@pytest.fixture(scope="package")
def scene(cluster: Cluster, platform: Team) -> Scene:
    """The attacker `run7` and the neighbour `run70` of one team, with artifacts and evidence."""
    del platform
    team = Team(cluster, f"artifacts-{uuid.uuid4().hex[:8]}")
    made = Scene(cluster, run_of(team, "run7"), run_of(team, "run70"))
    write_artifacts(made)
    return made
