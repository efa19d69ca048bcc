"""What wakes an experiment of its pods and Jobs: progress, and what a container waits for."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.kube.kinds import POD
from glovebox.kube.workloads import Workloads

SPACE = "gbx-team-exp-0123456789"


def pod(version: int, namespace: str = SPACE, **status: Any) -> dict[str, Any]:
    metadata = {
        "name": "p",
        "namespace": namespace,
        "uid": "u",
        "resourceVersion": str(version),
    }
    return {"metadata": metadata, "status": {"phase": "Pending", **status}}


def container(field: str, **state: dict[str, Any]) -> dict[str, Any]:
    return {field: [{"name": "main", "state": state, "restartCount": 3}]}


PULLING = container("containerStatuses", waiting={"reason": "ContainerCreating"})


@pytest.mark.parametrize(
    ("status", "woken"),
    [
        pytest.param(PULLING, False, id="the same"),
        pytest.param({**PULLING, "hostIP": "10.0.0.1"}, False, id="a field nobody waits for"),
        pytest.param({**PULLING, "phase": "Running"}, True, id="another phase"),
        pytest.param(
            container("containerStatuses", waiting={"reason": "ImagePullBackOff"}),
            True,
            id="an image that cannot be pulled",
        ),
        pytest.param(
            {**PULLING, **container("initContainerStatuses", running={"startedAt": "x"})},
            True,
            id="inputs are fetched",
        ),
        pytest.param(
            container("containerStatuses", terminated={"reason": "Error", "exitCode": 3}),
            True,
            id="it ended",
        ),
        pytest.param(
            {**PULLING, "conditions": [{"type": "PodScheduled", "status": "True"}]},
            True,
            id="a condition",
        ),
    ],
)
def test_what_is_progress(status: dict[str, Any], *, woken: bool) -> None:
    said: list[str] = []
    table = Workloads(said.append).table(POD)
    table.seen(pod(1, **PULLING))
    table.seen(pod(2, **status))
    assert said == [SPACE, *([SPACE] if woken else [])]


def test_a_pod_that_goes_wakes_its_experiment_and_a_foreign_one_nobody() -> None:
    said: list[str] = []
    table = Workloads(said.append).table(POD)
    table.seen(pod(1))
    table.gone(pod(2))
    table.seen(pod(3, "kube-system"))
    assert said == [SPACE, SPACE]


def test_a_pod_that_somebody_ends_wakes_its_experiment_before_its_log_is_gone() -> None:
    woken: list[str] = []
    table = Workloads(woken.append).table(POD)
    table.seen(pod(1, phase="Running"))
    woken.clear()
    leaving = pod(2, phase="Running")
    leaving["metadata"]["deletionTimestamp"] = "2026-11-25T05:00:00Z"
    table.seen(leaving)
    assert woken == [SPACE]
