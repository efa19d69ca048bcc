"""The pod that the page shows, on a real node: it fetches, reads and cannot write its inputs."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from node.test_runs import ATTEMPTS, ROWS, Run
from support.api import path_of
from support.by_hand import documented_pod
from support.operator_process import Team, experiment_spec, profile_spec
from support.waiting import eventually

if TYPE_CHECKING:
    from support.node import NodeCluster

# Written by a team that comes into it; without a file system to write there it ends by itself.
WAIT = "while ! test -e /tmp/go; do sleep 0.2; done"


def opened(node: NodeCluster, team: Team, profile: str) -> str:
    """Declare an Experiment without a run over a pin, and return its namespace when it is Ready."""
    run = Run(node, team)
    run.pin("rows", ROWS)
    images = [{"name": "trainer", "reference": node.image.reference}]
    spec = experiment_spec(profile, "primary", images=images, inputs=run.inputs)
    team.declare("Experiment", "look", spec)
    namespace: str = team.expect("Experiment", "look", timeout=60)["status"]["namespace"]
    return namespace


def start(node: NodeCluster, team: Team, namespace: str, script: str) -> None:
    """Start the page's pod as a member of the team, with this script as what it does."""
    pod = documented_pod(team, namespace, node.image.reference, ["sh", "-c", script])
    pod["spec"]["volumes"].append({"name": "own-tmp", "emptyDir": {}})
    (main,) = pod["spec"]["containers"]
    main["volumeMounts"].append({"name": "own-tmp", "mountPath": "/tmp"})  # noqa: S108 - in the pod
    tenant = team.api.acting_as("tess", f"glovebox:team:{team.name}")
    tenant.create(path_of("v1", "pods", namespace=namespace), pod)


def phase(team: Team, namespace: str) -> dict[str, Any]:
    found = team.api.get(path_of("v1", "pods", namespace=namespace, name="look"))
    status: dict[str, Any] = found["status"]
    return status


def said(node: NodeCluster, namespace: str) -> str:
    return node.cluster.kubectl("logs", "-n", namespace, "look", "-c", "look").stdout


def enter_as_the_team(
    node: NodeCluster, team: Team, namespace: str, container: str, script: str
) -> tuple[int, str]:
    """Run a script in a container of the pod; return how it ended and what was said."""
    entry = ("exec", "look", f"--namespace={namespace}", f"--container={container}")
    done = node.cluster.kubectl(
        *entry,
        *("--", "sh", "-c", script),
        user="tess",
        groups=[f"glovebox:team:{team.name}"],
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_pod_made_by_hand_reads_the_pinned_bytes_and_cannot_write_them(
    node_cluster: NodeCluster, team: Team
) -> None:
    namespace = opened(node_cluster, team, "standard")
    # The root file system of this pod may be written, as the page leaves it.
    script = "\n".join(line for line in ATTEMPTS.splitlines() if not line.endswith("touch /new"))
    start(node_cluster, team, namespace, script)
    eventually(
        lambda: phase(team, namespace).get("phase") in {"Succeeded", "Failed"},
        what="the pod has ended",
        timeout=90,
    )
    ended, words = phase(team, namespace), said(node_cluster, namespace)
    assert ended["phase"] == "Succeeded", (words, ended)
    assert words.split()[0] == hashlib.sha256(ROWS).hexdigest()


def test_people_come_into_their_own_pod_where_the_profile_says_so_and_never_into_the_fetcher(
    node_cluster: NodeCluster, platform: Team, team: Team
) -> None:
    repository = node_cluster.image.reference.partition("@")[0]
    profile = profile_spec(images=[{"repository": repository}], access={"podEntry": "Allowed"})
    platform.declare("IsolationProfile", "entered", profile)
    platform.expect("IsolationProfile", "entered")
    namespace = opened(node_cluster, team, "entered")
    start(node_cluster, team, namespace, WAIT)
    eventually(lambda: phase(team, namespace).get("phase") == "Running", what="it runs", timeout=90)

    def enter(container: str, script: str) -> tuple[int, str]:
        return enter_as_the_team(node_cluster, team, namespace, container, script)

    code, words = enter("look", "sha256sum /inputs/train/rows.csv")
    assert (code, words.split()[:1]) == (0, [hashlib.sha256(ROWS).hexdigest()]), words
    code, words = enter("look", "touch /inputs/train/new")
    assert code != 0
    assert "Read-only file system" in words
    code, words = enter("look", "ls /var/run/glovebox")
    assert words.split() == ["artifacts"], "no credential for the inputs is to be seen"
    code, words = enter("fetch", "id")
    assert code != 0
    assert "it holds the credentials of the inputs" in words
    # Closed, it is gone with all that it had.
    team.api.patch(team.path("Experiment", "look"), {"spec": {"lifecycle": {"desired": "Sealed"}}})
    sealed = team.expect("Experiment", "look", "Sealed", timeout=90)
    assert [each["name"] for each in sealed["status"]["tenantPods"]["pods"]] == ["look"]
    secret = path_of("v1", "secrets", namespace=namespace, name="glovebox-inputs-credentials")
    assert team.api.find(secret) is None
    code, words = enter("look", "id")
    assert code != 0


def test_by_default_nobody_comes_into_it(node_cluster: NodeCluster, team: Team) -> None:
    namespace = opened(node_cluster, team, "standard")
    start(node_cluster, team, namespace, WAIT)
    eventually(lambda: phase(team, namespace).get("phase") == "Running", what="it runs", timeout=90)
    code, words = enter_as_the_team(node_cluster, team, namespace, "look", "id")
    assert code != 0
    assert "forbidden" in words
