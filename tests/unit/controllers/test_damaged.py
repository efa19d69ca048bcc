"""What lost isolation while no operator ran is looked at before all others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from glovebox import names
from glovebox.apply.children import Children
from glovebox.controllers.damaged import ALWAYS, damaged, is_damaged
from glovebox.desired.plan import desired_objects
from glovebox.kube.kinds import NAMESPACE, NETWORK_POLICY, ROLE_BINDING, Kind, kind_of
from glovebox.kube.resources import Key, Resources
from golden.cases import Case, discover

Json = dict[str, Any]
CASES = discover()
A_PLAN = [dict(obj) for obj in desired_objects(CASES[0].inputs()).objects()]
SPACE = CASES[0].inputs().namespace


def cached(objects: list[Json]) -> Children:
    """Return what is known of a cluster in which these objects stand."""
    children = Children(lambda _: None, lambda: 0.0)
    for version, obj in enumerate(objects, 1):
        known = {"uid": f"uid-{version}", "resourceVersion": str(version)}
        seen = {**obj, "metadata": {**obj["metadata"], **known}}
        children.table(kind_of(obj)).seen(seen)
    return children


def without(kind: str, name: str) -> list[Json]:
    return [obj for obj in A_PLAN if (obj["kind"], obj["metadata"]["name"]) != (kind, name)]


def added(kind: Kind, name: str, **metadata: str) -> Json:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name, "namespace": SPACE, **metadata},
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_plan_has_what_every_one_should_have(case: Case) -> None:
    objects = [dict(obj) for obj in desired_objects(case.inputs()).objects()]
    assert not is_damaged(cached(objects), case.inputs().namespace)


@pytest.mark.parametrize(("kind", "name"), sorted({*ALWAYS, (NAMESPACE.kind, SPACE)}))
def test_what_lacks_one_of_them_is_damaged(kind: str, name: str) -> None:
    assert is_damaged(cached(without(kind, name)), SPACE)


@pytest.mark.parametrize(
    ("change", "is_it"),
    [
        (lambda: [*A_PLAN, added(NETWORK_POLICY, "allow-all")], True),
        (lambda: [*A_PLAN, added(ROLE_BINDING, "mine")], True),
        (lambda: without(ROLE_BINDING.kind, names.TENANT_ROLE_BINDING), False),
        (
            lambda: [
                *without(NETWORK_POLICY.kind, names.NETWORK_POLICY_DEFAULT_DENY),
                added(
                    NETWORK_POLICY,
                    names.NETWORK_POLICY_DEFAULT_DENY,
                    deletionTimestamp="2030-01-01T00:00:00Z",
                ),
            ],
            True,
        ),
    ],
    ids=["a policy of others", "a binding of others", "frozen", "one that is going"],
)
def test_what_others_added_damages_and_closed_access_does_not(
    change: Callable[[], list[Json]],
    is_it: bool,  # noqa: FBT001 - a table
) -> None:
    assert is_damaged(cached(change()), SPACE) is is_it


def experiment(name: str, namespace: str, **metadata: str) -> Json:
    return {
        "apiVersion": "glovebox.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {
            "name": name,
            "namespace": "t",
            "uid": name,
            "resourceVersion": "1",
            **metadata,
        },
        "status": {"provisioned": {"digest": "d"}, "namespace": namespace},
    }


def test_of_all_experiments_those_that_are_kept_and_damaged_are_found() -> None:
    async def found() -> list[Key]:
        resources = Resources()
        resources.seen(experiment("whole", SPACE))
        resources.seen(experiment("gone", "gbx-t-gone-aaaaaaaaaa"))
        resources.seen(experiment("going", "gbx-t-going-aaaaaaaaaa", deletionTimestamp="now"))
        resources.seen({**experiment("new", ""), "status": {}})
        return list(damaged(resources, cached(A_PLAN)))

    assert asyncio.run(found()) == [Key("Experiment", "t", "gone")]
