"""`glovebox plan` and `glovebox render`: exit codes, and what acts on no terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from glovebox.api import reasons
from glovebox.cli import experiments
from glovebox.cli.main import app
from glovebox.controllers.experiment.preview import assumed_ready
from glovebox.errors import Refused, Unavailable
from support.examples import FLIGHTS, REFUSALS, documents, flights

Json = dict[str, Any]


class Cluster:
    """A cluster that takes what it is not told to refuse, and holds what it is given."""

    def __init__(self) -> None:
        self.objects = assumed_ready(
            each for each in documents(FLIGHTS) if each["kind"] not in {"Experiment", "Namespace"}
        )
        self.refuses: dict[str, Exception] = {}
        self.hidden: set[str] = set()

    def dry_run(self, obj: Json) -> Json:
        error = self.refuses.get(obj["metadata"]["name"])
        if error is not None:
            raise error
        metadata = {"uid": "u", "generation": 1, "resourceVersion": "1", **obj["metadata"]}
        return {**obj, "metadata": metadata}

    def listed(self, kind: str, namespace: str = "") -> list[Json]:
        if kind in self.hidden:
            raise Unavailable(reasons.REJECTED, "403")
        return [
            each
            for each in self.objects
            if each["kind"] == kind and each["metadata"].get("namespace", "") == namespace
        ]

    def namespace(self, name: str) -> Json:
        return {"metadata": {"name": name, "labels": {}}}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    found = Cluster()
    monkeypatch.setattr(experiments, "KubeconfigCluster", lambda: found)
    return found


def ask(tmp_path: Path, *objects: Json, options: tuple[str, ...] = ()) -> Result:
    file = tmp_path / "given.yaml"
    file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    return CliRunner().invoke(app, ["plan", "-f", str(file), *options])


@pytest.mark.usefixtures("cluster")
def test_the_example_is_accepted_and_its_objects_are_shown(tmp_path: Path) -> None:
    told = ask(tmp_path, flights("Experiment"))
    assert told.exit_code == 0, told.output
    assert "Experiment/team-flights/delay-baseline would be accepted" in told.stdout
    for shown in ("digest sha256:", "glovebox-default-deny", "ResourceQuota", "train", "Ready"):
        assert shown in told.stdout


def test_who_may_not_read_grants_is_not_told_that_something_is_refused(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.hidden = {"IsolationProfile"}
    told = ask(tmp_path, flights("Experiment"))
    assert told.exit_code == 3, told.output
    assert "may not be read with your rights: IsolationProfiles" in told.stdout


def test_a_refusal_of_the_api_server_is_harmless_on_a_terminal(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.refuses = {"delay-baseline": Refused("Invalid", "no \x1b[31mred")}
    told = ask(tmp_path, flights("Experiment"), options=("--no-color",))
    assert told.exit_code == 1
    assert "\x1b" not in told.stdout
    assert "no \\x1b[31mred" in told.stdout


def test_a_refusal_counts_more_than_what_waits(cluster: Cluster, tmp_path: Path) -> None:
    cluster.objects = [each for each in cluster.objects if each["kind"] != "DatasetPin"]
    assert ask(tmp_path, flights("Experiment")).exit_code == 3
    over = next(each for each in documents(REFUSALS) if each["metadata"]["name"] == "over-quota")
    told = ask(tmp_path, flights("Experiment"), over, options=("-o", "json"))
    assert told.exit_code == 1
    assert [each["verdict"] for each in json.loads(told.stdout)] == ["Waits", "Refused"]
    assert told.stdout.isascii()


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no object"),
        ("a: [", "is no YAML"),
        ("- 1", "without `apiVersion`"),
        ("{apiVersion: v1, kind: Pod, metadata: {name: [x]}}", "without `apiVersion`"),
        ("{apiVersion: v1, kind: Pod, metadata: {name: x}}", "no object of glovebox.dev"),
    ],
)
def test_a_file_that_holds_nothing_of_ours_is_said_in_a_line(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(text, encoding="utf-8")
    told = CliRunner().invoke(app, ["plan", "-f", str(file)])
    assert told.exit_code == 2
    assert said in told.output
    assert "Traceback" not in told.output


def test_a_cluster_that_does_not_answer_says_nothing_about_a_file(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.refuses = {"delay-baseline": Unavailable(reasons.API_UNAVAILABLE, "no answer")}
    told = ask(tmp_path, flights("Experiment"))
    assert (told.exit_code, told.output) == (2, "no answer\n")


def test_files_are_rendered_without_a_cluster() -> None:
    files = [str(path) for path in sorted(FLIGHTS.glob("*.yaml"))]
    told = CliRunner().invoke(app, ["render", *files])
    assert told.exit_code == 0, told.output
    kinds = [each["kind"] for each in yaml.safe_load_all(told.stdout)]
    assert kinds[0] == "Namespace"
    assert {"NetworkPolicy", "ResourceQuota", "ConfigMap", "RoleBinding", "Job"} <= set(kinds)
    assert CliRunner().invoke(app, ["render", *files]).stdout == told.stdout


def test_what_is_not_in_the_files_is_named() -> None:
    told = CliRunner().invoke(app, ["render", str(FLIGHTS / "experiment.yaml")])
    assert told.exit_code == 3
    assert "there is no IsolationProfile 'standard'" in told.output
    files = [str(path) for path in (*FLIGHTS.glob("*.yaml"), REFUSALS / "over-quota.yaml")]
    assert CliRunner().invoke(app, ["render", *files]).exit_code == 1
