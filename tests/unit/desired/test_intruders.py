"""Which pods would never have been admitted, had the namespace's labels been on."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.desired.intruders import why_inadmissible

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
