"""A bound Experiment goes on, whatever becomes of the profile, store and pin it was bound to."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from support.api import Api, ApiError, path_of
from support.kubelet import end_pod
from support.operator_process import (
    BREAK_GLASS,
    Operator,
    Team,
    experiment_spec,
    profile_spec,
    store_spec,
)
from support.run_credentials import make_due
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.cluster import Cluster

RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
# What happens to what the Experiment refers to, and the reason by which the Experiment tells it.
CHANGES = {
    "profile-deleted": "ProfileDeleted",
    "profile-edited": "ProfileChanged",
    # Of what is bound nothing changes: only nobody could be bound to it any more.
    "profile-broken": "",
    "store-deleted": "StoreDeleted",
    "store-edited": "StoreChanged",
    "pin-deleted": "PinDeleted",
    "pin-remade": "PinChanged",
}
# For a whole row of Experiments side by side.
PATIENCE_SECONDS = 30.0


@dataclass
class Bound:
    """One Experiment whose surroundings are changed, and what was seen of it.

    Attributes:
        key: What is changed.
        own: The name of its profile, of its store and of its pin.
        namespace: Its own.
        before: What may not change.
        failed: Of each step: what was wrong; nothing where it went well.
        deletion: How the API server answered an administrator who deletes what is in use.
        told: The conditions at the end.
    """

    key: str
    own: str
    namespace: str = ""
    before: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    deletion: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)


class Row:
    """Experiments that go through the same steps side by side."""

    def __init__(self, cluster: Cluster, platform: Team) -> None:
        self.cluster = cluster
        self.platform = platform
        self.team = Team(cluster, f"b-{uuid.uuid4().hex[:4]}")
        self.rogue: Api = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
        self.all = [Bound(key, f"{self.team.name}-{key}") for key in CHANGES]

    def each(self, step: str, look: Callable[[Bound], object]) -> None:
        """Wait for all of them together; who does not arrive is remembered."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        for bound in self.all:
            try:
                eventually(
                    lambda bound=bound: look(bound) or None,  # type: ignore[misc]
                    what=step,
                    timeout=max(0.1, deadline - time.monotonic()),
                )
            except (ApiError, AssertionError) as error:
                bound.failed[step] = str(error)

    def declare(self) -> None:
        data_bucket = self.team.bucket({"train/a.csv": b"1,2\n"}, store="")
        self.pin_source = {"prefix": {"bucket": data_bucket, "prefix": "train/"}}
        store = store_spec(
            self.cluster, "glovebox-artifacts", access=[self.team.access(data_bucket)]
        )
        for bound in self.all:
            self.platform.declare("IsolationProfile", bound.own, profile_spec())
            self.platform.declare("ObjectStore", bound.own, store)
            self._declare_pin(bound)
            data = {"name": "train", "role": "train", "pinRef": {"name": bound.own}}
            self.team.declare(
                "Experiment",
                bound.key,
                experiment_spec(bound.own, bound.own, run=RUN, inputs={"datasets": [data]}),
            )
        for bound in self.all:
            made = self.team.expect("Experiment", bound.key, timeout=90)
            bound.namespace = made["status"]["namespace"]
        self.each("the run is recorded", lambda b: self.status(b).get("run", {}).get("jobUid"))
        for bound in self.all:
            assert not bound.failed, bound.failed
            bound.before = self.lasting(bound)

    def _declare_pin(self, bound: Bound) -> None:
        spec = {"storeRef": {"name": bound.own}, "source": self.pin_source}
        self.team.declare("DatasetPin", bound.own, spec)

    def status(self, bound: Bound) -> dict[str, Any]:
        return dict(self.team.read("Experiment", bound.key).get("status", {}))

    def lasting(self, bound: Bound) -> dict[str, Any]:
        """Return what was bound."""
        api, space = self.team.api, bound.namespace
        labels = api.get(path_of("v1", "namespaces", name=space))["metadata"]["labels"]
        return {
            "digest": self.status(bound)["digest"],
            "inputs": self.status(bound)["inputs"],
            "pod security": {
                key: value for key, value in labels.items() if key.startswith("pod-security")
            },
            "policies": {
                item["metadata"]["name"]: item["spec"]
                for item in api.list(
                    path_of("networking.k8s.io/v1", "networkpolicies", namespace=space)
                )
            },
            **{
                name: api.get(path_of("v1", plural, namespace=space, name=name))["spec"]
                for plural, name in (
                    ("resourcequotas", "glovebox-quota"),
                    ("limitranges", "glovebox-limits"),
                )
            },
        }

    def change(self, bound: Bound) -> None:
        what, how = bound.key.split("-")
        kind = {"profile": "IsolationProfile", "store": "ObjectStore", "pin": "DatasetPin"}[what]
        owner = self.team if what == "pin" else self.platform
        path = owner.path(kind, bound.own)
        if how in {"deleted", "remade"}:
            try:
                owner.api.delete(path)
                bound.deletion = "held" if owner.api.find(path) else "gone"
            except ApiError as error:
                bound.deletion = error.message
            # And now with force: what must never happen, and what then goes on all the same.
            with suppress(ApiError):
                self.rogue.delete(path)
            with suppress(ApiError):
                self.rogue.patch(path, {"metadata": {"finalizers": None}})
            eventually(lambda: owner.api.find(path) is None or None, what=f"{bound.own} is gone")
            if how == "remade":
                self._declare_pin(bound)
                self.team.expect("DatasetPin", bound.own)
        elif bound.key == "profile-edited":
            routes = [{"name": "other", "cidr": "198.51.100.0/24", "ports": [{"port": 22}]}]
            quota = [
                {"resource": "requests.cpu", "default": "3", "maximum": "4"},
                {"resource": "requests.memory", "default": "3Gi", "maximum": "8Gi"},
                {"resource": "pods", "default": "17", "maximum": "20"},
            ]
            spec = profile_spec(podSecurity="Baseline", quota=quota, network={"routes": routes})
            self.platform.api.patch(path, {"spec": spec})
        elif bound.key == "profile-broken":
            # The API server takes it; no Experiment could be declared with it any more.
            images = [{"repository": "registry.example/another"}]
            self.platform.api.patch(path, {"spec": {"images": images}})
        else:
            self.platform.api.patch(path, {"spec": {"endpoint": "http://127.0.0.1:1"}})

    def break_a_policy(self, bound: Bound) -> None:
        self.rogue.delete(self._policy(bound))

    def _policy(self, bound: Bound) -> str:
        return path_of(
            "networking.k8s.io/v1",
            "networkpolicies",
            namespace=bound.namespace,
            name="glovebox-default-deny",
        )

    def credentials(self, bound: Bound) -> Any:
        return self.team.api.get(self._secret(bound))["data"]["credentials"]

    def _secret(self, bound: Bound) -> str:
        name = "glovebox-artifacts-credentials"
        return path_of("v1", "secrets", namespace=bound.namespace, name=name)

    def go(self) -> None:
        """Let all go through all steps."""
        for bound in self.all:
            self.change(bound)
        for bound in self.all:
            self.break_a_policy(bound)
        self.each("repaired", lambda bound: self.team.api.find(self._policy(bound)))

        before = {bound.key: self.credentials(bound) for bound in self.all}
        for bound in self.all:
            make_due(self.rogue, self._secret(bound))
        self.each("renewed", lambda bound: self.credentials(bound) != before[bound.key])
        self.each("unchanged", lambda bound: self.lasting(bound) == bound.before)
        for bound in self.all:
            bound.told = self.status(bound)["conditions"]

        pods = {
            bound.key: self.team.api.list(
                path_of("v1", "pods", namespace=bound.namespace),
                labelSelector="job-name=glovebox-run",
            )
            for bound in self.all
        }
        for (pod,) in pods.values():
            end_pod(self.team.api, pod, 0)
        self.each(
            "sealed as succeeded",
            lambda bound: (
                self.status(bound).get("seal")
                and self.status(bound)["run"]["outcome"] == "Succeeded"
            ),
        )


