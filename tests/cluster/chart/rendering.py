"""The chart as Helm renders it, without a cluster."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from glovebox_local.programs import HELM, program_folder

ROOT = Path(__file__).parents[3]
CHART = ROOT / "helm" / "glovebox"
Manifest = dict[str, Any]


def run_helm(*arguments: str, values: Manifest | None = None) -> subprocess.CompletedProcess[str]:
    """Run the real helm on the chart; values are given to it on its standard input."""
    given = ["--values=-"] if values is not None else []
    return subprocess.run(
        [str(program_folder(HELM) / "helm"), *arguments, *given],
        input=json.dumps(values or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def render(values: Manifest | None = None) -> list[Manifest]:
    """Return every object of the chart."""
    return [
        document
        for document in yaml.load_all(_rendered(json.dumps(values or {})), Loader=yaml.CSafeLoader)
        if document
    ]


@cache
def _rendered(values: str) -> str:
    done = run_helm(
        "template", "glovebox", str(CHART), "--namespace=glovebox-system", values=json.loads(values)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def only(objects: list[Manifest], kind: str, name: str | None = None) -> Manifest:
    """Return the one object of that kind and name."""
    found = [
        thing
        for thing in objects
        if thing["kind"] == kind and name in {None, thing["metadata"]["name"]}
    ]
    assert len(found) == 1, [thing["metadata"]["name"] for thing in found]
    return found[0]
