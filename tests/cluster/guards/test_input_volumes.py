"""Who may make, claim and change the volumes of datasets.

The operator alone, and it only what the platform lets it hand out.
"""

from __future__ import annotations

import copy
import json
from typing import Any
from uuid import uuid4

import pytest
import yaml

from cluster.guards import objects
from cluster.guards.actors import (
    ADMINS,
    BREAK_GLASS,
    CLUSTER_ADMIN,
    OPERATOR,
    TENANT,
    Actor,
    Answer,
    Kubectl,
    expect_admitted,
    expect_denied,
    expect_no_right,
)
from cluster.guards.conftest import GOLDEN, INPUT_VOLUMES
from glovebox.desired.metadata import KubernetesObject

OWN = "glovebox-system"
BINDER = Actor("system:serviceaccount:kube-system:persistent-volume-binder", ("system:masters",))
ONLY_OURS = (
    "only the Glovebox operator may claim the volumes of an experiment's inputs; mount the claims"
    " that are there, read-only"
)
OUTSIDE_OF_VALUES = (
    "the Glovebox operator may hand out only volumes of the drivers, servers and folders that the"
    " chart's `guards.inputVolumes` names; add the one that the profile delivers from"
)
NOT_FOR_AN_EXPERIMENT = (
    "the Glovebox operator may create a volume only for a claim 'glovebox-input-...' of an"
    " experiment, ReadOnlyMany and retained"
)
NOT_OURS = (
    "the Glovebox operator may create and delete only volumes of experiments' inputs, and change"
    " none"
)
NOTHING_BUT_THE_FETCHER = (
    "the Glovebox operator may run nothing but its fetcher, from its own image by digest, outside"
    " of experiments"
)
NO_RIGHTS = (
    "the Glovebox operator may run its fetcher only without rights on the node and before the API"
    " server"
)
ONLY_ITS_NAME = (
    "the Glovebox operator may mount into its fetcher only what bears the name of the cache"
)


def golden(case: str, kind: str) -> KubernetesObject:
    """Return what the code renders.

    So that these tests cannot speak of other objects than the operator's.
    """
    made = next(
        thing
        for thing in yaml.safe_load_all((GOLDEN / case / "expected.yaml").read_text())
        if thing["kind"] == kind
    )
    if made["metadata"].get("namespace", OWN) != OWN:
        made["metadata"]["namespace"] = objects.NAMESPACE
    return dict(made)


def changed(obj: KubernetesObject, path: str, value: Any) -> KubernetesObject:
    """Return the object with another value at a path; None takes the field away."""
    made = copy.deepcopy(obj)
    *parents, last = path.split("/")
    place: Any = made
    for parent in parents:
        place = place[int(parent)] if isinstance(place, list) else place.setdefault(parent, {})
    if value is None:
        place.pop(last)
    else:
        place[last] = value
    return made


def source(**plugin: Any) -> KubernetesObject:
    volume = golden("input_volumes/cache", "PersistentVolume")
    for field in ("nfs", "mountOptions"):
        volume["spec"].pop(field)
    volume["spec"] |= plugin
    return volume


def test_the_operator_makes_what_it_renders(experiments: Kubectl) -> None:
    for case in ("input_volumes/cache", "input_volumes/csi"):
        expect_admitted(experiments.create(OPERATOR, golden(case, "PersistentVolume")))
        expect_admitted(experiments.create(OPERATOR, golden(case, "PersistentVolumeClaim")))
    for kind in ("PersistentVolumeClaim", "ConfigMap", "Job"):
        for case in ("cache/one-pin", "cache/pull-secrets"):
            expect_admitted(experiments.create(OPERATOR, golden(case, kind)))
    for path in (f"{INPUT_VOLUMES['hostPaths'][0]}", f"{INPUT_VOLUMES['hostPaths'][0]}/cache-1"):
        expect_admitted(experiments.create(OPERATOR, source(hostPath={"path": path})))
        affinity = {
            "required": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]
            }
        }
        expect_admitted(
            experiments.create(OPERATOR, source(local={"path": path}, nodeAffinity=affinity))
        )


