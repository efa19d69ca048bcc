"""A CRD of ours is deleted while the operator runs, and created again.

kopf gives up a kind that is not served any more, and the process ends; the next one does nothing
before all of our kinds are back. What is there stays as it is meanwhile. On a cluster of its own:
no other operator outlives it.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from glovebox import names
from support.api import path_of
from support.cluster import Cluster, running_cluster
from support.kubelet import end_pod, run_pod
from support.operator_process import (
    PLATFORM_IMAGE,
    PLURALS,
    Operator,
    Team,
    declare_platform,
    experiment_spec,
    running_operator,
)
from support.run_credentials import write_artifact
from support.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
CRDS = Path(__file__).parents[3] / "crds"
DEFINITIONS = path_of("apiextensions.k8s.io/v1", "customresourcedefinitions")
RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
# Kinds of which nothing is declared: their CRDs go at once.
UNUSED = ("AccessGrant", "FeatureSetPin", "SplitPin", "DatasetPin")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of these tests' own."""
    with running_cluster(tmp_path_factory.mktemp("definitions")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def alone(own: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The only operator there."""
    folder = tmp_path_factory.mktemp("alone")
    with running_operator(own, folder, PLATFORM_IMAGE) as running:
        declare_platform(own)
        yield running


def readiness(operator: Operator) -> str:
    """Return what /readyz says, whatever its code."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{operator.port}/readyz", timeout=5) as page:
            return str(page.read().decode().strip())
    except urllib.error.HTTPError as refused:
        return str(refused.read().decode().strip())
    except OSError:
        return ""


def definition(kind: str) -> str:
    return f"{DEFINITIONS}/{PLURALS[kind]}.{names.GROUP}"


def is_gone(cluster: Cluster, path: str) -> bool:
    return cluster.api.find(path) is None


def isolation(cluster: Cluster, space: str) -> dict[str, Any]:
    """Return what keeps a namespace closed, and who gets in, by kind and UID."""
    found = {}
    for api_version, plural in (
        ("networking.k8s.io/v1", "networkpolicies"),
        ("rbac.authorization.k8s.io/v1", "rolebindings"),
        ("v1", "resourcequotas"),
    ):
        for obj in cluster.api.list(path_of(api_version, plural, namespace=space)):
            found[f"{plural}/{obj['metadata']['name']}"] = obj["metadata"]["uid"]
    return found


def come_back(cluster: Cluster, operator: Operator, kind: str) -> None:
    """See the process end, and the next one wait for the CRD; create it again."""
    eventually(lambda: not operator.part.running, what="the process ends by itself", timeout=60)
    operator.part.launch()
    plural = PLURALS[kind]
    eventually(
        lambda: readiness(operator) == f"not listed yet: our own kinds ({kind})",
        what=f"it says that it waits for {kind}",
        timeout=60,
    )
    assert f"not offered: {plural}" in operator.log
    made = yaml.safe_load((CRDS / f"{plural}.yaml").read_text())
    cluster.api.create(DEFINITIONS, made)
    eventually(lambda: readiness(operator) == "ok", what="it is ready by itself", timeout=60)


def test_a_definition_that_goes_is_waited_for_and_nothing_is_opened_or_lost(
    own: Cluster, alone: Operator
) -> None:
    team = Team(own, "unused")
    team.declare("Experiment", "stands", experiment_spec("standard", "primary"))
    before = team.expect("Experiment", "stands", timeout=60)
    space = before["status"]["namespace"]
    closed = isolation(own, space)
    for kind in UNUSED:
        own.api.delete(definition(kind))
        gone = partial(is_gone, own, definition(kind))
        eventually(gone, what=f"{kind} is gone")
        come_back(own, alone, kind)
        assert isolation(own, space) == closed
        team.declare("Experiment", f"after-{kind.lower()}", experiment_spec("standard", "primary"))
        team.expect("Experiment", f"after-{kind.lower()}", timeout=60)
    after = team.expect("Experiment", "stands", timeout=60)
    assert after["status"]["namespace"] == space
    assert after["status"]["digest"] == before["status"]["digest"]


def test_experiments_end_as_each_declares_when_their_definition_is_deleted(
    own: Cluster, alone: Operator
) -> None:
    team = Team(own, "ended")
    freeze = {"lifecycle": {"deletionPolicy": "Freeze"}}
    specs = {
        "ran": experiment_spec("standard", "primary", run=RUN),
        "kept": experiment_spec("standard", "primary", **freeze),
        "plain": experiment_spec("standard", "primary"),
    }
    for name, spec in specs.items():
        team.declare("Experiment", name, spec)
    made = {name: team.expect("Experiment", name, timeout=60) for name in specs}
    spaces = {name: str(each["status"]["namespace"]) for name, each in made.items()}
    write_artifact(team, made["ran"], "model.bin", b"weights")
    pod = eventually(lambda: run_pod(team.api, spaces["ran"]), what="the run's pod")
    end_pod(team.api, pod, 0)
    ran = team.expect("Experiment", "ran", "Sealed", timeout=90)

    own.api.delete(definition("Experiment"))
    eventually(
        lambda: is_gone(own, definition("Experiment")),
        what="nothing holds them when each has ended",
        timeout=180,
    )
    for name in ("ran", "plain"):
        assert is_gone(own, path_of("v1", "namespaces", name=spaces[name])), name
    kept = own.api.get(path_of("v1", "namespaces", name=spaces["kept"]))
    assert kept["metadata"]["labels"][names.LABEL_STATE] == "Retained"
    bindings = path_of(
        "rbac.authorization.k8s.io/v1",
        "rolebindings",
        namespace=spaces["kept"],
        name=names.TENANT_ROLE_BINDING,
    )
    assert is_gone(own, bindings), "nobody of the team gets in"
    bucket, _, folder = ran["status"]["seal"]["uri"].removeprefix("s3://").partition("/")
    s3 = own.store.client()
    evidence = s3.list_object_versions(Bucket=bucket, Prefix=folder)["Versions"]
    assert evidence
    for each in evidence:
        version = {"Key": each["Key"], "VersionId": each["VersionId"]}
        lock = s3.head_object(Bucket=bucket, **version)
        assert lock.get("ObjectLockMode") == "COMPLIANCE", each["Key"]

    come_back(own, alone, "Experiment")
    team.declare("Experiment", "ran", specs["ran"])
    team.expect("Experiment", "ran", "Stalled", reason="AlreadyRan", timeout=60)
    team.declare("Experiment", "new", specs["plain"])
    team.expect("Experiment", "new", timeout=60)
    after = own.api.get(path_of("v1", "namespaces", name=spaces["kept"]))
    assert after["metadata"]["uid"] == kept["metadata"]["uid"]
    assert "deletionTimestamp" not in after["metadata"]


def test_the_definition_of_a_store_stays_while_anything_uses_it(
    own: Cluster, alone: Operator
) -> None:
    """Last: what is being deleted cannot be taken back."""
    team = Team(own, "held")
    team.declare("Experiment", "user", experiment_spec("standard", "primary"))
    team.expect("Experiment", "user", timeout=60)
    own.api.delete(definition("ObjectStore"))
    store = team.expect("ObjectStore", "primary", "Ready", "False", reason="InUse", timeout=60)
    assert names.FINALIZER_IN_USE in store["metadata"]["finalizers"]
    team.expect("Experiment", "user", timeout=60)
    assert readiness(alone) == "ok"
    assert not is_gone(own, definition("ObjectStore"))
