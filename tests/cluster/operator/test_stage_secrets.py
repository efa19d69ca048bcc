"""What a stage is given of a team's secret: by the right of the operator, and to its pod alone."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest

from cluster.operator.test_doors import nudged
from glovebox_local.operator_process import OPERATOR_USER
from support.api import Api, ApiError, path_of
from support.operator_process import Team, experiment_spec, profile_spec
from support.waiting import eventually

COPY = "glovebox-stage-secrets"
RBAC = "rbac.authorization.k8s.io/v1"


def secrets(namespace: str, name: str | None = None) -> str:
    return path_of("v1", "secrets", namespace=namespace, name=name)


def source(value: str) -> dict[str, Any]:
    data = {key: base64.b64encode(value.encode()).decode() for key in ("token", "beside")}
    return {"metadata": {"name": "mlflow"}, "type": "Opaque", "data": data}


def give_the_right(api: Api, namespace: str) -> None:
    """Let the operator read one Secret, as the chart's `operator.secretSources` does."""
    name = "glovebox-secret-sources"
    rule = {
        "apiGroups": [""],
        "resources": ["secrets"],
        "resourceNames": ["mlflow"],
        "verbs": ["get"],
    }
    api.create(
        path_of(RBAC, "roles", namespace=namespace), {"metadata": {"name": name}, "rules": [rule]}
    )
    group = RBAC.partition("/")[0]
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": OPERATOR_USER}],
    }
    api.create(path_of(RBAC, "rolebindings", namespace=namespace), binding)


def test_a_stage_is_given_what_was_bound_and_nobody_else_reads_it(
    platform: Team, team: Team, rogue: Api
) -> None:
    api, profile = team.api, f"gives-{uuid.uuid4().hex[:8]}"
    value, later = f"word-{uuid.uuid4()}", f"word-{uuid.uuid4()}"
    offered = [{"name": "tracking", "namespace": "$(team)", "secretName": "mlflow"}]
    platform.declare("IsolationProfile", profile, profile_spec(secrets=offered))
    given = [
        {"name": "tracking", "key": "token", "env": "MLFLOW_TRACKING_TOKEN"},
        {"name": "tracking", "key": "beside"},
    ]
    run = {"image": "trainer", "command": ["train"], "secrets": given}
    team.declare("Experiment", "given", experiment_spec(profile, "primary", run=run))

    # First the operator has no right, then there is no Secret; nothing is bound meanwhile.
    waits = team.expect("Experiment", "given", "Ready", "False", "SecretNotReadable")
    message = team.condition("Experiment", "given", "Ready")["message"]
    assert f"{{namespace: {team.name}, names: [mlflow]}}" in message
    assert not waits["status"].get("digest")
    give_the_right(api, team.name)
    nudged(team, "given")
    team.expect("Experiment", "given", "Ready", "False", "SecretNotFound")
    made = api.create(secrets(team.name), source(value))
    nudged(team, "given")
    namespace = team.expect("Experiment", "given")["status"]["namespace"]

    copy = api.get(secrets(namespace, COPY))
    encoded = base64.b64encode(value.encode()).decode()
    assert copy["data"] == {"tracking.token": encoded, "tracking.beside": encoded}
    snapshot = api.get(path_of("v1", "configmaps", namespace=namespace, name="glovebox-snapshot"))
    covered = json.loads(snapshot["data"]["snapshot.json"])["platform"]["secrets"]
    version = f"{made['metadata']['uid']}/{made['metadata']['resourceVersion']}"
    assert covered == {"tracking": version}

    # The pod that the Job controller makes is admitted with it; a person reads it in no way.
    def pod() -> dict[str, Any] | None:
        found = api.list(path_of("v1", "pods", namespace=namespace))
        return found[0] if found else None

    container = eventually(pod, what="the run has its pod")["spec"]["containers"][0]
    (variable,) = (each for each in container["env"] if each["name"] == "MLFLOW_TRACKING_TOKEN")
    assert variable["valueFrom"]["secretKeyRef"] == {"name": COPY, "key": "tracking.token"}
    tenant = team.cluster.api_as("ann", [f"glovebox:team:{team.name}"])
    for path in (secrets(namespace, COPY), secrets(namespace)):
        with pytest.raises(ApiError) as refused:
            tenant.get(path)
        assert refused.value.code == 403

    # What was bound stays when the source is written; made again of something else it is not.
    api.replace(secrets(team.name, "mlflow"), {**made, "data": source(later)["data"]})
    nudged(team, "given")
    team.expect("Experiment", "given")
    assert api.get(secrets(namespace, COPY))["data"] == copy["data"]
    rogue.delete(secrets(namespace, COPY))
    nudged(team, "given")
    team.expect("Experiment", "given", "CredentialsFresh", "False", "SecretChanged")
    assert api.find(secrets(namespace, COPY)) is None
    for shown in (team.read("Experiment", "given"), snapshot):
        assert value not in json.dumps(shown)
        assert encoded not in json.dumps(shown)
