"""What each command prints, letter by letter: pairs in `golden/`, found and not listed here.

`GLOVEBOX_GOLDEN=write` writes what is printed now; then read what changed as if it were code.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from kubernetes import client
from typer.testing import CliRunner

from glovebox.api import reasons
from glovebox.cli import experiments, lineage_sources, report
from glovebox.cli.main import app
from glovebox.controllers.experiment.preview import assumed_ready
from glovebox.errors import Refused, Unavailable
from glovebox.kube.kinds import Kind
from glovebox.kube.resources import Key
from glovebox.report.tree import ONLY_OWN
from support.examples import FLIGHTS, REFUSALS, documents

Json = dict[str, Any]
FOLDER: Final = Path(__file__).parent / "golden"
WRITE: Final = os.environ.get("GLOVEBOX_GOLDEN") == "write"
CASES: Final[list[Json]] = yaml.safe_load((FOLDER / "cases.yaml").read_text(encoding="utf-8"))
OBJECTS: Final[list[Json]] = [
    yaml.safe_load((FOLDER.parents[1] / "report" / "experiment.yaml").read_text(encoding="utf-8")),
    *yaml.safe_load((FOLDER / "cluster.yaml").read_text(encoding="utf-8")),
]
BESIDE: Final[Json] = yaml.safe_load((FOLDER / "beside.yaml").read_text(encoding="utf-8"))
FEATURES: Final[Json] = yaml.safe_load(
    (FOLDER.parents[1] / "report" / "featureset.yaml").read_text(encoding="utf-8")
)
PLANNED_INTO: Final = [
    *assumed_ready(
        each for each in documents(FLIGHTS) if each["kind"] not in {"Experiment", "Namespace"}
    ),
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-flights"}},
]
ENDED: Final[Json] = {"spec": {"holderIdentity": "a", "renewTime": "2026-03-01T12:00:00.000000Z"}}
MOMENT: Final = datetime(2026, 3, 3, 8, tzinfo=UTC)
IDS: Final = [case["name"] for case in CASES]


def missing(status: HTTPStatus) -> Unavailable:
    error = Unavailable(reasons.REJECTED, f"the API server said {status.value}")
    error.__cause__ = client.ApiException(status=status.value)
    return error


class Cluster:
    """Some objects, for somebody who may not read some kinds, and nothing in namespace `data`."""

    def __init__(self, hidden: list[str], objects: list[Json], lease: Json | None = None) -> None:
        self._hidden = hidden
        self._objects = objects
        self._lease = lease

    def _read(self, kind: str, namespace: str = "") -> list[Json]:
        if kind in self._hidden or namespace == "data":
            raise missing(HTTPStatus.FORBIDDEN)
        return [
            each
            for each in self._objects
            if each["kind"] == kind and namespace in {"", each["metadata"].get("namespace", "")}
        ]

    def find(self, key: Key) -> Json | None:
        found = self._read(key.kind, key.namespace)
        return next((each for each in found if each["metadata"]["name"] == key.name), None)

    def operator_lease(self) -> Json | None:
        return self._lease

    def lacks_namespace(self, name: str) -> bool:
        return not any(each["metadata"].get("namespace") == name for each in self._objects)

    def inside(self, kind: Kind, namespace: str) -> list[Json]:
        found = self._read(kind.kind, namespace)
        return [each for each in found if kind not in ONLY_OWN or each["metadata"].get("labels")]

    def namespace(self, name: str) -> Json:
        found = self.find(Key("Namespace", "", name))
        if found is None:
            raise missing(HTTPStatus.NOT_FOUND)
        return found

    def listed(self, kind: str, namespace: str = "") -> list[Json]:
        return self._read(kind, namespace)

    def experiment(self, namespace: str, name: str) -> Json:
        found = self.find(Key("Experiment", namespace, name))
        if found is None:
            raise missing(HTTPStatus.NOT_FOUND)
        return found

    def dataset_pin(self, namespace: str, name: str) -> Json:
        found = self.find(Key("DatasetPin", namespace, name))
        if found is None:
            raise missing(HTTPStatus.NOT_FOUND)
        return found

    def feature_set_pin(self, namespace: str, name: str) -> Json:
        found = self.find(Key("FeatureSetPin", namespace, name))
        if found is None:
            raise missing(HTTPStatus.NOT_FOUND)
        return found

    def experiments(self, namespace: str = "") -> list[Json]:
        return self._read("Experiment", namespace)

    def dataset_pins(self, namespace: str = "") -> list[Json]:
        return self._read("DatasetPin", namespace)

    def grants(self, namespace: str = "") -> list[Json]:
        return self._read("AccessGrant", namespace)

    def pins(self, namespace: str = "") -> list[Json]:
        return [*self._read("DatasetPin", namespace), *self._read("FeatureSetPin", namespace)]

    def dry_run(self, obj: Mapping[str, Any]) -> Json:
        """Take everything but what names an image by its tag."""
        if ":latest" in str(obj):
            raise Refused("Invalid", "spec.images[0].reference: must be pinned by digest")
        metadata = {"uid": "u", "generation": 1, "resourceVersion": "1", **obj["metadata"]}
        return {**obj, "metadata": metadata}


def shown(
    case: Json, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, color: bool, more: str = ""
) -> str:
    """Return what a case prints, to both of its streams."""
    objects_there = PLANNED_INTO if case.get("flights") else OBJECTS
    if case.get("beside"):
        objects_there = [*objects_there, BESIDE]
    if case.get("features"):
        objects_there = [*objects_there, FEATURES]
    cluster = Cluster(case.get("hidden", []), objects_there, ENDED if case.get("idle") else None)
    for module in (experiments, lineage_sources):
        monkeypatch.setattr(module, "KubeconfigCluster", lambda *_: cluster)
    monkeypatch.setattr(report, "_now", lambda: MOMENT)
    planned = tmp_path / "planned.yaml"
    objects = [(FLIGHTS / "experiment.yaml"), (REFUSALS / "tag-image.yaml")]
    planned.write_text("\n---\n".join(each.read_text(encoding="utf-8") for each in objects))
    typed = [str(planned) if each == "PLANNED" else each for each in case["typed"].split()]
    done = CliRunner().invoke(app, [*typed, *more.split()], color=color)
    assert done.exit_code == case["code"], done.output
    return done.output


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_command_prints_what_it_printed(
    case: Json, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = FOLDER / f"{case['name']}.txt"
    found = shown(case, monkeypatch, tmp_path, color=False)
    if WRITE:
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_without_colours_a_terminal_gets_the_same(
    case: Json, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain = (FOLDER / f"{case['name']}.txt").read_text(encoding="utf-8")
    asked = shown(case, monkeypatch, tmp_path, color=True, more="--no-color")
    monkeypatch.setenv("NO_COLOR", "1")
    assert (asked, shown(case, monkeypatch, tmp_path, color=True)) == (plain, plain)


def test_there_are_colours_to_leave_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (case,) = (each for each in CASES if each["name"] == "plan")
    assert "\x1b[31m" in shown(case, monkeypatch, tmp_path, color=True)


def test_each_file_is_of_a_case() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(IDS)
