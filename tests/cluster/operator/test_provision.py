"""From a declaration to a sealed namespace, on a real API server and a real store."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from glovebox.status.job_waits import WAITS
from glovebox.status.kstatus import kstatus
from glovebox_local.operator_process import OPERATOR_USER
from support.argo_cd import argo_health
from support.cluster import Cluster
from support.operator_process import IMAGE, PLATFORM_IMAGE, Operator, Team, experiment_spec
from support.run_credentials import session_in
from support.waiting import eventually

KINDS = {
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "resourcequotas": "/api/v1",
    "limitranges": "/api/v1",
    "configmaps": "/api/v1",
    "secrets": "/api/v1",
    "serviceaccounts": "/api/v1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
}


def judged(obj: dict[str, Any]) -> tuple[str, str]:
    return kstatus(obj), argo_health(obj)


def contents(team: Team, namespace: str) -> dict[str, set[str]]:
    return {
        plural: {
            item["metadata"]["name"]
            for item in team.api.list(f"{root}/namespaces/{namespace}/{plural}")
        }
        for plural, root in KINDS.items()
    }


def test_an_experiment_becomes_a_namespace_with_all_its_walls(team: Team) -> None:
    team.declare("Experiment", "baseline", experiment_spec("standard", "primary"))
    made = team.expect("Experiment", "baseline")
    namespace = made["status"]["namespace"]
    assert namespace.startswith(f"gbx-{team.name}-baseline-")
    live = team.api.get(f"/api/v1/namespaces/{namespace}")
    assert live["metadata"]["uid"] == made["status"]["namespaceUid"]
    assert live["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert live["metadata"]["labels"]["glovebox.dev/experiment-uid"] == made["metadata"]["uid"]
    found = contents(team, namespace)
    assert found["networkpolicies"] == {
        "glovebox-default-deny",
        "glovebox-allow-dns",
        "glovebox-allow-store",
        "glovebox-allow-own-pods",
    }
    assert found["resourcequotas"] == {"glovebox-quota"}
    assert found["limitranges"] == {"glovebox-limits"}
    assert {"glovebox-snapshot"} <= found["configmaps"]
    assert found["secrets"] == {"glovebox-artifacts-credentials"}
    assert {"default", "glovebox-runner"} == found["serviceaccounts"]
    assert found["rolebindings"] == {"glovebox-tenant"}


def test_the_snapshot_holds_the_digest_and_cannot_be_changed(team: Team) -> None:
    team.declare("Experiment", "snap", experiment_spec("standard", "primary"))
    made = team.expect("Experiment", "snap")
    path = f"/api/v1/namespaces/{made['status']['namespace']}/configmaps/glovebox-snapshot"
    snapshot = team.api.get(path)
    assert snapshot["immutable"] is True
    assert snapshot["data"]["digest"] == made["status"]["digest"]
    assert snapshot["data"]["images"].split() == [PLATFORM_IMAGE, IMAGE]
    assert snapshot["data"]["platformImage"] == PLATFORM_IMAGE


def test_two_experiments_whose_names_collide_when_joined_get_two_namespaces(
    cluster: Cluster, team: Team
) -> None:
    other = Team(cluster, f"{team.name}-a")
    team.declare("Experiment", "a-b", experiment_spec("standard", "primary"))
    other.declare("Experiment", "b", experiment_spec("standard", "primary"))
    first, second = team.expect("Experiment", "a-b"), other.expect("Experiment", "b")
    assert first["status"]["namespace"] != second["status"]["namespace"]
    assert first["status"]["digest"] == second["status"]["digest"], (
        "the same dependencies are the same experiment"
    )


def test_what_waiting_programs_see_is_honest(team: Team) -> None:
    run = {"image": "trainer", "command": ["python", "-m", "train"]}
    team.declare("Experiment", "honest", experiment_spec("standard", "primary", run=run))
    made = team.expect("Experiment", "honest")
    answers = {
        entry["type"]: (entry["status"], entry["reason"]) for entry in made["status"]["conditions"]
    }
    assert answers["Isolated"] == ("Unknown", "NotProven"), "nothing has checked isolation"
    assert answers["Succeeded"][0] == "Unknown"
    assert answers["Succeeded"][1] in WAITS, "no node is there to run it"
    assert answers["Sealed"][0] == "False"
    assert {"Reconciling", "Stalled"}.isdisjoint(answers)
    done = team.cluster.kubectl(
        "wait", "--for=condition=Ready", "experiment/honest", "-n", team.name, "--timeout=5s"
    )
    assert "condition met" in done.stdout
    assert judged(made) == ("Current", "Healthy")


@pytest.mark.parametrize(
    ("changes", "answer", "expected"),
    [
        pytest.param(
            {
                "inputs": {
                    "datasets": [{"name": "a", "role": "train", "pinRef": {"name": "missing"}}]
                }
            },
            {"status": "False", "reason": "PinNotFound"},
            ("InProgress", "Progressing"),
            id="waiting",
        ),
        pytest.param(
            {"images": [{"name": "trainer", "reference": IMAGE.replace("trainer@", "other@")}]},
            {"condition": "Stalled"},
            ("Failed", "Degraded"),
            id="refused",
        ),
        pytest.param(
            {"suspend": True},
            {"status": "False", "reason": "Suspended"},
            ("InProgress", "Suspended"),
            id="suspended",
        ),
        pytest.param(
            {"lifecycle": {"desired": "Frozen"}},
            {"status": "False", "reason": "Frozen"},
            ("InProgress", "Suspended"),
            id="frozen",
        ),
    ],
)
def test_programs_that_wait_judge_what_the_operator_wrote(
    team: Team, changes: dict[str, Any], answer: dict[str, Any], expected: tuple[str, str]
) -> None:
    team.declare("Experiment", "judged", experiment_spec("standard", "primary", **changes))
    assert judged(team.expect("Experiment", "judged", **answer)) == expected


def test_the_credentials_write_under_the_own_prefix_and_nowhere_else(team: Team) -> None:
    team.declare("Experiment", "writer", experiment_spec("standard", "primary"))
    made = team.expect("Experiment", "writer")
    session = session_in(team, made["status"]["namespace"])
    s3 = team.cluster.store.client(session=session)
    bucket, prefix = made["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    assert prefix == f"{team.name}/writer/{made['metadata']['uid']}/"
    version = s3.put_object(Bucket=bucket, Key=f"{prefix}model.bin", Body=b"weights")["VersionId"]
    for key in ("elsewhere/model.bin", f"{prefix.rstrip('/')}0/model.bin", f"{team.name}/other/x"):
        with pytest.raises(ClientError) as refused:
            s3.put_object(Bucket=bucket, Key=key, Body=b"x")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError):
        s3.delete_object(Bucket=bucket, Key=f"{prefix}model.bin", VersionId=version)


def test_a_steady_experiment_costs_no_write(team: Team, operator: Operator) -> None:
    team.declare("Experiment", "steady", experiment_spec("standard", "primary"))
    namespace = team.expect("Experiment", "steady")["status"]["namespace"]
    eventually(lambda: settled(operator), what="nothing is queued or being worked on")
    before = writes_for(team, "steady", namespace)
    assert before, "the audit log shows the writes"
    looked = operator.metric("glovebox_reconcile_total", controller="experiment")
    team.api.patch(
        team.path("Experiment", "steady"), {"metadata": {"annotations": {"note": "look again"}}}
    )
    eventually(
        lambda: (
            operator.metric("glovebox_reconcile_total", controller="experiment") > looked or None
        ),
        what="it was looked at",
    )
    eventually(lambda: settled(operator), what="nothing is queued or being worked on")
    assert writes_for(team, "steady", namespace) == before


def writes_for(team: Team, name: str, namespace: str) -> list[str]:
    """Return what the operator wrote for one Experiment: others live beside it."""
    return [
        event["requestURI"]
        for event in team.cluster.audit(team.name, namespace)
        if event["user"]["username"] == OPERATOR_USER
        and event["verb"] not in {"get", "list", "watch"}
        and (about := event.get("objectRef") or {})
        and (
            namespace in {about.get("namespace"), about.get("name")}
            or (about.get("namespace") == team.name and about.get("name", name).startswith(name))
        )
    ]


def settled(operator: Operator) -> bool | None:
    """Return whether nothing waits, runs, or was written between two looks at the metrics."""
    written = operator.writes()
    quiet = operator.metric("glovebox_queue_depth") == 0
    idle = operator.metric("glovebox_reconcile_in_progress", controller="experiment") == 0
    return (quiet and idle and operator.writes() == written) or None


def test_a_squatted_namespace_is_refused_and_left_untouched(cluster: Cluster, team: Team) -> None:
    # The name holds the UID's hash, so it can only be squatted after the Experiment exists: suspend
    # it, squat, resume.
    from glovebox import names  # noqa: PLC0415 - only here

    made = team.declare(
        "Experiment", "squatted", experiment_spec("standard", "primary", suspend=True)
    )
    name = names.experiment_namespace(team.name, "squatted", made["metadata"]["uid"])
    cluster.api_as("breaker", ["system:masters", "glovebox:break-glass"]).create_namespace(name)
    squatter = team.api.get(f"/api/v1/namespaces/{name}")
    team.api.patch(team.path("Experiment", "squatted"), {"spec": {"suspend": False}})
    refused = team.expect("Experiment", "squatted", status="False", reason="NamespaceTaken")
    assert any(
        entry["type"] == "Stalled" and entry["status"] == "True"
        for entry in refused["status"]["conditions"]
    )
    after = team.api.get(f"/api/v1/namespaces/{name}")
    assert after["metadata"]["resourceVersion"] == squatter["metadata"]["resourceVersion"]
    assert "namespaceUid" not in refused["status"], "it was never this Experiment's"
    assert "provisioned" not in refused["status"]