@pytest.mark.parametrize(
    "plugin",
    [
        {"hostPath": {"path": "/"}},
        {"hostPath": {"path": "/etc"}},
        {"hostPath": {"path": "/srv/cached"}},
        {"hostPath": {"path": "/srv/cache/../../etc"}},
        {"nfs": {"server": "other.example", "path": "/", "readOnly": True}},
        {"nfs": {"server": "nfs.example", "path": "/"}},
        {"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-of-somebody", "readOnly": True}},
        {"csi": {"driver": "s3.csi.aws.com", "volumeHandle": "x"}},
        {
            "iscsi": {
                "targetPortal": "192.0.2.1",
                "iqn": "iqn.2026-01.example:a",
                "lun": 0,
                "readOnly": True,
            }
        },
    ],
    ids=[
        "root",
        "etc",
        "beside",
        "climbing",
        "other server",
        "writable nfs",
        "other driver",
        "writable csi",
        "other plugin",
    ],
)
def test_the_operator_hands_out_nothing_that_the_platform_did_not_name(
    experiments: Kubectl, plugin: dict[str, Any]
) -> None:
    answer = experiments.create(OPERATOR, source(**plugin))
    if "volume path must not contain" in answer.err or "must not contain '..'" in answer.err:
        return  # the API server itself was first
    expect_denied(answer, "glovebox-operator-fence-volumes", OUTSIDE_OF_VALUES)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("metadata/name", "pvc-1", NOT_OURS),
        ("metadata/labels/app.kubernetes.io~managed-by", None, NOT_OURS),
        ("spec/claimRef/namespace", "kube-system", NOT_FOR_AN_EXPERIMENT),
        ("spec/claimRef/name", "data", NOT_FOR_AN_EXPERIMENT),
        ("spec/claimRef", None, NOT_FOR_AN_EXPERIMENT),
        ("spec/accessModes", ["ReadWriteMany"], NOT_FOR_AN_EXPERIMENT),
        ("spec/accessModes", ["ReadOnlyMany", "ReadWriteOnce"], NOT_FOR_AN_EXPERIMENT),
        ("spec/persistentVolumeReclaimPolicy", "Delete", NOT_FOR_AN_EXPERIMENT),
    ],
)
def test_the_operator_gives_a_volume_to_one_claim_of_an_experiment_alone(
    experiments: Kubectl, path: str, value: Any, message: str
) -> None:
    volume = golden("input_volumes/cache", "PersistentVolume")
    if path.startswith("metadata/labels/"):
        del volume["metadata"]["labels"]["app.kubernetes.io/managed-by"]
    else:
        volume = changed(volume, path, value)
    expect_denied(experiments.create(OPERATOR, volume), "glovebox-operator-fence-volumes", message)


def test_the_operator_touches_no_volume_of_others(experiments: Kubectl) -> None:
    other = source(hostPath={"path": "/srv/other"})
    name = f"of-somebody-{uuid4().hex[:8]}"
    other["metadata"] = {"name": name}
    expect_admitted(experiments.create(CLUSTER_ADMIN, other, dry_run=False))
    answer = experiments(OPERATOR, "delete", "persistentvolume", name, "--dry-run=server")
    expect_denied(answer, "glovebox-operator-fence-volumes", NOT_OURS)


@pytest.mark.parametrize(
    ("path", "value"),
    [("metadata/name", "data"), ("spec/volumeName", "pvc-1"), ("spec/storageClassName", "fast")],
)
def test_the_operator_claims_only_inputs_in_an_experiment(
    experiments: Kubectl, path: str, value: str
) -> None:
    claim = changed(golden("input_volumes/cache", "PersistentVolumeClaim"), path, value)
    message = (
        "the Glovebox operator may claim only the volumes of an experiment's inputs there, by name"
        " and ReadOnlyMany"
    )
    expect_denied(experiments.create(OPERATOR, claim), "glovebox-operator-fence-claims", message)


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "ConfigMap", "Job"])
def test_the_operator_makes_caches_only_at_home_and_under_their_names(
    experiments: Kubectl, kind: str
) -> None:
    thing = golden("cache/one-pin", kind)
    renamed = json.loads(json.dumps(thing).replace(thing["metadata"]["name"], "other"))
    for elsewhere in (renamed, changed(thing, "metadata/namespace", objects.PLAIN_NAMESPACE)):
        answer = experiments.create(OPERATOR, elsewhere)
        assert answer.code != 0, answer
        assert "glovebox-operator-fence' with binding" in answer.err, answer.err


