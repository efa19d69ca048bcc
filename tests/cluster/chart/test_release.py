"""What the workflow of a release does: its targets exist, and do what can be done here.

`docker`, `cosign` and `gh` are stand-ins that note how they were called. Helm is the real one, and
pushes to a registry on loopback.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.chart.rendering import ROOT, run_helm
from glovebox_local.programs import HELM, program_folder
from support.oci_registry import oci_registry

WORKFLOW = ROOT / ".github" / "workflows" / "release.yaml"
VERSION = str(yaml.safe_load((ROOT / "helm/glovebox/Chart.yaml").read_text())["version"])
DIGEST = f"sha256:{'d' * 64}"
BASES = {name: f"registry.example/{name.lower()}@{DIGEST}" for name in ("PYTHON_IMAGE", "UV_IMAGE")}


Json = dict[str, Any]
# As a name of Git may be: it has no blank. Make makes one `$` of two.
COMMANDS = (
    "v`touch$${IFS}made`",
    "v$(shell touch made)",
    "v$$(touch$${IFS}made)",
)


def workflow() -> Json:
    read: Json = yaml.safe_load(WORKFLOW.read_text())
    return read


def steps() -> list[Json]:
    return [step for job in workflow()["jobs"].values() for step in job["steps"]]


def make(
    target: str,
    variables: Mapping[str, str] | None = None,
    *,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    given = [f"{name}={value}" for name, value in (variables or {}).items()]
    return subprocess.run(
        ["make", "--no-print-directory", f"--makefile={ROOT / 'Makefile'}", target, *given],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def stand_in(folder: Path, name: str, script: str = "") -> Path:
    """Write a program that notes its arguments, one to a line, and does no more than a script."""
    path = folder / name
    path.write_text(
        f'#!/bin/bash\nset -eu\nprintf "%s\\n" "$@" "" >>{folder}/{name}.log\n{script}\n'
    )
    path.chmod(0o755)
    return path


def calls(folder: Path, name: str) -> list[list[str]]:
    return [each.split("\n") for each in (folder / f"{name}.log").read_text().split("\n\n") if each]


def test_every_command_of_the_workflow_is_a_target_of_the_makefile() -> None:
    commands = [step["run"] for step in steps() if "run" in step]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert commands
    for command in commands:
        found = re.fullmatch(r"make ([a-z-]+)", command)
        assert found, command
        assert found[1] in targets, command


def test_the_workflow_may_write_nothing_but_what_a_release_is() -> None:
    found = workflow()
    assert found["permissions"] == {"contents": "read"}
    jobs = found["jobs"]
    assert {name: job["permissions"] for name, job in jobs.items()} == {
        "check": {"contents": "read"},
        "release": {"contents": "write", "packages": "write", "id-token": "write"},
    }
    assert jobs["release"]["needs"] == "check"
    # In a command, what somebody else chose is a variable of the shell, and nothing to be put in.
    assert [step["run"] for step in steps() if "${{" in step.get("run", "")] == []


def test_a_token_is_given_to_the_step_that_needs_it() -> None:
    holders = [step for step in steps() if "github.token" in json.dumps(step)]
    assert [step.get("run") or step["uses"].split("@")[0] for step in holders] == [
        "docker/login-action",
        "make release-page",
    ]
    for job in workflow()["jobs"].values():
        assert "github.token" not in json.dumps(job.get("env", {}))
        (checkout,) = [s for s in job["steps"] if s.get("uses", "").startswith("actions/checkout")]
        assert checkout["with"] == {"persist-credentials": False}


def test_actions_of_others_are_known_by_commit() -> None:
    used = [step["uses"] for step in steps() if "uses" in step]
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each)] == []


@pytest.mark.parametrize("name", COMMANDS, ids=[str(each) for each in range(len(COMMANDS))])
@pytest.mark.parametrize(
    ("target", "variable"),
    [
        pytest.param("release-check", "TAG", id="tag"),
        pytest.param("release-image", "PYTHON_IMAGE", id="base"),
        pytest.param("release-image", "UV_IMAGE", id="uv"),
    ],
)
def test_a_name_that_others_chose_is_never_a_command(
    tmp_path: Path, target: str, variable: str, name: str
) -> None:
    shutil.copytree(ROOT / "helm" / "glovebox", tmp_path / "helm" / "glovebox")
    bases = {**BASES, variable: name} if variable in BASES else {variable: name}
    done = make(target, cwd=tmp_path, env=bases)
    assert done.returncode != 0
    assert [path.name for path in tmp_path.iterdir()] == ["helm"], done.stderr


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        pytest.param(f"v{VERSION}0", "helm/glovebox/Chart.yaml has", id="another version"),
        pytest.param("", "helm/glovebox/Chart.yaml has", id="no tag"),
    ],
)
def test_a_tag_that_is_not_the_version_is_refused(tag: str, said: str) -> None:
    done = make("release-check", env={"TAG": tag})
    assert done.returncode != 0
    assert said in done.stderr


def test_a_release_of_which_the_change_log_says_nothing_is_refused() -> None:
    has = re.search(
        rf"^## \[?{re.escape(VERSION)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    done = make("release-check", env={"TAG": f"v{VERSION}"})
    assert (done.returncode == 0) == bool(has)
    assert bool(has) or "CHANGELOG.md has no heading" in done.stderr


@pytest.mark.parametrize("name", BASES)
def test_an_image_on_a_base_that_may_move_is_refused(tmp_path: Path, name: str) -> None:
    docker = stand_in(tmp_path, "docker")
    moving = {**BASES, name: "registry.example/base:latest"}
    done = make("release-image", {"DOCKER": str(docker), "DIST": str(tmp_path), **moving})
    assert done.returncode != 0
    assert "by digest" in done.stderr
    assert not (tmp_path / "docker.log").exists()


def test_image_chart_and_signatures_name_each_other_by_digest(tmp_path: Path) -> None:
    written = json.dumps({"containerimage.digest": DIGEST})
    docker = stand_in(tmp_path, "docker", f"echo '{written}' >{tmp_path}/image.json")
    cosign, gh = stand_in(tmp_path, "cosign"), stand_in(tmp_path, "gh")
    helm = program_folder(HELM) / "helm"
    with oci_registry() as registry:
        where = f"{registry.host}/acme"
        given = {"DIST": str(tmp_path), "REGISTRY": where, "SBOM": f"{tmp_path}/libraries.json"}
        done = [
            make("release-image", {"DOCKER": str(docker), **BASES, **given}),
            make("release-chart", {"HELM": str(helm), "ARGS": "--plain-http", **given}),
            make("release-sign", {"COSIGN": str(cosign), **given}),
            make("release-page", {"GH": str(gh), **given}),
        ]
        assert [each.returncode for each in done] == [0] * 4, [each.stderr for each in done]
        chart = registry.manifests["acme/charts/glovebox", VERSION][0]
        (tmp_path / "pulled").mkdir()
        pulled = run_helm(
            "pull",
            f"oci://{where}/charts/glovebox",
            f"--version={VERSION}",
            "--plain-http",
            f"--destination={tmp_path / 'pulled'}",
        )
        assert pulled.returncode == 0, pulled.stderr
    (built,) = calls(tmp_path, "docker")
    assert {f"{where}/glovebox:{VERSION}", "--push", *(f"{k}={v}" for k, v in BASES.items())} < set(
        built
    )
    image = f"{where}/glovebox@{DIGEST}"
    assert calls(tmp_path, "cosign") == [
        ["sign", "--yes", image],
        ["sign", "--yes", f"{where}/charts/glovebox@{chart}"],
        ["attest", "--yes", "--type", "cyclonedx", "--predicate", given["SBOM"], image],
    ]
    (page,) = calls(tmp_path, "gh")
    assert page[-2:] == [f"{tmp_path}/glovebox-{VERSION}.tgz", given["SBOM"]]
    archive = tmp_path / "pulled" / f"glovebox-{VERSION}.tgz"
    rendered = run_helm("template", "glovebox", str(archive), "--namespace=glovebox-system")
    assert f"@{DIGEST}" in rendered.stdout, rendered.stderr
    # All that the chart in the repository has, and nothing else.
    with tarfile.open(archive) as tar:
        packed = {name.removeprefix("glovebox/") for name in tar.getnames()}
    ours = ROOT / "helm" / "glovebox"
    kept = {str(path.relative_to(ours)) for path in ours.rglob("*") if path.is_file()}
    assert packed == {name for name in kept if not name.startswith("ci/")}
