"""What the audit log says of requests that guards refused."""

from __future__ import annotations

from typing import Any

import pytest

from support.jobset import CONTROLLER
from support.unhindered import refused_to_components

DENIED = (
    "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'glovebox-owned-pods' denied request: no"
)
OF = "owned-pods"
SCHEDULER = "system:kube-scheduler"


def event(user: str, agent: str, verb: str, resource: str, message: str = DENIED) -> dict[str, Any]:
    return {
        "user": {"username": user},
        "userAgent": agent,
        "verb": verb,
        "objectRef": {"resource": resource, "name": "x"},
        "responseStatus": {"code": 403, "message": message},
    }


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        (event(SCHEDULER, "kube-scheduler/v1.36.3 (linux/amd64)", "delete", "pods"), True),
        (event("system:node:n1", "kubelet/v1.36.3 (linux/amd64)", "patch", "pods"), True),
        (event(SCHEDULER, "python-requests/2", "delete", "pods"), False),
        (event(SCHEDULER, "kube-scheduler/v1.36.3", "delete", "pods", "no such pod"), False),
        (
            event(
                "system:serviceaccount:kube-system:job-controller",
                "kube-controller-manager/v1.36.3",
                "create",
                "pods",
            ),
            False,
        ),
        (event(CONTROLLER, "jobset/0.11.0 (linux/amd64)", "delete", "pods"), True),
        (
            event(CONTROLLER, "jobset/0.11.0", "create", "jobs", DENIED.replace(OF, "state")),
            False,
        ),
    ],
)
def test_who_was_refused_what(asked: dict[str, Any], *, counts: bool) -> None:
    assert bool(refused_to_components([asked])) is counts


def test_it_is_told_how_often() -> None:
    asked = event(SCHEDULER, "kube-scheduler/v1.36.3", "delete", "pods")
    assert list(refused_to_components([asked, asked]).values()) == [2]
