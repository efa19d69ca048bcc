"""What an Experiment costs the API server from its declaration to its seal: every write is listed.

A proxy before the real API server sees each request of the operator. A write to the Experiment
itself wakes everybody who watches it; how many there are is a promise, so the list is exact. What
differs in words alone is none of them, and may be written once in five seconds at most, however
often the words change; on a machine with little else to do there is no such write at all.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from glovebox.controllers.message_pace import FIRST_SECONDS
from glovebox.data.probing import Entry, Expected, Outcome, Verdict
from glovebox.status.job_waits import WAITS
from glovebox.status.words import differ_in_words_alone
from support.kubelet import end_pod, write_status
from support.numbered_operator import Numbered
from support.numbering_proxy import Sent
from support.operator_process import PLATFORM_IMAGE, experiment_spec, profile_spec
from support.run_credentials import write_artifact
from support.waiting import eventually

RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
SHOWN = ("Ready", "Isolated", "Succeeded", "Sealed")
# Beside the writes to the Experiment: its objects, the run, and closing.
CHILDREN = Counter(
    {
        ("POST", "namespaces"): 1,
        ("POST", "networkpolicies"): 4,
        ("POST", "resourcequotas"): 1,
        ("POST", "limitranges"): 1,
        ("POST", "configmaps"): 1,
        ("POST", "secrets"): 1,
        ("POST", "rolebindings"): 1,
        ("POST", "jobs"): 1,
        ("PATCH", "namespaces"): 1,  # closed, before anything is sealed
        ("DELETE", "secrets"): 1,
    }
)
# The runner's, and `default`, which the controller manager makes as well. Where that comes between
# an answer that there is none and the operator's own creation, two requests more meet it.
ACCOUNTS = (2, 4)


def declare(numbered: Numbered, profile: str) -> str:
    name = f"budget-{uuid.uuid4().hex[:6]}"
    spec = experiment_spec(profile, numbered.platform, run=RUN)
    numbered.team.declare("Experiment", name, spec)
    return name


def pod_of(numbered: Numbered, name: str, job: str) -> dict[str, Any]:
    made = numbered.team.expect("Experiment", name, timeout=60)
    path = f"/api/v1/namespaces/{made['status']['namespace']}/pods"
    (pod,) = eventually(
        lambda: numbered.cluster.api.list(path, labelSelector=f"job-name={job}"),
        what=f"{job} has a pod",
        timeout=60,
    )
    return dict(pod)


def change_what_it_waits_for(
    numbered: Numbered, pod: dict[str, Any], container: str, times: int
) -> None:
    """Let a kubelet fail to pull: its words change each time, and each wakes the Experiment."""
    looks = numbered.operator.metric("glovebox_reconcile_total", controller="experiment")
    for number in range(times):
        reason = ("ErrImagePull", "ImagePullBackOff")[number % 2]
        waiting = {"reason": reason, "message": f"back-off {number} s"}
        entry = {
            "name": container,
            "image": "",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"waiting": waiting},
        }
        write_status(numbered.cluster.api, pod, {"containerStatuses": [entry]})
        time.sleep(0.1)
    after = numbered.operator.metric("glovebox_reconcile_total", controller="experiment")
    assert after - looks >= times / 2, "the Experiment was looked at again and again"


def run_to_the_seal(numbered: Numbered, name: str) -> None:
    pod = pod_of(numbered, name, "glovebox-run")
    change_what_it_waits_for(numbered, pod, "run", 20)
    write_status(numbered.cluster.api, pod, {"phase": "Running"})
    numbered.team.expect("Experiment", name, "Succeeded", "Unknown", "Running")
    write_artifact(numbered.team, numbered.team.read("Experiment", name), "model.bin", b"weights")
    end_pod(numbered.cluster.api, pod, 0)
    numbered.team.expect("Experiment", name, "Sealed", timeout=90)
    time.sleep(1)  # what came after would come at once


def told(sent: Sent) -> str:
    """Return what a write to the Experiment recorded: the reasons of its conditions."""
    body = json.loads(sent.write.body)
    if not is_status(sent):
        return f"{sent.write.method} {' '.join(body['metadata'].keys() - {'resourceVersion'})}"
    found = {entry["type"]: entry["reason"] for entry in body["status"]["conditions"]}
    # Why it waits is a matter of words: no node is there, and the scheduler says so soon or late.
    if found["Succeeded"] in WAITS:
        found["Succeeded"] = "RunPending"
    return " ".join(found[name] for name in SHOWN)


def is_status(sent: Sent) -> bool:
    return sent.write.path.endswith("/status")


def is_of(sent: Sent, plural: str) -> bool:
    return plural in sent.write.path.split("/")


def status_in(sent: Sent) -> dict[str, Any]:
    return dict(json.loads(sent.write.body)["status"])


def writes_to_itself(numbered: Numbered, name: str, seconds: float) -> list[str]:
    """Return the writes to an Experiment but those of words alone, of which there are few.

    Args:
        numbered: The operator.
        name: Of the Experiment.
        seconds: How long it has been there.
    """
    own = [sent for sent in numbered.api.sent[name] if is_of(sent, "experiments")]
    statuses = [sent for sent in own if is_status(sent)]
    words = [
        after.write.number
        for before, after in pairwise(statuses)
        if differ_in_words_alone(status_in(before), status_in(after))
    ]
    assert len(words) <= seconds // FIRST_SECONDS
    return [told(sent) for sent in own if sent.write.number not in words]


def writes_to_the_rest(numbered: Numbered, name: str) -> Counter[tuple[str, str]]:
    """Return how often which kind of object was written on behalf of an Experiment."""
    found = Counter[tuple[str, str]]()
    for sent in numbered.api.sent[name]:
        if is_of(sent, "experiments"):
            continue
        parts = sent.write.path.strip("/").split("/")
        at = parts.index("namespaces")
        found[sent.write.method, parts[at + 2] if len(parts) > at + 2 else "namespaces"] += 1
    return found


@pytest.mark.timeout(300)
def test_an_experiment_with_a_run_costs_eight_writes_to_itself(numbered: Numbered) -> None:
    started = time.monotonic()
    name = declare(numbered, numbered.platform)

    run_to_the_seal(numbered, name)

    assert writes_to_itself(numbered, name, time.monotonic() - started) == [
        "PATCH finalizers",
        "Provisioning NotLooked NotLooked NotLooked",  # bound: digest and namespace
        "Provisioned NotProven RunPending NotSealed",  # the latch: everything stands
        "Provisioned NotProven RunPending NotSealed",  # the Job's UID: never started twice
        "Provisioned NotProven Running NotSealed",
        "Provisioned NotProven RunSucceeded NotSealed",  # before closing takes the Job away
        "Provisioned NotProven RunSucceeded Sealing",  # closed
        "Sealed NotProven RunSucceeded Sealed",
    ]
    children = writes_to_the_rest(numbered, name)
    accounts = {key: children.pop(key, 0) for key in list(children) if key[1] == "serviceaccounts"}
    assert sum(accounts.values()) in ACCOUNTS
    assert children == CHILDREN


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_with_isolation_proven_before_the_run_it_is_nine(numbered: Numbered) -> None:
    profile = f"budget-{uuid.uuid4().hex[:6]}"
    probe = {"schedule": "Once", "requiredForRuns": True}
    numbered.team.declare("IsolationProfile", profile, profile_spec(probe=probe))
    numbered.team.expect("IsolationProfile", profile)
    assert PLATFORM_IMAGE, "the check has an image"
    started = time.monotonic()
    name = declare(numbered, profile)

    pod = pod_of(numbered, name, "glovebox-probe")
    numbered.team.expect("Experiment", name, "Isolated", "Unknown", "Probing")
    change_what_it_waits_for(numbered, pod, "probe", 20)
    verdict = Verdict((Entry("api", Expected.BLOCKED, Outcome.PASSED, "about api"),))
    words = verdict.message().decode()
    end_pod(numbered.cluster.api, pod, 0, container="probe", message=words)
    run_to_the_seal(numbered, name)

    assert writes_to_itself(numbered, name, time.monotonic() - started) == [
        "PATCH finalizers",
        "Provisioning NotLooked NotLooked NotLooked",
        "Provisioned NotProven RunPending NotSealed",
        "Provisioned Probing RunPending NotSealed",
        "Provisioned Proven RunPending NotSealed",  # the verdict, and the Job that waited for it
        "Provisioned Proven Running NotSealed",
        "Provisioned Proven RunSucceeded NotSealed",
        "Provisioned Proven RunSucceeded Sealing",
        "Sealed Proven RunSucceeded Sealed",
    ]
