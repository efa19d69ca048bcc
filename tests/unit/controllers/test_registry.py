"""Whom a change of a grant concerns, by what is granted and whatever the input is called."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.controllers.registry import Registry
from glovebox.kube.kinds import ACCESS_GRANT, DATASET_PIN, EXPERIMENT, FEATURE_SET_PIN
from glovebox.kube.resources import Key, Resources, Stored
from glovebox.kube.store import Change

ROOT, PART, OTHER = ("sha256:" + letter * 64 for letter in "abc")
LOAN = Key(ACCESS_GRANT.kind, "data", "loan")


def resource(kind: Any, namespace: str, name: str, spec: Any, status: Any) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name, "uid": name, "resourceVersion": "1"}
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": metadata,
        "spec": spec,
        "status": status,
    }


@pytest.mark.parametrize(
    ("inputs", "concerns"),
    [
        pytest.param([{"digest": ROOT}], True, id="the content"),
        pytest.param(
            [{"digest": PART, "grants": [{"contentRoot": ROOT}]}], True, id="a part of the content"
        ),
        pytest.param([{"digest": OTHER}], False, id="another content"),
        pytest.param([], True, id="not bound yet"),
    ],
)
def test_a_grant_concerns_who_uses_what_it_grants(inputs: list[Any], concerns: bool) -> None:  # noqa: FBT001 - a table
    registry, grants = Registry(), []

    def changed(change: Change[Key, Stored]) -> None:
        list(registry.changed(change))
        if change.key == LOAN:
            grants.append(change)

    resources = Resources(changed)
    resources.seen(resource(EXPERIMENT, "lab", "x", {}, {"inputs": inputs}))
    granted = {"namespaces": ["lab"]}
    resources.seen(resource(ACCESS_GRANT, "data", "loan", granted, {"contentRoot": ROOT}))
    (change,) = grants
    found = list(registry.concerned_by(change))
    assert found == ([Key(EXPERIMENT.kind, "lab", "x")] if concerns else [])


@pytest.mark.parametrize(
    ("against", "concerns"),
    [
        pytest.param({"name": "set", "namespace": "data"}, True, id="of the grant's namespace"),
        pytest.param({"name": "set", "namespace": "shop"}, False, id="of another one"),
        pytest.param({"name": "set"}, False, id="of its own"),
    ],
)
@pytest.mark.parametrize("team", ["lab", "attic"])
def test_a_grant_concerns_pins_that_compare_themselves_with_its_namespace(
    against: Any,
    concerns: bool,  # noqa: FBT001 - a table
    team: str,
) -> None:
    registry, grants = Registry(), []

    def changed(change: Change[Key, Stored]) -> None:
        list(registry.changed(change))
        if change.key == LOAN:
            grants.append(change)

    resources = Resources(changed)
    resources.seen(resource(DATASET_PIN, team, "p", {"distribution": {"against": against}}, {}))
    granted = {"namespaces": ["lab"]}
    resources.seen(resource(ACCESS_GRANT, "data", "loan", granted, {"contentRoot": ROOT}))
    found = list(registry.concerned_by(grants[0]))
    assert found == ([Key(DATASET_PIN.kind, "lab", "p")] if concerns and team == "lab" else [])


def test_features_are_told_of_their_users_and_of_what_supersedes_them() -> None:
    registry = Registry()
    woken: list[tuple[str, str]] = []

    def changed(change: Change[Key, Stored]) -> None:
        woken.extend((change.key.name, pin.name) for pin in registry.changed(change))

    resources = Resources(changed)
    resources.seen(resource(FEATURE_SET_PIN, "lab", "v1", {}, {"digest": ROOT}))
    resources.seen(resource(EXPERIMENT, "lab", "x", {}, {"inputs": [{"digest": ROOT}]}))
    older = {"supersedes": {"name": "v1"}}
    resources.seen(resource(FEATURE_SET_PIN, "lab", "v2", older, {"digest": OTHER}))
    resources.seen(resource(FEATURE_SET_PIN, "elsewhere", "v2", older, {"digest": OTHER}))
    assert woken[:2] == [("x", "v1"), ("v2", "v1")]
    v1 = Key(FEATURE_SET_PIN.kind, "lab", "v1")
    assert registry.successors_of(v1) == (Key(FEATURE_SET_PIN.kind, "lab", "v2"),)
    # Definitions are no dataset, whatever their digest.
    assert registry.pins_of(ROOT) == ()
