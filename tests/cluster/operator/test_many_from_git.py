"""Two hundred Experiments of one Git repository, applied and pruned as Flux's controller does it.

`kubectl apply -k` stands in for the controller, which `tests/ecosystem` runs: server-side, under
its field manager, waiting by the rules of kstatus.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from glovebox.status.kstatus import kstatus
from support.cluster import Cluster
from support.git_folder import GitFolder
from support.gitops import experiment, pin, team_bucket, versions
from support.operator_process import Operator, Team, quiet
from support.waiting import eventually

FIELD_MANAGER = "kustomize-controller"
MANY = 200


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_of_one_commit_become_current_and_stay_as_they_are_until_they_are_pruned(
    cluster: Cluster, operator: Operator, team: Team, tmp_path: Path
) -> None:
    names = [f"many-{number:03}" for number in range(MANY)]
    declared = pin(team, "train", team_bucket(team))
    git = GitFolder(tmp_path / "git")
    (tmp_path / "git" / "kustomization.yaml").write_text(
        yaml.safe_dump({"resources": ["all.yaml"]})
    )
    git.commit(declared, *(experiment(team, name, "train") for name in names))
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", tmp_path / "git", clone], check=True)

    def apply() -> list[str]:
        """Apply what is checked out; return the name of each object with what became of it."""
        done = cluster.kubectl(
            *("apply", "-k", str(clone), "--server-side", f"--field-manager={FIELD_MANAGER}"),
            user=FIELD_MANAGER,
            groups=["system:masters"],
            timeout=600,
        )
        return done.stdout.splitlines()

    def current() -> bool:
        """Whether all are; one that failed would end the wait of a tool at once."""
        verdicts = [kstatus(each) for each in team.api.list(team.path("Experiment"))]
        failed.extend(each for each in verdicts if each == "Failed")
        assert verdicts == ["Current"] * MANY, verdicts.count("Current")
        return True

    failed: list[str] = []
    assert len(apply()) == MANY + 1
    eventually(current, what="all are Current", timeout=900)
    assert failed == []
    found = {each["metadata"]["name"]: each for each in team.api.list(team.path("Experiment"))}
    assert sorted(found) == names
    assert len({each["status"]["namespace"] for each in found.values()}) == MANY
    assert {each["status"]["inputs"][0]["digest"] for each in found.values()} == {
        team.read("DatasetPin", "train")["status"]["digest"]
    }

    # No endless diff: whoever applies the same again changes nothing, and nobody answers it.
    quiet(operator)
    before = versions(team)
    assert len(apply()) == MANY + 1
    quiet(operator)
    assert versions(team) == before
    owners = {
        entry["manager"]
        for each in found.values()
        for entry in each["metadata"]["managedFields"]
        if "f:spec" in entry["fieldsV1"]
    }
    assert owners == {FIELD_MANAGER}, "the operator owns nothing of what was declared"

    # Pruned in whatever order: the pin is asked to go first, and goes last.
    for path in (team.path("DatasetPin", "train"), team.path("Experiment")):
        team.api.delete(path)
    held = team.expect("DatasetPin", "train", status="False", reason="InUse", timeout=120)
    assert held["metadata"]["deletionTimestamp"]
    eventually(
        lambda: not team.api.list(team.path("Experiment")) or None,
        what="all are gone",
        timeout=900,
    )
    eventually(
        lambda: team.api.find(team.path("DatasetPin", "train")) is None or None,
        what="the pin is gone",
        timeout=120,
    )
