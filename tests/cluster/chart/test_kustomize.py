"""The chart as files for Kustomize: nothing of it is lost, and nothing of it is another."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cluster.chart.rendering import CHART, ROOT, Manifest, render, run_helm
from glovebox_local.programs import KUBERNETES, program_folder

EXAMPLE: Final = ROOT / "docs" / "examples" / "gitops" / "kustomize"
VARIANT: Final = CHART / "ci" / "platform-values.yaml"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """What Kustomize makes of the example, and of what Helm rendered beside it."""
    folder = tmp_path_factory.mktemp("kustomize")
    for each in EXAMPLE.iterdir():
        (folder / each.name).write_text(each.read_text())
    values = yaml.safe_load(VARIANT.read_text())
    rendered = run_helm(
        "template", "glovebox", str(CHART), "--namespace=glovebox-system", values=values
    )
    assert rendered.returncode == 0, rendered.stderr
    (folder / "glovebox.yaml").write_text(rendered.stdout)
    return kustomized(folder)


def kustomized(folder: Path) -> list[Manifest]:
    done = subprocess.run(
        [str(program_folder(KUBERNETES) / "kubectl"), "kustomize", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader))


def by_name(objects: list[Manifest]) -> dict[tuple[str, str], Manifest]:
    found = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    assert len(found) == len(objects)
    return found


def without_blank_lines(value: Any) -> Any:
    """Return what Kustomize may change: it writes blank lines into expressions of CEL."""
    if isinstance(value, dict):
        return {name: without_blank_lines(each) for name, each in value.items()}
    if isinstance(value, list):
        return list(map(without_blank_lines, value))
    return re.sub(r"\n+", "\n", value) if isinstance(value, str) else value


def test_kustomize_adds_what_it_is_asked_for_and_changes_nothing_else(
    built: list[Manifest],
) -> None:
    found = by_name(built)
    wanted = by_name(render(yaml.safe_load(VARIANT.read_text())))

    assert found.pop(("Namespace", "glovebox-system"))
    labels = found["Deployment", "glovebox-operator"]["spec"]["template"]["metadata"]["labels"]
    assert labels.pop("cost-centre") == "platform"
    assert found.keys() == wanted.keys()
    for name, each in wanted.items():
        is_guard = name[0] == "ValidatingAdmissionPolicy"
        as_is = without_blank_lines if is_guard else lambda value: value
        assert as_is(found[name]) == as_is(each), name


def test_helm_renders_the_same_without_a_cluster_as_with_one() -> None:
    """What a template asked of a cluster, or of the release, would be otherwise in the files."""
    asks = re.compile(r"\blookup\b|\.Capabilities|\.Release\.(Is|Revision)|helm\.sh/hook")
    templates = [*(CHART / "templates").rglob("*.yaml"), *(CHART / "templates").glob("*.tpl")]

    assert len(templates) > 10
    assert [each.name for each in templates if asks.search(each.read_text())] == []
