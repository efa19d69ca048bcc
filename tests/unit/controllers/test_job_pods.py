"""Of a pod only what is used is held, whatever a team has put into it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox import names
from glovebox.controllers.job_pods import is_of_job, pods_in, used_of
from glovebox.desired.intruders import images_of, job_behind, why_inadmissible
from glovebox.status.attempts import attempt_of
from glovebox.status.job_waits import why_waiting
from glovebox.status.runs import eviction_of, failure_of

MIB = 1 << 20
IMAGE = "registry.example/trainer@sha256:" + "a" * 64


def pod(name: str = "p", **spec: Any) -> dict[str, Any]:
    """Return a pod as the API server gives it, with everything that is read of one."""
    state = {"terminated": {"exitCode": 3, "message": "no", "finishedAt": "2026-01-01T00:01:00Z"}}
    return {
        "metadata": {
            "name": name,
            "namespace": "gbx-1",
            "uid": f"uid-{name}",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "deletionTimestamp": "2026-01-01T00:02:00Z",
            "labels": {
                "batch.kubernetes.io/controller-uid": "job-1",
                names.LABEL_MANAGED_BY: names.MANAGED_BY,
            },
            "ownerReferences": [{"kind": "Job", "name": "run", "uid": "job-1", "controller": True}],
        },
        "spec": {
            "nodeName": "node-1",
            "terminationGracePeriodSeconds": 7,
            "initContainers": [{"name": "fetch", "image": IMAGE}],
            "containers": [{"name": "run", "image": IMAGE}],
            **spec,
        },
        "status": {
            "phase": "Failed",
            "reason": "Evicted",
            "message": "the node was low on memory",
            "startTime": "2026-01-01T00:00:10Z",
            "conditions": [{"type": "PodScheduled", "status": "False", "message": "no node"}],
            "containerStatuses": [{"name": "run", "imageID": IMAGE, "state": state}],
        },
    }


def seen_of(one: dict[str, Any]) -> list[Any]:
    """Return what is made of a pod anywhere."""
    waiting = {**one, "status": {**one["status"], "phase": "Pending"}}
    return [
        attempt_of(one),
        failure_of(one),
        eviction_of(one),
        why_waiting([waiting]),
        images_of(one["spec"]),
        job_behind(one),
        why_inadmissible(one, {IMAGE}),
        is_of_job(one, "job-1"),
        one["spec"]["terminationGracePeriodSeconds"],
        one["metadata"]["deletionTimestamp"],
    ]


INTRUDERS: dict[str, dict[str, Any]] = {
    "as it should be": {},
    "the node's network": {"hostNetwork": True},
    "a folder of the node": {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]},
    "a volume that is none": {"volumes": [{"name": "x", "emptyDir": {}}]},
    "privileged": {
        "containers": [{"name": "c", "image": IMAGE, "securityContext": {"privileged": True}}]
    },
    "another image": {"ephemeralContainers": [{"name": "c", "image": "other"}]},
    "the last of thousands, of another image": {
        "containers": [
            *({"name": f"c{each}", "image": IMAGE} for each in range(5000)),
            {"name": "last", "image": "other"},
        ]
    },
    "the last of thousands, privileged": {
        "containers": [
            *({"name": f"c{each}", "image": IMAGE} for each in range(5000)),
            {"name": "last", "image": IMAGE, "securityContext": {"privileged": True}},
        ]
    },
}


@pytest.mark.parametrize("which", INTRUDERS)
def test_what_is_left_out_of_a_pod_changes_nothing_that_is_made_of_it(which: str) -> None:
    whole = pod(**INTRUDERS[which])
    assert seen_of(used_of(whole)) == seen_of(whole)
    assert len(json.dumps(used_of(whole))) < 8000


async def test_hundreds_of_pods_of_a_megabyte_each_are_held_as_kilobytes() -> None:
    large = {
        "containers": [{"name": "c", "image": IMAGE, "env": [{"name": "V", "value": "x" * MIB}]}]
    }
    asked: dict[str, Any] = {}

    async def pages(_: object, **told: Any) -> AsyncIterator[dict[str, Any]]:
        asked.update(told)
        for page in range(30):
            yield {"items": [pod(f"p{page}-{each}", **large) for each in range(10)]}

    ports: Any = SimpleNamespace(reader=SimpleNamespace(pages=pages))
    found = await pods_in(ports, "gbx-1", field_selector="status.phase!=Failed")
    assert len(found) == 300
    assert len(json.dumps(found)) < MIB
    assert (asked["namespace"], asked["field_selector"]) == ("gbx-1", "status.phase!=Failed")


@pytest.mark.parametrize(
    ("metadata", "own"),
    [
        ({}, True),
        ({"ownerReferences": []}, False),
        ({"ownerReferences": [{"kind": "Job", "uid": "theirs", "controller": True}]}, False),
        ({"ownerReferences": [{"kind": "Job", "uid": "job-1"}]}, False),
        ({"labels": {"batch.kubernetes.io/controller-uid": "job-1"}}, False),
    ],
    ids=["the run's", "by hand", "another Job's", "owned by name alone", "without our label"],
)
def test_a_pod_is_of_a_job_that_controls_it_and_bears_our_label(
    metadata: dict[str, Any], *, own: bool
) -> None:
    made = pod()
    assert is_of_job({**made, "metadata": {**made["metadata"], **metadata}}, "job-1") is own
