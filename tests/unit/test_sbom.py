"""`make sbom` says what the image holds: what its Dockerfile installs, by the hashes of uv.lock."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# What of `uv` decides which libraries there are.
_CHOICES = re.compile(r"--(?:package|extra) \w+|--(?:no-default|only|all)-[\w-]+|--group \w+")


def chosen(text: str) -> list[str]:
    return sorted(_CHOICES.findall(text))


def test_it_is_of_what_the_dockerfile_installs() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nsbom:")[2].partition("\n.PHONY")[0]
    (installed, *others) = (ROOT / "Dockerfile").read_text().split("RUN uv sync")[1:]

    assert chosen(recipe)
    for each in (installed, *others):
        asked = each.partition("\nCOPY")[0].partition("\nFROM")[0]
        assert chosen(asked) == chosen(recipe)


def test_each_library_has_the_hashes_by_which_it_is_locked(tmp_path: Path) -> None:
    written = tmp_path / "made" / "sbom.json"
    command = ["make", "--no-print-directory", "sbom", f"SBOM={written}"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    found = json.loads(written.read_text())

    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.5")
    locked = {
        f"pkg:pypi/{each['name']}@{each['version']}": hashes_of(each)
        for each in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    }
    libraries = {each["purl"]: each for each in found["components"]}
    assert len(libraries) > 20
    for purl, each in libraries.items():
        files = each["externalReferences"]
        assert {one["content"] for file in files for one in file["hashes"]} == locked[purl], purl
    names = {each["name"] for each in found["components"]}
    assert {"kopf", "boto3", "pyarrow", "opentelemetry-sdk"} <= names
    # Of the command line and of the local cluster nothing is in the image.
    assert not names & {"typer", "rich", "glovebox-local", "pytest"}


def hashes_of(package: dict[str, Any]) -> set[str]:
    files = [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
    return {each["hash"].removeprefix("sha256:") for each in files}
