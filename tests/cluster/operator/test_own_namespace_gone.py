"""The operator's own namespace is deleted while it runs, and everything is installed again.

With it go the keys of seals, the store's credentials, the lease and notes. On a cluster of its own.
"""

from __future__ import annotations

import pytest

from glovebox_local.operator_process import OPERATOR_NAMESPACE
from support.api import path_of
from support.cluster import running_cluster
from support.kubelet import end_pod, run_pod
from support.operator_process import (
    PLATFORM_IMAGE,
    Team,
    declare_platform,
    experiment_spec,
    install_chart,
    running_operator,
    store_secret,
)
from support.run_credentials import write_artifact
from support.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
OWN = path_of("v1", "namespaces", name=OPERATOR_NAMESPACE)


def ended(team: Team, name: str) -> None:
    """Let the run of an Experiment succeed."""
    made = team.expect("Experiment", name, timeout=60)
    write_artifact(team, made, "model.bin", b"weights")
    space = made["status"]["namespace"]
    pod = eventually(lambda: run_pod(team.api, space), what="the run's pod")
    end_pod(team.api, pod, 0)


def test_what_was_sealed_stays_sealed_and_nothing_is_signed_with_another_key_by_itself(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with (
        running_cluster(tmp_path_factory.mktemp("own")) as cluster,
        running_operator(cluster, tmp_path_factory.mktemp("operator"), PLATFORM_IMAGE) as operator,
    ):
        declare_platform(cluster)
        team = Team(cluster, "team")
        team.declare("Experiment", "before", experiment_spec("standard", "primary", run=RUN))
        ended(team, "before")
        before = team.expect("Experiment", "before", "Sealed", timeout=90)
        team.declare("Experiment", "stands", experiment_spec("standard", "primary"))
        stands = team.expect("Experiment", "stands", timeout=60)
        cluster.api.delete(OWN)
        eventually(lambda: cluster.api.find(OWN) is None, what="it is gone", timeout=60)
        team.declare("Experiment", "meanwhile", experiment_spec("standard", "primary"))
        team.expect("Experiment", "meanwhile", timeout=60)

        install_chart(cluster)
        store_secret(cluster)
        team.declare("Experiment", "after", experiment_spec("standard", "primary", run=RUN))
        ended(team, "after")
        team.expect("Experiment", "after", "Sealed", "False", "SigningKeyLost", timeout=90)
        said = team.condition("Experiment", "after", "Sealed")["message"]
        assert "`glovebox keys new`" in said
        for name, earlier in (("before", before), ("stands", stands)):
            status = team.expect("Experiment", name, timeout=60)["status"]
            for field in ("namespace", "digest", "seal"):
                assert status.get(field) == earlier["status"].get(field), (name, field)
        assert operator.part.running
