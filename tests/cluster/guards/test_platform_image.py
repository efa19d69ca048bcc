"""The platform's image runs as the fetcher, as the probe, and as what gives pods their session.

The probe when the operator says so, and it runs as nothing else.
"""

from __future__ import annotations

from typing import Any

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    BREAK_GLASS,
    CLUSTER_ADMIN,
    EVERYBODY,
    NAMESPACE_ADMIN,
    OPERATOR,
    Actor,
    Answer,
    Kubectl,
    expect_admitted,
)
from glovebox.data.digest import canonical_json

SPACE = "gbx-flights-platform-abcdefghij"
PINNED_SPACE = "gbx-flights-pinned-abcdefghij"
PLATFORM = "registry.example/glovebox@sha256:" + "e" * 64
OURS = {"app.kubernetes.io/managed-by": "glovebox"}
COMMAND = ["python", "-m", "glovebox.jobs.probe"]
PLAN = {"name": "GLOVEBOX_PROBE_PLAN", "value": "{}"}
NODE = {"name": "HOST_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}
# A Job's pods are made by its controller, which the guard of owned objects lets pass; so it does
# whoever breaks the glass.
CONTROLLER = BREAK_GLASS
NOTHING_ELSE = "must not use the platform's image"


@pytest.fixture(scope="package")
def space(experiments: Kubectl) -> Kubectl:
    kubectl = experiments
    prepare(
        kubectl,
        SPACE,
        {
            "config": {"parameters": {"images": PLATFORM, "x": f'"images":{{"a":"{PLATFORM}"}}'}},
            "images": {"main": objects.IMAGE},
        },
    )
    prepare(kubectl, PINNED_SPACE, {"images": {"main": objects.IMAGE, "own": PLATFORM}})
    admin = objects.role_binding(SPACE, "admins", "admin", NAMESPACE_ADMIN.user)
    expect_admitted(kubectl.create(BREAK_GLASS, admin, dry_run=False))
    return kubectl


def prepare(kubectl: Kubectl, space: str, frozen: dict[str, Any]) -> None:
    """Make an experiment's namespace whose snapshot says this."""
    walls = [thing for thing in objects.walls(space) if thing["kind"] != "ConfigMap"]
    snapshot = objects.snapshot(space, f"{objects.IMAGE}\n{PLATFORM}")
    snapshot["data"] |= {
        "platformImage": PLATFORM,
        "snapshot.json": canonical_json(frozen).decode(),
    }
    expect_admitted(kubectl.create(OPERATOR, objects.namespace(space), dry_run=False))
    expect_admitted(kubectl.create(OPERATOR, objects.together(*walls, snapshot), dry_run=False))


def container(**changes: Any) -> dict[str, Any]:
    return (
        objects.container(PLATFORM, name="probe")
        | {"command": COMMAND, "env": [PLAN, NODE]}
        | changes
    )


def job(
    name: str = "glovebox-probe", labels: dict[str, str] | None = None, **changes: Any
) -> dict[str, Any]:
    made = objects.job(SPACE, name, containers=[container(**changes)])
    made["metadata"]["labels"] = OURS if labels is None else labels
    return made


def pod(owner: str = "Job", name: str = "glovebox-probe", **changes: Any) -> dict[str, Any]:
    made = objects.pod(SPACE, "glovebox-probe-x", containers=[container(**changes)])
    version = "batch/v1" if owner == "Job" else "apps/v1"
    owners = [
        {
            "apiVersion": version,
            "kind": owner,
            "name": name,
            "uid": "0b6d4f3e-0002",
            "controller": True,
        }
    ]
    made["metadata"] |= {"labels": OURS, "ownerReferences": owners}
    return made


def test_the_probe_that_the_operator_makes_is_admitted(space: Kubectl) -> None:
    expect_admitted(space.create(OPERATOR, job()))
    expect_admitted(space.create(CONTROLLER, pod()))


@pytest.mark.parametrize("actor", EVERYBODY)
def test_nobody_else_makes_a_probe_or_takes_its_name(space: Kubectl, actor: Actor) -> None:
    for labels in (OURS, {}):
        expect_refused(
            space.create(actor, job(labels=labels)),
            "only the Glovebox operator may create",
            NOTHING_ELSE,
        )
    expect_refused(
        space.create(actor, pod()),
        "only the Glovebox operator may create",
        "a pod made by hand may not carry",
    )
    plain = objects.job(SPACE, "glovebox-run")
    expect_refused(space.create(actor, plain), "only the Glovebox operator may create", "")


CHANGES: dict[str, dict[str, Any]] = {
    "another command": {"command": ["sh", "-c", "true"]},
    "no command": {"command": []},
    "arguments": {"args": ["x"]},
    "a variable more": {"env": [PLAN, NODE, {"name": "PYTHONPATH", "value": "/elsewhere"}]},
    "variables from elsewhere": {"envFrom": [{"configMapRef": {"name": "mine"}}]},
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_probe_is_exactly_what_it_is(space: Kubectl, name: str) -> None:
    expect_refused(space.create(OPERATOR, job(**CHANGES[name])), NOTHING_ELSE)
    expect_refused(space.create(CONTROLLER, pod(**CHANGES[name])), NOTHING_ELSE)


@pytest.mark.parametrize("actor", [CLUSTER_ADMIN, NAMESPACE_ADMIN])
def test_the_platform_s_image_is_for_no_pod_of_a_team(space: Kubectl, actor: Actor) -> None:
    for changes in (
        {"command": ["sh"]},
        {"command": COMMAND},
        {"command": ["python", "-m", "glovebox.jobs.fetch"]},
    ):
        expect_refused(
            space.create(actor, objects.pod(SPACE, containers=[container(**changes)])), NOTHING_ELSE
        )
        expect_refused(
            space.create(actor, objects.job(SPACE, containers=[container(**changes)])), NOTHING_ELSE
        )


KEYS = {"name": "artifacts", "secret": {"secretName": "glovebox-artifacts-credentials"}}
KEYS_MOUNT = {"name": "artifacts", "mountPath": "/var/run/glovebox/artifacts", "readOnly": True}
ENDPOINT = ["python", "-m", "glovebox.jobs.session_endpoint"]
SHOW = {"exec": {"command": ["sh", "-c", "true"]}}


def with_endpoint(*volumes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the spec of a pod of a team, with what gives it the session of its artifacts."""
    endpoint = objects.container(PLATFORM, name="session") | {
        "command": ENDPOINT,
        "restartPolicy": "Always",
        "startupProbe": {"exec": {"command": [*ENDPOINT, "--check"]}},
        "volumeMounts": [KEYS_MOUNT],
    }
    return {"initContainers": [endpoint | changes], "volumes": list(volumes) or [KEYS]}


@pytest.mark.parametrize("actor", [CLUSTER_ADMIN, NAMESPACE_ADMIN])
def test_a_team_gives_its_own_pods_their_session_as_a_run_has_it(
    space: Kubectl, actor: Actor
) -> None:
    expect_admitted(space.create(actor, objects.pod(SPACE, **with_endpoint())))
    expect_admitted(space.create(actor, objects.job(SPACE, **with_endpoint())))


ELSEWHERE = {"name": "artifacts", "configMap": {"name": "mine"}}
OTHER_PROGRAMS: dict[str, dict[str, Any]] = {
    "another command": with_endpoint(command=["python", "-c", "import glovebox"]),
    "arguments": with_endpoint(args=["--check"]),
    "a variable": with_endpoint(env=[{"name": "PYTHONPATH", "value": "/var/run/glovebox"}]),
    "variables from elsewhere": with_endpoint(envFrom=[{"configMapRef": {"name": "mine"}}]),
    "a folder to start in": with_endpoint(workingDir="/var/run/glovebox/artifacts"),
    "a startup probe of its own": with_endpoint(startupProbe=SHOW),
    "a liveness probe": with_endpoint(livenessProbe=SHOW),
    "a readiness probe": with_endpoint(readinessProbe=SHOW),
    "a hook": with_endpoint(lifecycle={"postStart": SHOW}),
    "an end that waits": with_endpoint(lifecycle={"preStop": SHOW}),
    "something mounted over the program": with_endpoint(
        KEYS,
        {"name": "mine", "emptyDir": {}},
        volumeMounts=[KEYS_MOUNT, {"name": "mine", "mountPath": "/opt/glovebox"}],
    ),
    "another file than the session": with_endpoint(ELSEWHERE),
    "the session mounted elsewhere": with_endpoint(
        volumeMounts=[KEYS_MOUNT | {"mountPath": "/opt/glovebox"}]
    ),
    "last words from elsewhere": with_endpoint(terminationMessagePath="/etc/passwd"),
    "it ends before the pod begins": with_endpoint(restartPolicy=None, startupProbe=None),
}


@pytest.mark.parametrize("name", OTHER_PROGRAMS)
def test_what_gives_a_pod_its_session_is_exactly_what_it_is(space: Kubectl, name: str) -> None:
    spec = OTHER_PROGRAMS[name]
    expect_refused(space.create(CLUSTER_ADMIN, objects.pod(SPACE, **spec)), NOTHING_ELSE)
    expect_refused(space.create(CLUSTER_ADMIN, objects.job(SPACE, **spec)), NOTHING_ELSE)


def test_a_team_that_pinned_the_same_image_as_its_own_runs_it(space: Kubectl) -> None:
    mine = [objects.container(PLATFORM) | {"command": ["sh"]}]
    expect_admitted(space.create(CLUSTER_ADMIN, objects.pod(PINNED_SPACE, containers=mine)))
    expect_admitted(space.create(CLUSTER_ADMIN, objects.job(PINNED_SPACE, containers=mine)))


def test_a_controller_s_pod_is_a_probe_only_where_the_probe_s_job_owns_it(space: Kubectl) -> None:
    # What a Deployment or a Job of a team would have its controller make, with our label in its
    # template.
    for forged in (pod(owner="ReplicaSet"), pod(name="train")):
        expect_refused(space.create(CONTROLLER, forged), NOTHING_ELSE)


def expect_refused(answer: Answer, *words: str) -> None:
    """Expect a refusal for one of these reasons."""
    assert answer.code != 0, answer
    assert any(word and word in answer.err for word in words), answer.err
