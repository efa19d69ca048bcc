"""A neighbour that takes all it can get.

It is bounded, its status says by what, and others and the operator go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.noise import (
    ENDLESS_DISK,
    ENDLESS_MEMORY,
    ENDLESS_PROCESSES,
    FIXED_WORK,
    FOUR_BUSY_PROCESSES,
    NO_TOKEN,
    Noisy,
    hammering,
)

if TYPE_CHECKING:
    from glovebox_local.images import Image
    from support.node import NodeCluster
    from support.operator_process import Operator, Team

# Of the node's configuration.
PIDS_LIMIT = 1024


@pytest.fixture
def noisy(node_cluster: NodeCluster, platform: Team, glovebox_image: Image) -> Noisy:
    """A profile with little disk for everybody."""
    del platform
    return Noisy(node_cluster, glovebox_image.reference)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_noisy_neighbour_is_bounded_and_told_while_others_go_on(
    noisy: Noisy, operator: Operator
) -> None:
    process = operator.part.pid
    loud, quiet = noisy.loud, noisy.quiet
    noisy.declare(loud, "memory", ENDLESS_MEMORY, {"memory": "96Mi"})
    noisy.declare(loud, "disk", ENDLESS_DISK)
    noisy.declare(loud, "processes", ENDLESS_PROCESSES)
    noisy.declare(loud, "processor", FOUR_BUSY_PROCESSES, {"cpu": "300m"})
    namespace = loud.expect("Experiment", "disk")["status"]["namespace"]
    with hammering(noisy, loud, namespace) as answers:
        noisy.declare(quiet, "work", FIXED_WORK)
        noisy.declare(quiet, "token", NO_TOKEN)
        done = noisy.sealed(quiet, "work")
        assert operator.page("/readyz")
    assert done["run"]["outcome"] == "Succeeded"
    assert done["run"]["attempts"] == 1
    assert noisy.said(done)[0] == "done"
    assert noisy.said(noisy.sealed(quiet, "token")) == ["no-token"]
    # The one who hammered was answered what is theirs and refused what is not, or told to come back
    # later.
    assert answers["OK"] > 0
    assert answers["Forbidden"] > 0
    assert set(answers) <= {"OK", "Forbidden", "TooManyRequests"}

    memory = noisy.sealed(loud, "memory")["run"]
    assert memory["outcome"] == "Failed"
    assert memory["exitCode"] == 137
    assert "OOMKilled" in memory["message"]

    disk = noisy.sealed(loud, "disk")["run"]
    assert disk["outcome"] == "Failed"
    assert "evicted" in disk["message"]
    assert "ephemeral local storage" in disk["message"]
    assert disk["attempts"] == 1

    forked, _, refusal = noisy.said(noisy.sealed(loud, "processes"))
    assert PIDS_LIMIT / 2 < int(forked) < PIDS_LIMIT
    assert refusal == "EAGAIN"

    # 300m: four processes that never rest get that together, and not what the processors could
    # give.
    (share,) = noisy.said(noisy.sealed(loud, "processor"))
    assert float(share) < 0.45

    assert operator.page("/readyz")
    assert operator.part.pid == process, "the operator was never started again"
