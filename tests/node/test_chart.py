"""The operator as the chart deploys it.

A pod under its own service account, in the image of the Dockerfile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from glovebox_local.operator_process import OPERATOR_NAMESPACE
from support.operator_process import CHART, Operator, Team, experiment_spec, install_chart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox_local.images import Image
    from support.node import NodeCluster


@pytest.fixture
def deployed(
    node_cluster: NodeCluster, platform: Team, operator: Operator, glovebox_image: Image
) -> Iterator[None]:
    """The chart with its Deployment, in place of the process in the gateway.

    As a platform installs it.
    """
    del platform
    repository, _, digest = glovebox_image.reference.partition("@")
    cluster = node_cluster.cluster
    # The ports of this machine's API server and store are none of the usual ones.
    api_server, store = (urlsplit(url).port for url in (cluster.api.url, cluster.store.endpoint))
    values = (
        "--set",
        f"networkPolicy.apiServer.ports={{443,{api_server}}}",
        "--set",
        f"networkPolicy.stores.ports={{{store}}}",
        "--set",
        f"operator.image.repository={repository}",
        "--set",
        f"operator.image.digest={digest}",
        "--reset-values",
    )
    command = (
        "upgrade",
        "--install",
        "glovebox",
        str(CHART),
        "--namespace",
        OPERATOR_NAMESPACE,
        *values,
        "--wait",
        "--timeout=90s",
    )
    operator.stop()
    try:
        node_cluster.cluster.helm(*command)
        yield
    finally:
        install_chart(node_cluster.cluster)
        operator.start()


@pytest.mark.usefixtures("deployed")
def test_the_deployed_operator_runs_an_experiment_to_its_seal(
    node_cluster: NodeCluster, team: Team
) -> None:
    images = [{"name": "trainer", "reference": node_cluster.image.reference}]
    run = {"image": "trainer", "command": ["sh", "-c", "echo learning"]}
    team.declare(
        "Experiment", "plain", experiment_spec("standard", "primary", images=images, run=run)
    )
    sealed = team.expect("Experiment", "plain", "Sealed", timeout=60)
    assert sealed["status"]["run"]["outcome"] == "Succeeded"
    log = node_cluster.cluster.kubectl(
        "logs", "-n", OPERATOR_NAMESPACE, "deployment/glovebox-operator"
    ).stdout
    assert '"level": "info"' in log
    assert '"level": "error"' not in log
