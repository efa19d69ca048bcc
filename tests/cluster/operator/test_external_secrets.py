"""A Secret that External Secrets makes is given to a stage, and nothing of it but the keys.

The controller is not here: the test writes what it writes. The owner is an object of its kind, and
the garbage collector of Kubernetes is real.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from cluster.operator.test_doors import nudged
from cluster.operator.test_stage_secrets import COPY, give_the_right, secrets, source
from support.api import path_of
from support.operator_process import Team, experiment_spec, profile_spec
from support.recipes import recipe
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

API = "glovebox.dev/v1alpha1"
GROUP = "external-secrets.io"
DEFINITIONS = path_of("apiextensions.k8s.io/v1", "customresourcedefinitions")
PLURAL = "externalsecrets"


@pytest.fixture
def kind(platform: Team) -> Iterator[None]:
    """The cluster serves ExternalSecrets, of whatever shape."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": PLURAL, "singular": "externalsecret", "kind": "ExternalSecret"}
    spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]}
    name = f"{PLURAL}.{GROUP}"
    platform.api.create(DEFINITIONS, {"metadata": {"name": name}, "spec": spec})

    def established() -> bool:
        status = platform.api.get(f"{DEFINITIONS}/{name}").get("status") or {}
        conditions = status.get("conditions") or ()
        return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

    eventually(established, what="ExternalSecrets are served")
    yield
    platform.api.delete(f"{DEFINITIONS}/{name}")


def as_it_makes_it(declared: dict[str, Any], value: str) -> dict[str, Any]:
    """Return the Secret of an ExternalSecret with `creationPolicy: Owner`."""
    made = source(value)
    made["immutable"] = False
    made["metadata"] |= {
        "labels": {
            f"reconcile.{GROUP}/created-by": "45b719e2f6ed40358b2fb7face01965d",
            f"reconcile.{GROUP}/managed": "true",
        },
        "annotations": {f"reconcile.{GROUP}/data-hash": "3013839b15f8dcff348bbaf62d71a39f"},
        "ownerReferences": [
            {
                "apiVersion": f"{GROUP}/v1",
                "kind": "ExternalSecret",
                "name": declared["metadata"]["name"],
                "uid": declared["metadata"]["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    return made


@pytest.mark.usefixtures("kind")
def test_a_stage_is_given_the_keys_and_keeps_them_when_the_secret_goes(
    platform: Team, team: Team
) -> None:
    api, profile = team.api, f"external-{uuid.uuid4().hex[:8]}"
    objects = recipe("external-secrets")
    shown = objects["IsolationProfile/with-external-secrets"]
    platform.api.create(path_of(API, "isolationprofiles"), shown, dryRun="All")
    declared = objects["ExternalSecret/mlflow"]
    declared["metadata"]["namespace"] = team.name
    collection = path_of(f"{GROUP}/v1", PLURAL, namespace=team.name)
    declared = api.create(collection, declared)
    api.create(secrets(team.name), as_it_makes_it(declared, f"word-{uuid.uuid4()}"))
    give_the_right(api, team.name)
    offered = [{"name": "tracking", "namespace": "$(team)", "secretName": "mlflow"}]
    platform.declare("IsolationProfile", profile, profile_spec(secrets=offered))
    given = [{"name": "tracking", "key": "token", "env": "MLFLOW_TRACKING_TOKEN"}]
    run = {"image": "trainer", "command": ["train"], "secrets": given}
    team.declare("Experiment", "given", experiment_spec(profile, "primary", run=run))
    namespace = team.expect("Experiment", "given", timeout=60)["status"]["namespace"]

    copy = api.get(secrets(namespace, COPY))
    assert set(copy["data"]) == {"tracking.token"}
    marks = copy["metadata"].get("labels", {}) | copy["metadata"].get("annotations", {})
    assert not [name for name in marks if GROUP in name]
    assert "ownerReferences" not in copy["metadata"]

    api.delete(f"{collection}/mlflow")
    eventually(lambda: api.find(secrets(team.name, "mlflow")) is None, what="it goes", timeout=60)
    nudged(team, "given")
    team.expect("Experiment", "given")
    assert api.get(secrets(namespace, COPY))["data"] == copy["data"]
