"""Which pods would never have been admitted, had the namespace's labels been on."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.desired.intruders import images_of, job_behind, why_inadmissible

IMAGE = "registry.example/trainer@sha256:" + "1" * 64


def pod(spec: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": IMAGE, **container}]
    return {"spec": {"containers": containers, **(spec or {})}}


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (pod({"hostNetwork": True}), "hostNetwork"),
        (pod({"hostPID": True}), "hostPID"),
        (pod({"hostIPC": True}), "hostIPC"),
        (pod({"volumes": [{"name": "root", "hostPath": {"path": "/"}}]}), "root"),
        (pod(securityContext={"privileged": True}), "privileged"),
        (pod(image="registry.example/other:latest"), "not in the snapshot"),
        (pod({"initContainers": [{"name": "first", "image": "x"}]}), "first"),
        (pod({"ephemeralContainers": [{"name": "debug", "image": "x"}]}), "debug"),
    ],
)
def test_a_pod_that_came_through_a_gap(found: dict[str, Any], word: str) -> None:
    assert word in why_inadmissible(found, {IMAGE})


def test_a_pod_of_the_team_stays() -> None:
    assert why_inadmissible(pod({"volumes": [{"name": "tmp", "emptyDir": {}}]}), {IMAGE}) == ""


@pytest.mark.parametrize("state", [names.STATE_FROZEN, names.STATE_SEALED])
def test_in_what_is_closed_every_pod_is_one(state: str) -> None:
    assert state in why_inadmissible(pod(), {IMAGE}, state=state)


def test_images_of_a_template_are_those_of_all_its_containers() -> None:
    found = pod({"initContainers": [{"name": "fetch", "image": "x"}]})
    assert images_of(found["spec"]) == {IMAGE, "x"}


@pytest.mark.parametrize(
    ("owner", "job"),
    [
        ({"kind": "Job", "name": "run", "uid": "u", "controller": True}, ("run", "u")),
        ({"kind": "Job", "name": "run", "uid": "u"}, ("", "")),
        ({"kind": "ReplicaSet", "name": "run", "uid": "u", "controller": True}, ("", "")),
    ],
    ids=["the Job that controls it", "a Job that does not", "no Job"],
)
def test_whose_a_pod_is(owner: dict[str, Any], job: tuple[str, str]) -> None:
    assert job_behind({"metadata": {"ownerReferences": [owner]}}) == job