@pytest.fixture(scope="module")
def row(cluster: Cluster, platform: Team, operator: Operator) -> dict[str, Bound]:
    """All of them, after everything."""
    del operator
    made = Row(cluster, platform)
    made.declare()
    made.go()
    return {bound.key: bound for bound in made.all}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("step", ["repaired", "renewed", "unchanged", "sealed as succeeded"])
@pytest.mark.parametrize("key", CHANGES)
def test_a_bound_experiment_is(row: dict[str, Bound], key: str, step: str) -> None:
    assert row[key].failed.get(step, "") == ""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("key", [key for key in CHANGES if key != "profile-broken"])
def test_what_was_changed_is_told(row: dict[str, Bound], key: str) -> None:
    told = [
        entry
        for entry in row[key].told
        if CHANGES[key] in {entry["reason"], entry["type"] * (entry["status"] == "True")}
    ]
    assert told, row[key].told


@pytest.mark.timeout(400)
@pytest.mark.parametrize("key", ["profile-deleted", "store-deleted"])
def test_what_is_in_use_cannot_be_deleted_and_the_answer_says_by_whom(
    row: dict[str, Bound], key: str
) -> None:
    answer = row[key].deletion
    assert answer not in {"gone", "held"}
    assert "kubectl get experiments" in answer, answer


@pytest.mark.timeout(400)
def test_a_pin_in_use_is_held(row: dict[str, Bound]) -> None:
    assert row["pin-deleted"].deletion == "held"
