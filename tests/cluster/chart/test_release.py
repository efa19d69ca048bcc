"""What the workflow of a release does: its targets exist, and do what can be done here.

`docker`, `cosign` and `gh` are stand-ins that note how they were called. Helm is the real one, and
pushes to a registry on loopback.
"""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
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


def steps() -> list[dict[str, Any]]:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def make(target: str, **variables: str) -> subprocess.CompletedProcess[str]:
    given = [f"{name}={value}" for name, value in variables.items()]
    return subprocess.run(
        ["make", "--no-print-directory", target, *given],
        cwd=ROOT,
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
        found = re.fullmatch(r'make ([a-z-]+)( TAG="\$GITHUB_REF_NAME")?', command)
        assert found, command
        assert found[1] in targets, command


def test_the_workflow_may_write_nothing_but_what_a_release_is() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    assert job["permissions"] == {"contents": "write", "packages": "write", "id-token": "write"}
    # In a command, what somebody else chose is a variable of the shell, and nothing to be put in.
    assert [step["run"] for step in steps() if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        pytest.param(f"v{VERSION}0", "helm/glovebox/Chart.yaml has", id="another version"),
        pytest.param("", "helm/glovebox/Chart.yaml has", id="no tag"),
    ],
)
def test_a_tag_that_is_not_the_version_is_refused(tag: str, said: str) -> None:
    done = make("release-check", TAG=tag)
    assert done.returncode != 0
    assert said in done.stderr


def test_a_release_of_which_the_change_log_says_nothing_is_refused() -> None:
    has = re.search(
        rf"^## \[?{re.escape(VERSION)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    done = make("release-check", TAG=f"v{VERSION}")
    assert (done.returncode == 0) == bool(has)
    assert bool(has) or "CHANGELOG.md has no heading" in done.stderr


@pytest.mark.parametrize("name", BASES)
def test_an_image_on_a_base_that_may_move_is_refused(tmp_path: Path, name: str) -> None:
    docker = stand_in(tmp_path, "docker")
    moving = {**BASES, name: "registry.example/base:latest"}
    done = make("release-image", DOCKER=str(docker), DIST=str(tmp_path), **moving)
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
            make("release-image", DOCKER=str(docker), **BASES, **given),
            make("release-chart", HELM=str(helm), ARGS="--plain-http", **given),
            make("release-sign", COSIGN=str(cosign), **given),
            make("release-page", GH=str(gh), **given),
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
