"""`glovebox status` follows an Experiment, `glovebox drift` tells what became of its objects."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from support.cluster import Cluster
from support.operator_process import Team, experiment_spec
from support.waiting import eventually


def glovebox(kubeconfig: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "glovebox.cli", *arguments],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_one_is_followed_until_it_is_ready_and_its_drift_is_told(
    cluster: Cluster, team: Team, tmp_path: Path
) -> None:
    mine, where = cluster.kubeconfig, ("kept", "-n", team.name)
    spec = experiment_spec("standard", "primary")
    team.declare("Experiment", "kept", {**spec, "suspend": True})
    team.expect("Experiment", "kept", status="False", reason="Suspended")
    early = glovebox(mine, "status", *where)
    assert (early.returncode, early.stderr) == (3, "")

    shown = tmp_path / "shown"
    with (
        shown.open("w") as out,
        subprocess.Popen(
            [sys.executable, "-u", "-m", "glovebox.cli", "status", *where, "-w", "--timeout=120"],
            env={**os.environ, "KUBECONFIG": str(mine)},
            stdout=out,
            stderr=subprocess.STDOUT,
        ) as watching,
    ):
        first = f"Experiment {team.name}/kept is not Ready: Suspended\n"
        eventually(lambda: shown.read_text().startswith(first) or None, what="the first screen")
        team.api.patch(team.path("Experiment", "kept"), {"spec": {"suspend": False}})
        assert watching.wait(timeout=120) == 0
    assert f"\nExperiment {team.name}/kept is Ready\n" in shown.read_text()
    assert glovebox(mine, "status", *where, "--for=Sealed", "-w", "--timeout=1").returncode == 3

    # What it made is a tree, in which what somebody else put there is called so.
    namespace = team.read("Experiment", "kept")["status"]["namespace"]
    rogue = cluster.api_as("rogue", ["system:masters", "glovebox:break-glass"])
    seen = glovebox(mine, "tree", *where, "-o", "json")
    assert (seen.returncode, seen.stderr) == (0, "")
    (inside,) = (one for one in json.loads(seen.stdout)["below"] if one["kind"] == "Namespace")
    assert (inside["name"], inside["state"], inside["details"]) == (
        namespace,
        "Active",
        "admits pods",
    )
    made = {(one["kind"], one["name"]) for one in inside["below"]}
    assert {
        ("NetworkPolicy", "glovebox-default-deny"),
        ("ResourceQuota", "glovebox-quota"),
        ("LimitRange", "glovebox-limits"),
        ("RoleBinding", "glovebox-tenant"),
        ("ConfigMap", "glovebox-snapshot"),
        ("ServiceAccount", "glovebox-runner"),
    } <= made
    assert [one["name"] for one in inside["below"] if "not made by" in one["details"]] == []

    # Nothing differs yet; what somebody takes away comes back, and is told.
    assert glovebox(mine, "drift", *where).stdout == "No drift is recorded.\n"
    policies = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    rogue.delete(f"{policies}/glovebox-allow-store")
    eventually(
        lambda: team.read("Experiment", "kept")["status"].get("drift"), what="a record of the drift"
    )
    told = glovebox(mine, "drift", *where, "-o", "json")
    (found,) = json.loads(told.stdout)
    assert told.returncode == 0
    assert {name: found[name] for name in ("state", "kind", "name", "change", "repairs")} == {
        "state": "Repaired",
        "kind": "NetworkPolicy",
        "name": "glovebox-allow-store",
        "change": "Deleted",
        "repairs": 1,
    }

    # With the caller's own rights, and no others.
    nobody = cluster.kubeconfig_for("nobody-of-note")
    for command in ("status", "drift", "tree"):
        refused = glovebox(nobody, command, *where)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "403" in refused.stderr
        assert "Traceback" not in refused.stderr

    # Whoever watches one that is deleted is told, and does not wait.
    team.api.delete(team.path("Experiment", "kept"))
    gone = glovebox(mine, "status", *where, "--for=Sealed", "-w", "--timeout=100")
    assert gone.returncode == 1
    assert gone.stderr == f"Experiment {team.name}/kept is not there.\n"