def test_the_operator_changes_no_secret_of_its_namespace_but_those_of_caches(
    experiments: Kubectl,
) -> None:
    name = f"store-keys-{uuid4().hex[:8]}"
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": OWN},
        "stringData": {"a": "b"},
    }
    expect_admitted(experiments.create(CLUSTER_ADMIN, secret, dry_run=False))
    for answer in (
        experiments(OPERATOR, "delete", "secret", name, f"--namespace={OWN}", "--dry-run=server"),
        experiments(OPERATOR, "replace", "--dry-run=server", "-f", "-", manifest=secret),
    ):
        assert answer.code != 0, answer
        assert "glovebox-operator-fence' with binding" in answer.err, answer.err
    own = {**secret, "metadata": {"name": "glovebox-cache-abcdefghij", "namespace": OWN}}
    expect_admitted(experiments.create(OPERATOR, own, dry_run=False))
    expect_admitted(
        experiments(OPERATOR, "delete", "secret", "glovebox-cache-abcdefghij", f"--namespace={OWN}")
    )


POD = "spec/template/spec"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (f"{POD}/containers/0/command", ["sh", "-c", "id"], NOTHING_BUT_THE_FETCHER),
        (f"{POD}/containers/0/args", ["x"], NOTHING_BUT_THE_FETCHER),
        (
            f"{POD}/containers/0/env",
            [{"name": "PYTHONPATH", "value": "/inputs"}],
            NOTHING_BUT_THE_FETCHER,
        ),
        (f"{POD}/containers/0/image", "registry.example/glovebox:latest", NOTHING_BUT_THE_FETCHER),
        (f"{POD}/hostNetwork", True, NO_RIGHTS),
        (f"{POD}/hostPID", True, NO_RIGHTS),
        (f"{POD}/serviceAccountName", "glovebox-operator", NO_RIGHTS),
        (f"{POD}/automountServiceAccountToken", True, NO_RIGHTS),
        (
            f"{POD}/containers/0/securityContext/capabilities",
            {"drop": ["ALL"], "add": ["SYS_ADMIN"]},
            NO_RIGHTS,
        ),
        (f"{POD}/containers/0/securityContext/runAsUser", 0, NO_RIGHTS),
        (f"{POD}/containers/0/securityContext/allowPrivilegeEscalation", True, NO_RIGHTS),
        (f"{POD}/volumes/0", {"name": "cache", "hostPath": {"path": "/"}}, ONLY_ITS_NAME),
        (
            f"{POD}/volumes/2",
            {"name": "credentials", "secret": {"secretName": "store-keys"}},
            ONLY_ITS_NAME,
        ),
        (
            f"{POD}/volumes/2",
            {"name": "credentials", "projected": {"sources": [{"secret": {"name": "store-keys"}}]}},
            ONLY_ITS_NAME,
        ),
        (
            f"{POD}/volumes/0",
            {"name": "cache", "persistentVolumeClaim": {"claimName": "glovebox-cache-other"}},
            ONLY_ITS_NAME,
        ),
    ],
)
def test_the_job_that_fills_a_cache_can_do_nothing_else(
    experiments: Kubectl, path: str, value: Any, message: str
) -> None:
    job = golden("cache/one-pin", "Job")
    if path.rpartition("/")[2].isdigit():
        job["spec"]["template"]["spec"]["volumes"][int(path.rpartition("/")[2])] = value
    else:
        job = changed(job, path, value)
    expect_denied(experiments.create(OPERATOR, job), "glovebox-operator-fence-caches", message)


def claim_of(name: str, volume: str | None = None) -> KubernetesObject:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1"}},
        "storageClassName": "",
    }
    metadata = {"name": name, "namespace": objects.NAMESPACE}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": spec | ({"volumeName": volume} if volume else {}),
    }


