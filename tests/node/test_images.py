"""Images from the project's own Dockerfiles.

The same tree gives the same digest, and what is inside is what runs.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from glovebox_local.image_build import GLOVEBOX, TRAINER, ensure_image, find_uv, image_key
from glovebox_local.paths import cache_dir
from support.node import REPOSITORY
from support.operator_process import Team, experiment_spec, profile_spec

if TYPE_CHECKING:
    from glovebox_local.images import Image
    from support.node import NodeCluster


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_an_image_that_is_built_anew_has_the_digest_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ensure_image(GLOVEBOX, REPOSITORY)
    # Debian's packages of the same day: an update in between would be another image, and rightly
    # so.
    packages = next((cache_dir() / "images").glob("packages-*.tar"))
    (tmp_path / "images").mkdir()
    shutil.copy(packages, tmp_path / "images" / packages.name)
    monkeypatch.setenv("UV", str(find_uv()))
    monkeypatch.setenv("GLOVEBOX_CACHE", str(tmp_path))
    again = ensure_image(GLOVEBOX, REPOSITORY)
    assert again.archive != before.archive
    assert again.reference == before.reference


def test_the_key_of_an_image_is_what_its_dockerfile_copies(tmp_path: Path) -> None:
    copied = tmp_path / TRAINER.context
    shutil.copytree(REPOSITORY / TRAINER.context, copied)
    before = image_key(TRAINER, tmp_path)
    (copied / "notes.txt").write_text("not copied")
    (copied / "__pycache__").mkdir()
    assert image_key(TRAINER, tmp_path) == before == image_key(TRAINER, REPOSITORY)
    (copied / "train.py").write_text("pass\n")
    assert image_key(TRAINER, tmp_path) != before


def test_the_image_of_glovebox_runs_as_nobody_and_imports_from_nowhere_else(
    node_cluster: NodeCluster, team: Team, glovebox_image: Image
) -> None:
    code = "import os, sys, glovebox; print(os.getuid(), sys.flags.safe_path, glovebox.__name__)"
    images = [{"name": "own", "reference": glovebox_image.reference}]
    repository = glovebox_image.reference.partition("@")[0]
    team.declare(
        "IsolationProfile", f"{team.name}-own", profile_spec(images=[{"repository": repository}])
    )
    spec = experiment_spec(
        f"{team.name}-own",
        "primary",
        images=images,
        run={"image": "own", "command": ["python", "-c", code]},
    )
    team.declare("Experiment", "inside", spec)
    sealed = team.expect("Experiment", "inside", "Sealed", timeout=60)
    assert sealed["status"]["run"]["outcome"] == "Succeeded"
    logs = node_cluster.cluster.kubectl(
        "logs", "-n", sealed["status"]["namespace"], "job/glovebox-run"
    ).stdout
    assert logs == "65533 True glovebox\n"
