"""Any change of a managed object is found, with field and writer, and goes with one replacement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from cluster.desired.provisioned import Provision, path
from glovebox import names
from glovebox.desired.difference import difference, fingerprint
from glovebox.desired.writers import writer_of
from golden.cases import inputs_from
from support.waiting import eventually

if TYPE_CHECKING:
    from support.api import Api

RIVAL: Final = "rival"
CPU: Final = {"type": "Container", "default": {"cpu": "64"}}
STRANGER: Final = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "stranger"}
ADD_LABEL: Final = {"metadata": {"labels": {"rival": "was-here"}}}
STATE: Final = "metadata.labels['glovebox.dev/state']"
TEAM: Final = "metadata.labels['glovebox.dev/team']"


@dataclass(frozen=True)
class Deed:
    """One thing that a rival does.

    Attributes:
        kind: To an object of this kind.
        how: `edit` (as kubectl edit), `add` (apply of something new), `seize` (forced apply of
            something of ours), `remove`.
        body: The merge patch, the applied fields, or the pointer of what is removed.
        paths: The fields in which it shows.
        named: Whether the API server's records name the rival. They do not name who removed a key
            from a map.
    """

    kind: str
    how: str
    body: Any
    paths: tuple[str, ...]
    named: bool = True

    def __str__(self) -> str:
        return f"{self.kind}-{self.how}"


DEEDS: Final = [
    Deed("Namespace", "edit", {"metadata": {"labels": {names.LABEL_STATE: "Sealed"}}}, (STATE,)),
    Deed("Namespace", "add", ADD_LABEL, ("metadata.labels.rival",)),
    Deed(
        "Namespace",
        "seize",
        {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
        ("metadata.labels['pod-security.kubernetes.io/enforce']",),
    ),
    Deed("Namespace", "remove", "/metadata/labels/glovebox.dev~1state", (STATE,), named=False),
    Deed("NetworkPolicy", "edit", {"spec": {"policyTypes": ["Ingress"]}}, ("spec.policyTypes[1]",)),
    Deed("NetworkPolicy", "add", {"spec": {"podSelector": {}, "ingress": [{}]}}, ("spec.ingress",)),
    Deed(
        "NetworkPolicy",
        "seize",
        {"spec": {"podSelector": {"matchLabels": {"a": "b"}}}},
        ("spec.podSelector.matchLabels",),
    ),
    Deed("NetworkPolicy", "remove", "/spec/policyTypes", ("spec.policyTypes[1]",)),
    Deed("ResourceQuota", "edit", {"spec": {"hard": {"pods": "999"}}}, ("spec.hard.pods",)),
    Deed(
        "ResourceQuota",
        "add",
        {"spec": {"hard": {"count/leases.coordination.k8s.io": "0"}}},
        ("spec.hard['count/leases.coordination.k8s.io']",),
    ),
    Deed(
        "ResourceQuota",
        "seize",
        {"spec": {"hard": {"requests.cpu": "64"}}},
        ("spec.hard['requests.cpu']",),
    ),
    Deed("ResourceQuota", "remove", "/spec/hard/pods", ("spec.hard.pods",), named=False),
    Deed(
        "LimitRange",
        "edit",
        {"spec": {"limits": [CPU]}},
        (
            "spec.limits[0].default.cpu",
            "spec.limits[0].default['ephemeral-storage']",
            "spec.limits[0].default.memory",
            "spec.limits[0].defaultRequest.cpu",
            "spec.limits[0].defaultRequest['ephemeral-storage']",
            "spec.limits[0].defaultRequest.memory",
            "spec.limits[0].max",
        ),
    ),
    Deed("LimitRange", "add", ADD_LABEL, ("metadata.labels.rival",)),
    Deed(
        "LimitRange",
        "seize",
        {"spec": {"limits": [{"type": "Pod", "max": {"cpu": "1"}}]}},
        (
            "spec.limits[0].default",
            "spec.limits[0].defaultRequest",
            "spec.limits[0].max.cpu",
            "spec.limits[0].max['ephemeral-storage']",
            "spec.limits[0].type",
        ),
    ),
    Deed("LimitRange", "remove", "/spec/limits/0/default/cpu", ("spec.limits[0].default.cpu",)),
    Deed("ConfigMap", "edit", {"metadata": {"labels": {names.LABEL_TEAM: "other"}}}, (TEAM,)),
    Deed("ConfigMap", "add", ADD_LABEL, ("metadata.labels.rival",)),
    Deed("ConfigMap", "seize", {"metadata": {"labels": {names.LABEL_TEAM: "other"}}}, (TEAM,)),
    Deed("ConfigMap", "remove", "/metadata/labels/glovebox.dev~1team", (TEAM,), named=False),
    Deed(
        "ServiceAccount",
        "edit",
        {"automountServiceAccountToken": True},
        ("automountServiceAccountToken",),
    ),
    Deed(
        "ServiceAccount", "add", {"imagePullSecrets": [{"name": "theirs"}]}, ("imagePullSecrets",)
    ),
    Deed(
        "ServiceAccount",
        "seize",
        {"automountServiceAccountToken": True},
        ("automountServiceAccountToken",),
    ),
    Deed(
        "ServiceAccount",
        "remove",
        "/automountServiceAccountToken",
        ("automountServiceAccountToken",),
        named=False,
    ),
    Deed("RoleBinding", "edit", {"subjects": [STRANGER]}, ("subjects[0].kind", "subjects[0].name")),
    Deed("RoleBinding", "add", ADD_LABEL, ("metadata.labels.rival",)),
    Deed(
        "RoleBinding",
        "seize",
        {"roleRef": None, "subjects": [STRANGER]},
        ("subjects[0].kind", "subjects[0].name"),
    ),
    Deed("RoleBinding", "remove", "/subjects", ("subjects",), named=False),
]


def commit(api: Api, deed: Deed, intent: dict[str, Any]) -> None:
    """Do what the rival does."""
    where = path(intent)
    if deed.how == "edit":
        api.patch(where, deed.body, kind="merge", fieldManager=RIVAL)
    elif deed.how == "remove":
        api.patch(where, [{"op": "remove", "path": deed.body}], kind="json", fieldManager=RIVAL)
    else:
        applied = {"apiVersion": intent["apiVersion"], "kind": intent["kind"], **deed.body}
        if "roleRef" in applied:
            applied["roleRef"] = intent["roleRef"]
        api.patch(
            where, applied, kind="apply", fieldManager=RIVAL, force=str(deed.how == "seize").lower()
        )


@pytest.mark.parametrize("deed", DEEDS, ids=str)
def test_a_rival_is_found_out_and_put_right(deed: Deed, provision: Provision) -> None:
    experiment = provision(inputs_from())
    intent = experiment.intent(
        deed.kind, names.RUNNER_SERVICE_ACCOUNT if deed.kind == "ServiceAccount" else None
    )
    commit(experiment.api, deed, intent)

    live = experiment.live(intent)
    assert fingerprint(live) != fingerprint(intent)
    assert tuple(change.path for change in difference(intent, live)) == deed.paths
    for found in deed.paths:
        writer = writer_of(live, found)
        assert (writer.manager if writer else None) == (RIVAL if deed.named else None)

    repaired = experiment.repair(intent)
    assert difference(intent, repaired) == []
    assert fingerprint(intent) == fingerprint(repaired)


def test_every_kind_of_a_plan_is_tried_in_every_way(provision: Provision) -> None:
    kinds = {intent["kind"] for intent, _ in provision(inputs_from()).answers}
    assert {(deed.kind, deed.how) for deed in DEEDS} == {
        (kind, how) for kind in kinds for how in ("edit", "add", "seize", "remove")
    }


def test_who_removed_a_key_is_named_when_he_wrote_something_else_too(provision: Provision) -> None:
    experiment = provision(inputs_from())
    intent = experiment.intent("ResourceQuota")
    experiment.api.patch(
        path(intent), {"spec": {"hard": {"pods": None, "services": "99"}}}, fieldManager=RIVAL
    )
    writer = writer_of(experiment.live(intent), "spec.hard.pods")
    assert writer is not None
    assert writer.manager == RIVAL


def test_a_foreign_annotation_is_neither_drift_nor_lost_in_a_repair(provision: Provision) -> None:
    experiment = provision(inputs_from())
    for intent, _ in experiment.answers:
        experiment.api.patch(
            path(intent),
            {"metadata": {"annotations": {"other.example/note": "kept"}}},
            fieldManager=RIVAL,
        )
        assert difference(intent, experiment.live(intent)) == []
        experiment.api.patch(path(intent), ADD_LABEL, fieldManager=RIVAL)
        repaired = experiment.repair(intent)
        assert difference(intent, repaired) == []
        assert repaired["metadata"]["annotations"]["other.example/note"] == "kept"


def test_an_annotation_in_our_name_is_drift_and_goes(provision: Provision) -> None:
    experiment = provision(inputs_from())
    for intent, _ in experiment.answers:
        experiment.api.patch(
            path(intent),
            {"metadata": {"annotations": {"glovebox.dev/forged": "x"}}},
            fieldManager=RIVAL,
        )
        assert difference(intent, experiment.live(intent))[0].path.startswith(
            "metadata.annotations"
        )
        assert difference(intent, experiment.repair(intent)) == []


def test_a_default_account_that_kubernetes_made_first_is_put_right_although_nobody_is_named(
    provision: Provision,
) -> None:
    """The API server records no writers of an object without fields until somebody applies."""
    experiment = provision(inputs_from())
    intent = experiment.intent("ServiceAccount", "default")
    experiment.api.delete(path(intent))
    eventually(
        lambda: experiment.api.find(path(intent)), what="kube-controller-manager makes it again"
    )
    assert {change.path for change in difference(intent, experiment.live(intent))} == {
        "automountServiceAccountToken",
        "metadata.labels",
    }
    assert difference(intent, experiment.repair(intent)) == []
    experiment.api.patch(path(intent), {"automountServiceAccountToken": True}, fieldManager=RIVAL)
    assert writer_of(experiment.live(intent), "automountServiceAccountToken") is None
    assert difference(intent, experiment.repair(intent)) == []


def test_the_snapshot_s_data_cannot_be_changed_by_anybody(provision: Provision) -> None:
    experiment = provision(inputs_from())
    with pytest.raises(AssertionError, match="field is immutable when `immutable` is set"):
        experiment.api.patch(
            path(experiment.intent("ConfigMap")), {"data": {"images": ""}}, fieldManager=RIVAL
        )
