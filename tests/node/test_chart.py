"""The operator as the chart deploys it.

A pod under its own service account, in the image of the Dockerfile.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from glovebox import names
from glovebox_local.operator_process import OPERATOR_NAMESPACE
from node.test_runs import ROWS, Run
from support.operator_process import CHART, Operator, Team, install_chart

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox_local.images import Image
    from support.node import NodeCluster


@pytest.fixture(params=["InProcess", "Jobs"])
def deployed(
    request: pytest.FixtureRequest,
    node_cluster: NodeCluster,
    platform: Team,
    operator: Operator,
    glovebox_image: Image,
) -> Iterator[str]:
    """The chart with its Deployment, in place of the process in the gateway.

    As a platform installs it; yields where tasks are done.
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
        "--set",
        f"operator.settings.tasks={request.param}",
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
        yield str(request.param)
    finally:
        install_chart(node_cluster.cluster)
        operator.start()


def pods_of_tasks(node_cluster: NodeCluster) -> set[str]:
    """Return what the Job controller told of the pods that it made for tasks."""
    told = node_cluster.cluster.kubectl(
        "get", "events", "-n", OPERATOR_NAMESPACE, "-o", "json"
    ).stdout
    return {
        event["message"]
        for event in json.loads(told)["items"]
        if event["reason"] == "SuccessfulCreate" and names.TASK_PREFIX in event["message"]
    }


def test_the_deployed_operator_runs_an_experiment_to_its_seal(
    node_cluster: NodeCluster, team: Team, deployed: str
) -> None:
    before = pods_of_tasks(node_cluster)
    run = Run(node_cluster, team)
    run.pin("rows", ROWS)
    sealed = run.ended("plain", "cat /inputs/train/rows.csv >/dev/null", inputs=run.inputs)
    assert sealed["status"]["run"]["outcome"] == "Succeeded"
    assert "findings" not in sealed["status"]["seal"]
    made = pods_of_tasks(node_cluster) - before
    assert len(made) == (2 if deployed == "Jobs" else 0), "the pin and the seal, each in a pod"
    log = node_cluster.cluster.kubectl(
        "logs", "-n", OPERATOR_NAMESPACE, "deployment/glovebox-operator"
    ).stdout
    assert '"level": "info"' in log
    assert '"level": "error"' not in log
