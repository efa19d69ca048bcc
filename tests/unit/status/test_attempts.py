"""The pods of a run as they are recorded: what was seen once is kept."""

from __future__ import annotations

from typing import Any

from glovebox.api.attempt_status import MAX_TENANT_PODS, KeptLog, RunNode
from glovebox.api.experiment_status import RunStatus
from glovebox.status.attempts import (
    attempt_of,
    joined,
    node_of,
    with_recorded,
    with_tenant_pods,
    without_node,
)
from glovebox.status.experiment_work import plain

IMAGE = "registry.example/trainer@sha256:" + "a" * 64
ENDED = "2026-11-25T05:10:00Z"


def pod(phase: str = "Running", **changes: Any) -> dict[str, Any]:
    ended = {"terminated": {"exitCode": 3, "finishedAt": ENDED}}
    shown = {"name": "run", "imageID": IMAGE, "state": ended if phase == "Failed" else {}}
    return {
        "metadata": {"name": "run-1", "uid": "p1", **changes.pop("metadata", {})},
        "spec": {"nodeName": "n1", "containers": [{"name": "run", "image": IMAGE}]},
        "status": {"phase": phase, "containerStatuses": [shown], **changes},
    }


def seen(*pods: dict[str, Any]) -> RunStatus:
    return RunStatus(attempts=len(pods), pods=tuple(attempt_of(each) for each in pods))


def test_a_pod_is_recorded_with_all_that_it_shows() -> None:
    assert plain(seen(pod("Failed", startTime="2026-11-25T05:00:00Z", reason="Evicted"))) == {
        "attempts": 1,
        "pods": [
            {
                "name": "run-1",
                "uid": "p1",
                "node": "n1",
                "startTime": "2026-11-25T05:00:00Z",
                "completionTime": ENDED,
                "phase": "Failed",
                "reason": "Evicted",
                "containers": [{"name": "run", "image": IMAGE, "imageId": IMAGE, "exitCode": 3}],
            }
        ],
    }


def test_what_a_pod_shows_no_more_is_kept() -> None:
    before = seen(pod())
    lost = pod("Unknown", containerStatuses=[])
    kept = with_recorded(seen(lost), before).pods[0]
    assert (kept.phase, kept.node, kept.containers[0].image_id) == ("Running", "n1", IMAGE)


def test_a_log_that_was_kept_stays_when_the_pod_is_seen_again() -> None:
    log = KeptLog(key="k", digest="sha256:" + "1" * 64)
    first = seen(pod()).pods[0]
    container = first.containers[0].model_copy(update={"log": log})
    recorded = RunStatus(attempts=1, pods=(first.model_copy(update={"containers": (container,)}),))
    again = with_recorded(seen(pod("Failed")), recorded).pods[0]
    assert (again.phase, again.containers[0].log) == ("Failed", log)


def test_a_pod_that_is_gone_is_an_attempt_still() -> None:
    other = pod(metadata={"name": "run-2", "uid": "p2"})
    now = with_recorded(seen(other), seen(pod()))
    assert ([each.uid for each in now.pods], now.attempts) == (["p1", "p2"], 2)


def test_a_node_is_asked_for_once() -> None:
    run = seen(pod(), pod(metadata={"name": "run-2", "uid": "p2"}))
    assert without_node(run) == ("n1",)
    info = {"kernelVersion": "6.12", "machineID": "not of interest"}
    node = node_of("n1", {"status": {"nodeInfo": info}})
    assert plain(node) == {"name": "n1", "kernelVersion": "6.12"}
    assert without_node(run.model_copy(update={"nodes": (RunNode(name="n1"),)})) == ()


def tenant(name: str) -> dict[str, Any]:
    created = "2026-11-25T11:12:00Z"
    return {
        "metadata": {"name": name, "uid": f"uid of {name}", "creationTimestamp": created},
    }


def test_pods_of_others_are_counted_once_and_to_a_bound() -> None:
    ours = {
        "metadata": {
            "name": "run",
            "uid": "r",
            "labels": {"app.kubernetes.io/managed-by": "glovebox"},
        }
    }
    assert with_tenant_pods(None, [ours]) is None
    first = with_tenant_pods(None, [ours, tenant("a"), tenant("b")])
    again = with_tenant_pods(first, [tenant("b"), tenant("c")])
    assert again is not None
    assert ([each.name for each in again.pods], again.truncated) == (["a", "b", "c"], False)
    assert plain(again)["pods"][0]["creationTime"] == "2026-11-25T11:12:00Z"
    many = with_tenant_pods(again, [tenant(f"x{number}") for number in range(100)])
    assert many is not None
    assert (len(many.pods), many.truncated) == (MAX_TENANT_PODS, True)
    assert joined(many, again).truncated
