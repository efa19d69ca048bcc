"""`glovebox report`: where the page goes, and what it says where it cannot ask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from glovebox.api import reasons
from glovebox.cli import experiments
from glovebox.cli.main import app
from glovebox.errors import Unavailable

Json = dict[str, Any]
EXAMPLES = Path(__file__).parents[1] / "report"
FEATURES = "flight-features-v2"


class Cluster:
    """A cluster with one pin and one Experiment."""

    refused: Unavailable | None = None
    uid = ""
    beside: Sequence[Json] = ()

    def dataset_pin(self, namespace: str, name: str) -> Json:
        found = self._example("pin", namespace, name)
        if self.uid:
            found["metadata"]["uid"] = self.uid
        return found

    def experiment(self, namespace: str, name: str) -> Json:
        return self._example("experiment", namespace, name)

    def _example(self, file: str, namespace: str, name: str) -> Json:
        found: Json = yaml.safe_load((EXAMPLES / f"{file}.yaml").read_text(encoding="utf-8"))
        if (namespace, name) != (found["metadata"]["namespace"], found["metadata"]["name"]):
            raise Unavailable(reasons.REJECTED, f"{namespace}/{name} is not there")
        return found

    def feature_set_pin(self, namespace: str, name: str) -> Json:
        return self._example("featureset", namespace, name)

    def dataset_pins(self, namespace: str) -> list[Json]:
        assert namespace == "team-flights"
        return self.listed("DatasetPin")

    def listed(self, kind: str) -> list[Json]:
        if self.refused is not None:
            raise self.refused
        if kind == "FeatureSetPin":
            return [self.feature_set_pin("team-flights", FEATURES)]
        assert kind == "DatasetPin"
        return [*self.beside, self.dataset_pin("team-flights", "months")]

    def grants(self) -> list[Json]:
        return []

    def experiments(self) -> list[Json]:
        return [self.experiment("team-flights", "delays")]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    found = Cluster()
    monkeypatch.setattr(experiments, "KubeconfigCluster", lambda: found)
    return found


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("pin", "team-flights/months"),
        ("datasetpin", "team-flights/months"),
        ("gdpin", "team-flights/months"),
        ("featuresetpin", f"team-flights/{FEATURES}"),
        ("gfpin", f"team-flights/{FEATURES}"),
        ("experiment", "team-flights/delays"),
        ("gexp", "team-flights/delays"),
    ],
)
@pytest.mark.usefixtures("cluster")
def test_a_page_goes_to_the_terminal_or_into_a_file(kind: str, name: str, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["report", kind, name])
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith("<!DOCTYPE html>")
    assert name in told.stdout
    file = tmp_path / "page.html"
    saved = CliRunner().invoke(app, ["report", kind, name, "--save", str(file)])
    assert (saved.exit_code, saved.output) == (0, "")
    assert file.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.usefixtures("cluster")
def test_who_can_read_the_content_is_on_it() -> None:
    told = CliRunner().invoke(app, ["report", "pin", "team-flights/months"])
    assert "DatasetPin team-flights/months" in told.stdout


def test_who_may_not_list_other_namespaces_gets_the_rest(cluster: Cluster) -> None:
    cluster.refused = Unavailable(reasons.REJECTED, "the API server said 403: forbidden")
    told = CliRunner().invoke(app, ["report", "pin", "team-flights/months"])
    assert told.exit_code == 0
    assert "takes the right to list" in " ".join(told.stdout.split())


def test_an_experiment_has_pictures_of_the_pins_that_its_reader_may_list(cluster: Cluster) -> None:
    def page() -> str:
        told = CliRunner().invoke(app, ["report", "experiment", "team-flights/delays"])
        assert told.exit_code == 0, told.output
        return told.stdout

    bound = next(
        each
        for each in cluster.experiment("team-flights", "delays")["status"]["inputs"]
        if each["kind"] == "DatasetPin"
    )
    cluster.uid = bound["uid"]
    assert page().count("<svg viewBox") == 2
    cluster.beside = [{"metadata": {"name": "odd"}, "spec": {"of": "another version"}}]
    assert page().count("<svg viewBox") == 2
    cluster.refused = Unavailable(reasons.REJECTED, "the API server said 403: forbidden")
    assert "<svg viewBox" not in page()


@pytest.mark.parametrize(
    ("kind", "name"), [("pin", "team-flights/months"), ("experiment", "team-flights/delays")]
)
def test_a_cluster_that_does_not_answer_makes_no_page(
    kind: str, name: str, cluster: Cluster, tmp_path: Path
) -> None:
    cluster.refused = Unavailable(reasons.API_UNAVAILABLE, "no answer\x1b[31m")
    file = tmp_path / "page.html"
    told = CliRunner().invoke(app, ["report", kind, name, "--save", str(file)])
    assert told.exit_code == 2
    assert told.output == "no answer\\x1b[31m\n"
    assert not file.exists()


@pytest.mark.usefixtures("cluster")
def test_what_is_not_there_is_said() -> None:
    told = CliRunner().invoke(app, ["report", "experiment", "team-flights/other"])
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.output == "team-flights/other is not there\n"


@pytest.mark.usefixtures("cluster")
def test_a_name_without_its_namespace_is_refused() -> None:
    told = CliRunner().invoke(app, ["report", "pin", "months"])
    assert told.exit_code == 2
    assert "NAMESPACE/months" in told.output
    assert CliRunner().invoke(app, ["report", "pin", "months", "-n", "team-flights"]).stdout


@pytest.mark.usefixtures("cluster")
def test_a_kind_that_has_no_page_is_refused() -> None:
    told = CliRunner().invoke(app, ["report", "objectstore", "primary"])
    assert told.exit_code == 2
    assert "must be one of datasetpin, featuresetpin, experiment" in " ".join(told.output.split())
