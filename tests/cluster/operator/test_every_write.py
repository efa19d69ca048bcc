"""Each write of a life is cut in turn, before real servers: it ends as if nothing had happened.

A life: provision, run, seal, delete; or provision, freeze, go on, delete and keep the namespace.
The proxies see every request of the operator, so they also judge, on each request, what must hold
at any moment: nobody gets in before isolation stands.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from glovebox import names
from glovebox_local.operator_process import OPERATOR_USER
from support.cluster import Cluster
from support.examples import one_stage
from support.kubelet import end_pod
from support.numbered_operator import Numbered
from support.numbering_proxy import Cut
from support.operator_process import experiment_spec
from support.run_credentials import write_artifact
from support.waiting import eventually

RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
COMPARED = {
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "resourcequotas": "/api/v1",
    "limitranges": "/api/v1",
    "configmaps": "/api/v1",
    "secrets": "/api/v1",
    "serviceaccounts": "/api/v1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "jobs": "/apis/batch/v1",
}
# -- lives


@dataclass
class Life:
    """One Experiment, what is cut of it, and what was seen.

    Attributes:
        name: Of the Experiment.
        where: Which proxy cuts.
        number: Which write; 0 for the undisturbed one.
        how: In which way.
        namespace: Its namespace.
        seen: What it looked like at each stage.
        uid: Of the Experiment.
    """

    name: str
    where: str = ""
    number: int = 0
    how: Cut | None = None
    namespace: str = ""
    uid: str = ""
    seen: dict[str, Any] = field(default_factory=dict)


def provision(numbered: Numbered, lives: list[Life], **changes: Any) -> None:
    spec = experiment_spec(numbered.platform, numbered.platform, **changes)
    for life in lives:
        made = numbered.team.declare("Experiment", life.name, spec)
        life.uid = made["metadata"]["uid"]
    for life in lives:
        made = numbered.team.expect("Experiment", life.name, timeout=60)
        life.namespace = made["status"]["namespace"]
        life.seen["Ready"] = state_of(numbered, life, "Ready")


def run_and_seal(numbered: Numbered, lives: list[Life]) -> None:
    api = numbered.cluster.api
    for life in lives:
        pods = f"/api/v1/namespaces/{life.namespace}/pods"
        (pod,) = eventually(
            lambda pods=pods: api.list(pods, labelSelector="job-name=glovebox-run"),  # type: ignore[misc]
            what=f"{life.name} runs",
            timeout=60,
        )
        made = numbered.team.read("Experiment", life.name)
        write_artifact(numbered.team, made, "model.bin", b"weights")
        end_pod(api, pod, 0)
    for life in lives:
        numbered.team.expect("Experiment", life.name, "Sealed", timeout=90)
        life.seen["Sealed"] = state_of(numbered, life, "Sealed")
        life.seen["evidence"] = evidence_of(numbered, life)


def freeze_and_go_on(numbered: Numbered, lives: list[Life]) -> None:
    for desired, status, reason in (
        ("Frozen", "False", "Frozen"),
        ("Active", "True", "Provisioned"),
    ):
        for life in lives:
            numbered.team.api.patch(
                numbered.team.path("Experiment", life.name),
                {"spec": {"lifecycle": {"desired": desired}}},
            )
        for life in lives:
            numbered.team.expect("Experiment", life.name, status=status, reason=reason, timeout=60)
            life.seen[desired] = state_of(numbered, life, desired)


def delete(numbered: Numbered, lives: list[Life]) -> None:
    api = numbered.cluster.api
    for life in lives:
        api.delete(numbered.team.path("Experiment", life.name))
    for life in lives:
        path = numbered.team.path("Experiment", life.name)
        eventually(
            lambda path=path: api.find(path) is None or None,  # type: ignore[misc]
            what=f"{life.name} is gone",
            timeout=120,
        )
        life.seen["deleted"] = state_of(numbered, life, "deleted")


def state_of(numbered: Numbered, life: Life, stage: str) -> dict[str, Any]:
    """Return what stands of a life, without what differs between any two experiments."""
    api = numbered.cluster.api
    space = api.find(f"/api/v1/namespaces/{life.namespace}")
    obj = api.find(numbered.team.path("Experiment", life.name))
    status = (obj or {}).get("status", {})
    seen: dict[str, Any] = {
        "stage": stage,
        "labels": space and space["metadata"]["labels"],
        "conditions": {
            entry["type"]: (entry["status"], entry["reason"])
            for entry in status.get("conditions", [])
            # How far a run has come by now is a matter of time.
            if stage == "Sealed" or entry["type"] != "Succeeded"
        },
        "drift": status.get("drift"),
        "digest": status.get("digest"),
        "run": stage == "Sealed"
        and {key: status["run"].get(key) for key in ("outcome", "reason", "attempts")},
        "seal": {key: status.get("seal", {}).get(key) for key in ("objects", "bytes", "findings")},
    }
    for plural, root in COMPARED.items():
        if stage == "Ready" and plural == "jobs":
            continue
        items = api.list(f"{root}/namespaces/{life.namespace}/{plural}") if space else []
        seen[plural] = {
            item["metadata"]["name"]: content(item)
            for item in items
            # The controller manager's, which makes it when it comes to it.
            if item["metadata"]["name"] != "kube-root-ca.crt"
        }
    return dict(without_names(seen, life))


def content(obj: dict[str, Any]) -> Any:
    if obj["metadata"]["name"] == names.RUN_JOB:
        return "a Job"  # its labels carry its own UID
    kept = {key: value for key, value in obj.items() if key not in {"metadata", "status"}}
    if "type" in kept:  # a Secret: other keys each time
        kept["data"] = sorted(kept.get("data") or {})
    return {**kept, "labels": obj["metadata"].get("labels")}


def without_names(value: Any, life: Life) -> Any:
    if isinstance(value, dict):
        return {without_names(key, life): without_names(item, life) for key, item in value.items()}
    if isinstance(value, list):
        return [without_names(item, life) for item in value]
    if isinstance(value, str):
        for own, shown in ((life.namespace, "NAMESPACE"), (life.uid, "UID"), (life.name, "NAME")):
            value = value.replace(own, shown)
    return value


def evidence_of(numbered: Numbered, life: Life) -> list[str]:
    """Return the documents of a seal, each as often as it has versions."""
    seal = numbered.team.read("Experiment", life.name)["status"]["seal"]
    bucket, folder = seal["uri"].removeprefix("s3://").split("/", 1)
    versions = numbered.cluster.store.client().list_object_versions(Bucket=bucket, Prefix=folder)
    return sorted(
        re.sub(r"[0-9a-f]{32,}", "DIGEST", row["Key"].removeprefix(folder))
        for row in versions["Versions"]
    )


def creations(cluster: Cluster, spaces: set[str]) -> dict[str, Counter[tuple[str, str]]]:
    """Return how often the operator created each object, by namespace, by the audit log."""
    made: dict[str, Counter[tuple[str, str]]] = {space: Counter() for space in spaces}
    for event in cluster.audit(*spaces):
        about = event.get("objectRef") or {}
        space = about.get("namespace") or about.get("name") or ""
        if (
            event["verb"] == "create"
            and space in spaces
            and event["user"]["username"] == OPERATOR_USER
            and (event.get("responseStatus") or {}).get("code") == 201
            # The controller manager makes it, or the operator, whoever is faster.
            and (about["resource"], about.get("name")) != ("serviceaccounts", "default")
        ):
            name = about.get("name", "") if about["resource"] != "namespaces" else ""
            made[space][about["resource"], name] += 1
    return made


LIVES = {
    "run": (provision, run_and_seal, delete),
    "freeze": (provision, freeze_and_go_on, delete),
}
CHANGES: dict[str, dict[str, Any]] = {
    "run": {"stages": one_stage(RUN), "lifecycle": {"deletionPolicy": "Delete"}},
    "freeze": {"lifecycle": {"deletionPolicy": "Freeze"}},
}


def live(numbered: Numbered, kind: str, lives: list[Life]) -> None:
    """Let all these experiments live through a kind of life side by side."""
    first, *rest = LIVES[kind]
    first(numbered, lives, **CHANGES[kind])
    for stage in rest:
        stage(numbered, lives)


def cut_each_write(numbered: Numbered, kind: str, ways: tuple[Cut, ...]) -> None:
    calm = Life(f"{kind}-calm-{uuid.uuid4().hex[:4]}")
    live(numbered, kind, [calm])
    writes = {
        "api": numbered.api.sent[calm.name],
        "store": numbered.store.sent[calm.name],
    }
    assert len(writes["api"]) > 15, "the proxy saw the writes"
    lives = [
        Life(f"{kind}-{where[0]}{number:02}-{how.value}", where, number, how)
        for where, sent in writes.items()
        for number in range(1, len(sent) + 1)
        for how in ways
    ]
    for life in lives:
        proxy = numbered.api if life.where == "api" else numbered.store
        assert life.how
        proxy.cuts[life.name] = life.number, life.how
    live(numbered, kind, lives)

    # Some writes are joined when their answers come in another order: then the last are never sent.
    cut = [
        sent
        for life in lives
        for sent in (numbered.api if life.where == "api" else numbered.store).sent[life.name]
        if sent.cut
    ]
    assert len(cut) >= 0.8 * len(lives), "nearly every plan came to be carried out"
    problems = [
        f"{life.name}: {found}" for life in lives for found in differences(calm.seen, life.seen)
    ]
    made = creations(numbered.cluster, {life.namespace for life in [calm, *lives]})
    usual = made[calm.namespace]
    assert usual["networkpolicies", names.NETWORK_POLICY_DEFAULT_DENY] == 1, "the log counts"
    problems += [
        f"{life.name}: {what} was created {usual[what] + count} times"
        for life in lives
        for what, count in (made[life.namespace] - usual).items()
    ]
    assert numbered.doors.opened > 2 * len(lives), "the proxy saw who let somebody in"
    problems += numbered.doors.opened_early
    assert not problems, "\n".join(problems[:50])


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Return where two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            found
            for key in sorted({*one, *other}, key=str)
            for found in differences(one.get(key), other.get(key), f"{where}.{key}")
        ]
    return [] if one == other else [f"{where}: {one!r} became {other!r}"]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", LIVES)
def test_a_life_ends_the_same_whichever_answer_is_lost(numbered: Numbered, kind: str) -> None:
    cut_each_write(numbered, kind, (Cut.LOST,))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", [Cut.BEFORE, Cut.AFTER], ids=lambda how: how.value)
@pytest.mark.parametrize("kind", LIVES)
def test_a_life_ends_the_same_whichever_write_is_cut(
    numbered: Numbered, kind: str, how: Cut
) -> None:
    cut_each_write(numbered, kind, (how,))
