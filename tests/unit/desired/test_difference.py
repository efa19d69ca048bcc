"""Difference and fingerprint: what counts as drift, where, and that both always agree."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.desired.difference import (
    ABSENT,
    REDACTED,
    FieldChange,
    content,
    difference,
    fingerprint,
)

Edit = Callable[[dict[str, Any]], object]

POLICY: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {
        "name": "glovebox-allow-dns",
        "namespace": "gbx-a",
        "labels": {"app.kubernetes.io/managed-by": "glovebox"},
    },
    "spec": {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"podSelector": {}}], "ports": [{"port": 53, "protocol": "UDP"}]}],
    },
}
NAMESPACE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {
        "name": "gbx-a",
        "labels": {"glovebox.dev/state": "Open"},
        "annotations": {"glovebox.dev/experiment": "team/a"},
    },
}
QUOTA: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "glovebox-quota", "namespace": "gbx-a", "labels": {}},
    "spec": {"hard": {"requests.cpu": "2", "pods": "20"}},
}
ACCOUNT: dict[str, Any] = {
    "kind": "ServiceAccount",
    "metadata": {"name": "default", "namespace": "gbx-a"},
    "automountServiceAccountToken": False,
}


def edited(intent: dict[str, Any], edit: Edit) -> dict[str, Any]:
    live = copy.deepcopy(intent)
    edit(live)
    return live


DRIFT: list[tuple[str, dict[str, Any], Edit, FieldChange]] = [
    (
        "a changed value",
        QUOTA,
        lambda live: live["spec"]["hard"].update({"requests.cpu": "64"}),
        FieldChange("spec.hard['requests.cpu']", "2", "64"),
    ),
    (
        "a foreign key in what is owned whole",
        QUOTA,
        lambda live: live["spec"]["hard"].update({"count/secrets": "0"}),
        FieldChange("spec.hard['count/secrets']", ABSENT, "0"),
    ),
    (
        "a key that is gone",
        QUOTA,
        lambda live: live["spec"]["hard"].pop("pods"),
        FieldChange("spec.hard.pods", "20", ABSENT),
    ),
    (
        "a field added beside ours",
        QUOTA,
        lambda live: live["spec"].update(scopes=["NotTerminating"]),
        FieldChange("spec.scopes", ABSENT, ["NotTerminating"]),
    ),
    (
        "a rule that opens everything",
        POLICY,
        lambda live: live["spec"]["egress"].append({}),
        FieldChange("spec.egress[1]", ABSENT, {}),
    ),
    (
        "a direction that is opened",
        POLICY,
        lambda live: live["spec"].update(ingress=[{}]),
        FieldChange("spec.ingress", ABSENT, [{}]),
    ),
    (
        "a value deep in lists",
        POLICY,
        lambda live: live["spec"]["egress"][0]["ports"][0].update(port=443),
        FieldChange("spec.egress[0].ports[0].port", 53, 443),
    ),
    (
        "a foreign label, which may select",
        POLICY,
        lambda live: live["metadata"]["labels"].update({"x/y": "z"}),
        FieldChange("metadata.labels['x/y']", ABSENT, "z"),
    ),
    (
        "an owner that would take the object with it",
        POLICY,
        lambda live: live["metadata"].update(ownerReferences=[{"uid": "1"}]),
        FieldChange("metadata.ownerReferences", ABSENT, [{"uid": "1"}]),
    ),
    (
        "a finalizer that would hold up our deletion",
        POLICY,
        lambda live: live["metadata"].update(finalizers=["x/y"]),
        FieldChange("metadata.finalizers", ABSENT, ["x/y"]),
    ),
    (
        "our annotation changed",
        NAMESPACE,
        lambda live: live["metadata"]["annotations"].update({"glovebox.dev/experiment": "team/b"}),
        FieldChange("metadata.annotations['glovebox.dev/experiment']", "team/a", "team/b"),
    ),
    (
        "a Pod Security label added",
        NAMESPACE,
        lambda live: live["metadata"]["labels"].update(
            {"pod-security.kubernetes.io/enforce": "privileged"}
        ),
        FieldChange("metadata.labels['pod-security.kubernetes.io/enforce']", ABSENT, "privileged"),
    ),
    (
        "false is not 0",
        ACCOUNT,
        lambda live: live.update(automountServiceAccountToken=0),
        FieldChange("automountServiceAccountToken", False, 0),  # noqa: FBT003 - the value of a field
    ),
    (
        "a field at the top",
        ACCOUNT,
        lambda live: live.update(imagePullSecrets=[{"name": "x"}]),
        FieldChange("imagePullSecrets", ABSENT, [{"name": "x"}]),
    ),
]

TOLERATED: list[tuple[str, dict[str, Any], Edit]] = [
    (
        "what the API server sets",
        POLICY,
        lambda live: live["metadata"].update(
            uid="1",
            resourceVersion="2",
            generation=3,
            creationTimestamp="t",
            managedFields=[{}],
            selfLink="/x",
            deletionTimestamp="t",
        ),
    ),
    ("status", QUOTA, lambda live: live.update(status={"hard": {"pods": "20"}})),
    (
        "a foreign annotation",
        POLICY,
        lambda live: live["metadata"].update(
            annotations={"kubectl.kubernetes.io/restartedAt": "t"}
        ),
    ),
    (
        "an item of a list does not say its kind",
        POLICY,
        lambda live: (live.pop("kind"), live.pop("apiVersion")),
    ),
    (
        "null and absent labels",
        ACCOUNT,
        lambda live: live["metadata"].update(labels=None, annotations=None),
    ),
    (
        "a namespace's own label",
        NAMESPACE,
        lambda live: live["metadata"]["labels"].update({"kubernetes.io/metadata.name": "gbx-a"}),
    ),
    (
        "a namespace's own finalizer",
        NAMESPACE,
        lambda live: live.update(spec={"finalizers": ["kubernetes"]}),
    ),
    (
        "another controller's finalizer on a namespace",
        NAMESPACE,
        lambda live: live["metadata"].update(finalizers=["controller.example/namespace-auth"]),
    ),
]


@pytest.mark.parametrize(
    ("why", "intent", "edit", "expected"), DRIFT, ids=[case[0] for case in DRIFT]
)
def test_drift_is_found_with_its_path(
    why: str, intent: dict[str, Any], edit: Edit, expected: FieldChange
) -> None:
    live = edited(intent, edit)
    assert difference(intent, live) == [expected], why
    assert fingerprint(intent) != fingerprint(live), why


@pytest.mark.parametrize(("why", "intent", "edit"), TOLERATED, ids=[case[0] for case in TOLERATED])
def test_what_is_no_content_of_ours_is_no_drift(
    why: str, intent: dict[str, Any], edit: Edit
) -> None:
    live = edited(intent, edit)
    assert difference(intent, live) == [], why
    assert fingerprint(intent) == fingerprint(live), why


def test_the_label_of_a_namespace_is_foreign_on_anything_else() -> None:
    live = edited(
        POLICY,
        lambda obj: obj["metadata"]["labels"].update(
            {"kubernetes.io/metadata.name": "kube-system"}
        ),
    )
    assert [change.path for change in difference(POLICY, live)] == [
        "metadata.labels['kubernetes.io/metadata.name']"
    ]


def test_all_changes_are_told_in_the_order_of_their_paths() -> None:
    live = edited(QUOTA, lambda obj: obj["spec"].update(hard={"pods": "1"}, scopes=[]))
    assert [change.path for change in difference(QUOTA, live)] == [
        "spec.hard.pods",
        "spec.hard['requests.cpu']",
        "spec.scopes",
    ]


def test_a_change_is_described_in_one_line() -> None:
    assert (
        FieldChange("spec.hard.pods", "20", ABSENT).describe()
        == 'spec.hard.pods: want "20", have <absent>'
    )
    assert (
        FieldChange("data.x", "a", "b" * 500).describe()
        == f'data.x: want "a", have "{"b" * 119}...'
    )


def test_contents_of_secrets_are_never_told() -> None:
    intent = {
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "n"},
        "type": "Opaque",
        "data": {"key": "c2VjcmV0"},
    }
    live = edited(
        intent, lambda obj: obj.update(type="Other", data={"key": "b3RoZXI=", "more": "bW9yZQ=="})
    )
    changes = difference(intent, live)
    assert changes == [
        FieldChange("data.key", REDACTED, REDACTED),
        FieldChange("data.more", ABSENT, REDACTED),
        FieldChange("type", "Opaque", "Other"),
    ]
    assert [change.describe() for change in changes[:2]] == [
        "data.key: want <redacted>, have <redacted>",
        "data.more: want <absent>, have <redacted>",
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab.'", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc./", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"name": st.just("x")},
            optional={
                "namespace": st.just("n"),
                "labels": st.dictionaries(
                    st.sampled_from(["a", "kubernetes.io/metadata.name"]),
                    st.sampled_from(["1", "2"]),
                ),
                "annotations": st.dictionaries(
                    st.sampled_from(["glovebox.dev/a", "other/a"]), st.sampled_from(["1", "2"])
                ),
                "finalizers": st.lists(st.just("f"), max_size=1),
                "uid": st.sampled_from(["1", "2"]),
            },
        )
    },
    optional={
        "spec": st.dictionaries(st.sampled_from(["a", "finalizers"]), json_values, max_size=2),
        "status": json_values,
    },
)


@given(intent=objects, live=objects)
def test_fingerprints_are_equal_exactly_when_there_is_no_difference(
    intent: dict[str, Any], live: dict[str, Any]
) -> None:
    assert (fingerprint(intent) == fingerprint(live)) == (difference(intent, live) == [])


@given(objects)
def test_looking_changes_nothing(obj: dict[str, Any]) -> None:
    before = copy.deepcopy(obj)
    content(obj), fingerprint(obj), difference(obj, obj)
    assert obj == before
