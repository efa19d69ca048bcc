"""A namespace whose Experiment is gone without a goodbye is found, closed and reported."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from support.api import Api, path_of
from support.kubelet import run_pod
from support.operator_process import Operator, Team, experiment_spec
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

RBAC = "rbac.authorization.k8s.io"
RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
SWEPT_SECONDS = 60


def paused(operator: Operator, act: Callable[[], None]) -> None:
    """Act while the operator is away from its watches and comes back to them."""
    operator.part.signal(signal.SIGSTOP)
    try:
        act()
    finally:
        operator.part.signal(signal.SIGCONT)


def down(operator: Operator, act: Callable[[], None]) -> None:
    """Act while there is no operator."""
    operator.kill()
    try:
        act()
    finally:
        operator.start()


def lost(team: Team, rogue: Api, operator: Operator, away: Any) -> tuple[str, dict[str, Any]]:
    """Return the namespace of an Experiment that went without its finalizer, and its namesake.

    The namesake declares something else: the same would be refused, because it ran already.
    """
    spec = experiment_spec("standard", "primary", run=RUN)
    other = experiment_spec("standard", "primary", run=RUN, config={"seeds": {"python": 8}})
    team.declare("Experiment", "lost", spec)
    namespace: str = team.expect("Experiment", "lost")["status"]["namespace"]
    run_pod(team.api, namespace)
    path = team.path("Experiment", "lost")

    def act() -> None:
        team.api.delete(path)
        rogue.patch(path, {"metadata": {"finalizers": None}})
        eventually(lambda: team.api.find(path) is None or None, what="the Experiment is gone")
        team.declare("Experiment", "lost", other)

    away(operator, act)
    return namespace, team.expect("Experiment", "lost", timeout=60)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("away", [down, paused], ids=["the operator was down", "and was up"])
def test_a_namespace_without_its_experiment_is_closed_and_reported(
    team: Team, rogue: Api, operator: Operator, away: Any
) -> None:
    orphan, namesake = lost(team, rogue, operator, away)
    assert namesake["status"]["namespace"] != orphan

    def inside(api_version: str, plural: str) -> list[str]:
        found = team.api.list(path_of(api_version, plural, namespace=orphan))
        return [item["metadata"]["name"] for item in found]

    def closed() -> bool:
        space = team.api.find(path_of("v1", "namespaces", name=orphan))
        if space is None:
            return True
        assert space["metadata"]["labels"]["glovebox.dev/state"] != "Open"
        assert inside("rbac.authorization.k8s.io/v1", "rolebindings") == []
        assert inside("v1", "secrets") == []
        assert inside("v1", "pods") == []
        assert "glovebox-default-deny" in inside("networking.k8s.io/v1", "networkpolicies")
        return True

    eventually(closed, what="the orphan is closed", timeout=SWEPT_SECONDS)

    def reported() -> bool:
        assert re.search(r"^glovebox_\w*orphan\w*(\{[^}]*\})? [1-9]", operator.page(), re.MULTILINE)
        assert orphan in operator.log
        return True

    eventually(reported, what="the orphan is reported", timeout=SWEPT_SECONDS)
    # Its namesake is nobody's orphan.
    standing = namesake["status"]["namespace"]
    credentials = path_of(
        "v1", "secrets", namespace=standing, name="glovebox-artifacts-credentials"
    )
    assert team.api.find(credentials)
    assert team.condition("Experiment", "lost", "Ready")["status"] == "True"


@pytest.mark.timeout(200)
def test_what_comes_late_into_a_namespace_that_was_let_go_is_swept(team: Team, rogue: Api) -> None:
    spec = experiment_spec("standard", "primary", lifecycle={"deletionPolicy": "Freeze"})
    team.declare("Experiment", "gone", spec)
    namespace: str = team.expect("Experiment", "gone")["status"]["namespace"]
    path = team.path("Experiment", "gone")
    team.api.delete(path)
    eventually(lambda: team.api.find(path) is None or None, what="it is gone", timeout=60)

    # As the request of an operator that died would, hours later.
    role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "glovebox-tenant"}
    late: dict[str, dict[str, Any]] = {
        path_of(f"{RBAC}/v1", "rolebindings", namespace=namespace): {
            "metadata": {
                "name": "glovebox-tenant",
                "labels": {"app.kubernetes.io/managed-by": "glovebox"},
            },
            "roleRef": role,
        },
        path_of("v1", "secrets", namespace=namespace): {
            "metadata": {"name": "glovebox-inputs-credentials"}
        },
    }
    for collection, body in late.items():
        rogue.create(collection, body)
    for collection in late:
        eventually(
            lambda collection=collection: not rogue.list(collection) or None,  # type: ignore[misc]
            what=f"{collection} is empty",
            timeout=SWEPT_SECONDS,
        )
