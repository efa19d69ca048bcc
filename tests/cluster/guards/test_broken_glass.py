"""Who broke the glass is in the API server's own audit log, under one key; nobody is refused."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from cluster.guards import objects
from cluster.guards.actors import BREAK_GLASS, BREAK_GLASS_GROUP, CLUSTER_ADMIN, Actor, Kubectl
from support.waiting import eventually

KEY = "glovebox-broken-glass/broken-glass"


@pytest.fixture
def name() -> str:
    return f"glass-{uuid4().hex[:8]}"


@pytest.fixture
def anywhere(experiments: Kubectl) -> str:
    """The name of a namespace that is nobody's experiment."""
    name = f"plain-{uuid4().hex[:8]}"
    experiments.api(CLUSTER_ADMIN).create_namespace(name)
    return name


def told(kubectl: Kubectl, name: str) -> list[tuple[str, str]]:
    """Return verb and annotation of what the audit log has of an object, once it has any."""

    def look() -> list[dict[str, Any]]:
        return [event for event in kubectl.cluster.audit(name) if event["verb"] != "get"]

    events = eventually(look, what="the audit log has the request")
    return [(event["verb"], event.get("annotations", {}).get(KEY, "")) for event in events]


def config_map(kubectl: Kubectl, actor: Actor, space: str, name: str) -> None:
    kubectl.api(actor).create(
        f"/api/v1/namespaces/{space}/configmaps",
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}},
    )


def test_who_breaks_the_glass_is_named_with_what_they_did(experiments: Kubectl, name: str) -> None:
    path = f"/api/v1/namespaces/{objects.NAMESPACE}/configmaps/{name}"
    config_map(experiments, BREAK_GLASS, objects.NAMESPACE, name)
    experiments.api(BREAK_GLASS).patch(path, {"data": {"a": "b"}})
    experiments.api(BREAK_GLASS).delete(path)
    eventually(lambda: len(told(experiments, name)) == 3, what="three requests are told")
    found = told(experiments, name)
    for (verb, said), operation in zip(found, ("CREATE", "UPDATE", "DELETE"), strict=True):
        assert said.startswith(f"{BREAK_GLASS.user} ("), (verb, said)
        assert BREAK_GLASS_GROUP in said
        assert said.endswith(f"{operation} configmaps {objects.NAMESPACE}/{name}"), (verb, said)


def test_a_namespace_of_an_experiment_itself_counts(experiments: Kubectl, name: str) -> None:
    del name
    done = experiments(
        BREAK_GLASS, "annotate", "namespace", objects.NAMESPACE, f"example.com/{uuid4().hex}=x"
    )
    assert done.code == 0, done.err
    told_of = eventually(
        lambda: [
            event["annotations"][KEY]
            for event in experiments.cluster.audit(objects.NAMESPACE)
            if event["objectRef"].get("resource") == "namespaces"
            and KEY in event.get("annotations", {})
        ],
        what="the namespace is told",
    )
    assert f"UPDATE namespaces {objects.NAMESPACE}/{objects.NAMESPACE}" in told_of[-1]


def test_what_is_ours_by_its_name_or_label_counts_wherever_it_is(
    experiments: Kubectl, anywhere: str, name: str
) -> None:
    api = experiments.api(BREAK_GLASS)
    volume = f"glovebox-input-{name}"
    spec = {
        "capacity": {"storage": "1Mi"},
        "accessModes": ["ReadOnlyMany"],
        "hostPath": {"path": "/nowhere"},
    }
    metadata = {"name": volume}
    api.create(
        "/api/v1/persistentvolumes",
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec},
    )
    api.delete(f"/api/v1/persistentvolumes/{volume}")
    for verb in ("create", "delete"):
        assert (
            f"{verb.upper()} persistentvolumes /{volume}" in dict(told(experiments, volume))[verb]
        )
    event = f"{name}-event"
    api.create(
        f"/api/v1/namespaces/{anywhere}/events",
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": event},
            "involvedObject": {"kind": "Pod", "name": "a", "namespace": anywhere},
            "reportingComponent": "glovebox.dev",
        },
    )
    ((_, said),) = told(experiments, event)
    assert said.endswith(f"CREATE events {anywhere}/{event}")
    labels = {"glovebox.dev/experiment-uid": "none"}
    for value in (labels, dict.fromkeys(labels)):
        api.patch(f"/api/v1/namespaces/{anywhere}", {"metadata": {"labels": value}})
    eventually(
        lambda: (
            len([said for _, said in told(experiments, anywhere) if "UPDATE namespaces" in said])
            == 2
        ),
        what="the label and its removal are told",
    )


def test_who_breaks_no_glass_is_not_told(experiments: Kubectl, anywhere: str, name: str) -> None:
    """A cluster admin without the group; and the group elsewhere, where no guard would hold it."""
    config_map(experiments, CLUSTER_ADMIN, objects.NAMESPACE, name)
    config_map(experiments, BREAK_GLASS, anywhere, f"{name}-elsewhere")
    assert told(experiments, f'"{name}"') == [("create", "")]
    assert told(experiments, f"{name}-elsewhere") == [("create", "")]
