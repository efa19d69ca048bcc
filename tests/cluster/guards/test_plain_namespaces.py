"""Namespaces without an experiment's mark are nobody's concern.

Each thing that is refused inside is admitted there.
"""

from __future__ import annotations

import pytest

from cluster.guards import objects
from cluster.guards.actors import CLUSTER_ADMIN, NAMESPACE_ADMIN, Kubectl, expect_admitted

SPACE = objects.PLAIN_NAMESPACE


@pytest.mark.parametrize(
    "thing",
    [
        pytest.param(
            objects.pod(SPACE, containers=[objects.container("busybox:1")]), id="a tag image"
        ),
        pytest.param(
            objects.job(SPACE, containers=[objects.container("busybox:1")]),
            id="a job with a tag image",
        ),
        pytest.param(objects.pod(SPACE, serviceAccountName="default"), id="another ServiceAccount"),
        pytest.param(objects.pod(SPACE, automountServiceAccountToken=True), id="a token"),
        pytest.param(objects.pod(SPACE, nodeName="n1"), id="a chosen node"),
        pytest.param(objects.pod(SPACE, tolerations=[{"operator": "Exists"}]), id="tolerations"),
        pytest.param(objects.pod(SPACE, runtimeClassName="weak"), id="a runtime"),
        *(
            pytest.param(thing, id=thing["metadata"]["name"])
            for thing in objects.walls(SPACE)
            if thing["metadata"]["name"] != "glovebox-runner"
        ),
        pytest.param(objects.allow_all(SPACE), id="a NetworkPolicy"),
        pytest.param(objects.role(SPACE), id="a Role"),
        pytest.param(objects.service_account(SPACE, "second"), id="a ServiceAccount"),
    ],
)
def test_it_is_admitted(experiments: Kubectl, thing: objects.Json) -> None:
    expect_admitted(experiments.create(CLUSTER_ADMIN, thing))


def test_tokens_are_issued(experiments: Kubectl) -> None:
    expect_admitted(
        experiments(NAMESPACE_ADMIN, "create", "token", "default", f"--namespace={SPACE}")
    )


def test_walls_can_be_edited_and_deleted(experiments: Kubectl) -> None:
    expect_admitted(
        experiments(
            CLUSTER_ADMIN,
            "label",
            "serviceaccount",
            "glovebox-runner",
            f"--namespace={SPACE}",
            "x=y",
            "--dry-run=server",
        )
    )
    expect_admitted(
        experiments(
            CLUSTER_ADMIN, "delete", "--raw", f"/api/v1/namespaces/{SPACE}/configmaps?dryRun=All"
        )
    )
