"""Closing a namespace: what is refused keeps nothing else from being taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.experiment.freeze import close_namespace
from glovebox.controllers.ports import Ports
from glovebox.errors import Fenced, GloveboxError, Rejected, Unavailable
from glovebox.kube.kinds import JOB, POD, Kind
from glovebox.kube.objects import ObjectKey

LIVE = {"metadata": {"name": "gbx-a", "uid": "ns", "resourceVersion": "7"}}
ALL = [
    "label Sealed",
    f"RoleBinding {names.TENANT_ROLE_BINDING}",
    f"Secret {names.CREDENTIALS_SECRET}",
    f"Secret {names.INPUTS_CREDENTIALS_SECRET}",
    f"Secret {names.PULL_SECRET}",
    f"Secret {names.STAGE_SECRETS}",
    "JobSet one",
    "JobSet two",
    "Job one",
    "Job two",
    "Pod one",
    "Pod two",
]

WORKLOADS = set(ALL[6:])


class World:
    """A cluster in which some steps fail.

    Args:
        failures: What fails, by step.
    """

    def __init__(self, failures: Mapping[str, GloveboxError] | None = None) -> None:
        self.failures = failures or {}
        self.held: dict[str, tuple[str, ...]] = {}
        self.tried: list[str] = []

    def _try(self, step: str) -> None:
        self.tried.append(step)
        if step in self.failures:
            raise self.failures[step]

    async def set_state_label(self, namespace: Mapping[str, Any], state: str) -> None:
        assert namespace is LIVE
        self._try(f"label {state}")

    async def remove_live(self, kind: Kind, key: ObjectKey) -> tuple[str, ...]:
        self._try(f"{kind.kind} {key.name}")
        return self.held.get(key.name, ())

    async def delete(self, kind: Kind, key: ObjectKey, *, uid: str) -> None:
        assert uid
        assert kind != POD, "a pod is stopped, with a grace"
        self._try(f"{kind.kind} {key.name}")

    async def stop(self, pod: Mapping[str, Any]) -> None:
        self._try(f"Pod {pod['metadata']['name']}")

    async def pages(
        self, kind: Kind, *, namespace: str, label_selector: str, field_selector: str = ""
    ) -> AsyncIterator[dict[str, Any]]:
        assert (namespace, field_selector) == ("gbx-a", "")
        if f"list {kind.kind}" in self.failures:
            raise self.failures[f"list {kind.kind}"]
        found = [
            {
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "uid": name,
                    "creationTimestamp": "2026-01-01T00:00:00Z",
                }
            }
            for name in (["one"] if label_selector else ["one", "two"])
        ]
        yield {"items": found}


def close(world: World, **options: bool) -> None:
    ports = cast("Ports", SimpleNamespace(reader=world, writer=world))
    asyncio.run(close_namespace(ports, LIVE, names.STATE_SEALED, **options))


def test_all_is_taken_in_order() -> None:
    world = World()
    close(world)
    assert world.tried == ALL


@pytest.mark.parametrize("step", ALL)
def test_one_refusal_keeps_nothing_else(step: str) -> None:
    world = World({step: Rejected("Rejected", f"{step} is held by a policy")})
    with pytest.raises(Rejected, match="held by a policy"):
        close(world)
    assert world.tried == ALL


@pytest.mark.parametrize("name", [names.TENANT_ROLE_BINDING, names.INPUTS_CREDENTIALS_SECRET])
def test_what_a_finalizer_holds_is_not_closed_and_names_it(name: str) -> None:
    world = World()
    world.held = {name: ("example.com/held",)}
    with pytest.raises(Rejected, match=rf"`{name}` .*`example.com/held`") as caught:
        close(world)
    assert (caught.value.reason, world.tried) == (reasons.DELETION_BLOCKED, ALL)


def test_the_first_failure_is_the_one_that_is_told() -> None:
    world = World(
        {
            "label Sealed": Rejected("Rejected", "the first"),
            f"Secret {names.CREDENTIALS_SECRET}": Unavailable("NotNow", "the second"),
            f"list {JOB.kind}": Unavailable("NotNow", "the third"),
        }
    )
    with pytest.raises(Rejected, match="the first"):
        close(world)
    assert world.tried == [step for step in ALL if not step.startswith("Job ")]


def test_who_may_not_write_any_more_tries_nothing_else() -> None:
    world = World({"label Sealed": Fenced("Fenced", "another replica leads")})
    with pytest.raises(Fenced):
        close(world)
    assert world.tried == ["label Sealed"]


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"keep_access": True}, {f"RoleBinding {names.TENANT_ROLE_BINDING}"}),
        ({"keep_workloads": True}, WORKLOADS),
        ({"keep_given": True}, {f"Secret {names.STAGE_SECRETS}"}),
        (
            {"keep_own": True},
            {
                # Of its logs what it was given is still to be taken out.
                f"Secret {names.STAGE_SECRETS}",
                "JobSet one",
                "JobSet two",
                "Job two",
                "Pod two",
            },
        ),
        ({"keep_ended": True}, {"JobSet one", "JobSet two"}),
        ({"may_have_job_set": False}, {"JobSet one", "JobSet two"}),
    ],
    ids=["access", "workloads", "given", "own", "ended", "no JobSet"],
)
def test_what_is_to_stay_stays(options: dict[str, bool], left: set[str]) -> None:
    world = World()
    close(world, **options)
    assert world.tried == [step for step in ALL if step not in left]
