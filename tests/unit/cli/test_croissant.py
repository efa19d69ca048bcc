"""`glovebox croissant`: what it asks of cluster and store, and that half a list is never left."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from typer.testing import CliRunner

from glovebox.cli import experiments, pinned
from glovebox.cli.main import app
from glovebox.data.croissant import croissant
from glovebox.data.manifest import DigestSource, Entry
from glovebox.errors import Unavailable
from support.examples import flights

ENTRY = Entry("a.csv", 1, "c" * 64, "flights", "a.csv", "v1", DigestSource.COMPUTED)
MANIFEST = {"bucket": "artifacts", "key": "k", "versionId": "v", "digest": "", "bytes": 1}


class Cluster:
    """Has one pin."""

    pin: ClassVar[dict[str, Any]] = {}

    def dataset_pin(self, namespace: str, name: str) -> dict[str, Any]:
        if (namespace, name) != ("team-flights", "flights-2013-train"):
            raise Unavailable("Rejected", f"there is no {namespace}/{name}")
        return self.pin


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> type[Cluster]:
    Cluster.pin = {**flights("DatasetPin"), "status": {"manifest": MANIFEST}}
    monkeypatch.setattr(experiments, "KubeconfigCluster", Cluster)
    monkeypatch.setattr(pinned, "described", lambda pin: list(croissant(pin, [ENTRY])))
    return Cluster


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["croissant", *arguments])
    return result.exit_code, result.output


def test_it_is_printed_or_kept_and_is_the_same(cluster: type[Cluster], tmp_path: Path) -> None:
    del cluster
    code, printed = run("team-flights/flights-2013-train")
    assert code == 0
    assert '"sha256": "' + "c" * 64 in printed
    file = tmp_path / "flights.json"
    assert run("team-flights/flights-2013-train", "--save", str(file)) == (0, "")
    assert file.read_text(encoding="utf-8") == printed


def test_a_store_that_does_not_answer_leaves_what_was_there(
    cluster: type[Cluster], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del cluster

    def away(pin: Any) -> list[str]:
        del pin
        raise Unavailable("StoreUnreachable", "the store does not answer")

    monkeypatch.setattr(pinned, "described", away)
    file = tmp_path / "flights.json"
    file.write_text("before")
    code, said = run("team-flights/flights-2013-train", "--save", str(file))
    assert (code, said) == (2, "the store does not answer\n")
    assert [each.name for each in tmp_path.iterdir()] == ["flights.json"]
    assert file.read_text() == "before"


def test_a_pin_that_was_not_read_has_none(cluster: type[Cluster]) -> None:
    cluster.pin = {**flights("DatasetPin"), "status": {}}
    code, said = run("team-flights/flights-2013-train")
    assert code == 2
    assert "was not read yet: wait until it is Ready" in said


def test_a_pin_of_another_version_is_not_guessed_at(cluster: type[Cluster]) -> None:
    cluster.pin = {**flights("DatasetPin"), "spec": {"storeRef": {"name": "primary"}}}
    code, said = run("team-flights/flights-2013-train")
    assert code == 2
    assert "cannot be read by this version" in said


def test_a_pin_that_is_not_there(cluster: type[Cluster]) -> None:
    del cluster
    assert run("team-flights/other") == (2, "there is no team-flights/other\n")
    assert run("flights-2013-train")[0] == 2