def test_a_tenant_claims_nothing_at_all(experiments: Kubectl) -> None:
    expect_no_right(experiments.create(TENANT, claim_of("glovebox-input-train")))
    expect_no_right(experiments.create(TENANT, claim_of("mine", "glovebox-input-7qivdkfu4l")))
    expect_no_right(experiments.create(TENANT, golden("input_volumes/cache", "PersistentVolume")))


@pytest.mark.parametrize("actor", ADMINS)
@pytest.mark.parametrize(
    "claim",
    [claim_of("glovebox-input-train"), claim_of("mine", "glovebox-input-7qivdkfu4l")],
    ids=["name", "volume"],
)
def test_nobody_else_claims_an_input_in_an_experiment(
    experiments: Kubectl, actor: Actor, claim: KubernetesObject
) -> None:
    expect_denied(experiments.create(actor, claim), "glovebox-input-claims", ONLY_OURS)
    expect_admitted(experiments.create(actor, claim_of("mine", "pvc-1")))


def test_not_even_the_controller_that_claims_for_a_pod(experiments: Kubectl) -> None:
    """A pod `glovebox-input` with an ephemeral volume `train` would have its claim called so."""
    binder = Actor("system:kube-controller-manager", ("system:masters",))
    expect_denied(
        experiments.create(binder, claim_of("glovebox-input-train")),
        "glovebox-input-claims",
        ONLY_OURS,
    )


def test_the_claim_that_the_operator_made_stays_as_it_is(experiments: Kubectl) -> None:
    claim = golden("input_volumes/cache", "PersistentVolumeClaim")
    name = f"glovebox-input-kept-{uuid4().hex[:8]}"
    claim["metadata"]["name"] = name
    expect_admitted(experiments.create(OPERATOR, claim, dry_run=False))

    def attempt(actor: Actor, *command: str) -> Answer:
        return experiments(actor, *command, f"--namespace={objects.NAMESPACE}", "--dry-run=server")

    expect_denied(
        attempt(CLUSTER_ADMIN, "delete", "pvc", name),
        "glovebox-input-claims",
        ONLY_OURS,
    )
    expect_denied(
        attempt(CLUSTER_ADMIN, "label", "pvc", name, "a=b"),
        "glovebox-input-claims",
        ONLY_OURS,
    )
    expect_admitted(attempt(BREAK_GLASS, "delete", "pvc", name))
    expect_admitted(attempt(BINDER, "label", "pvc", name, "a=b"))
    expect_admitted(attempt(BINDER, "delete", "pvc", name))


def test_nobody_changes_a_volume_of_an_input(experiments: Kubectl) -> None:
    message = (
        "only the Glovebox operator may make a volume of an experiment's inputs, and nobody changes"
        " one; delete it, or the Experiment"
    )
    volume = golden("input_volumes/csi", "PersistentVolume")
    name = f"glovebox-input-{uuid4().hex[:10]}"
    volume["metadata"]["name"] = name
    expect_denied(experiments.create(CLUSTER_ADMIN, volume), "glovebox-input-volumes", message)
    expect_admitted(experiments.create(CLUSTER_ADMIN, changed(volume, "metadata/name", "other")))
    expect_admitted(experiments.create(BREAK_GLASS, volume))
    expect_admitted(experiments.create(OPERATOR, volume, dry_run=False))

    def patch(actor: Actor, **spec: Any) -> Answer:
        text = f"--patch={json.dumps({'spec': spec})}"
        return experiments(actor, "patch", "pv", name, "--type=merge", text, "--dry-run=server")

    opened = {"accessModes": ["ReadWriteMany"], "claimRef": None}
    expect_denied(patch(CLUSTER_ADMIN, **opened), "glovebox-input-volumes", message)
    expect_no_right(patch(OPERATOR, **opened))
    # As Kubernetes does when it binds the claim.
    expect_admitted(patch(BINDER, claimRef={"uid": str(uuid4())}))
    expect_admitted(experiments(OPERATOR, "delete", "pv", name, "--wait=false"))
