"""`glovebox adopt`: what store and cluster know, and what it asks of the cluster."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from glovebox.cli import experiments
from glovebox.cli import parted as parting
from glovebox.cli.main import app
from glovebox.cli.parted import OnRecord
from glovebox.data.digest import canonical_json
from glovebox.store.run_records import RunRecord

SPEC: dict[str, Any] = {
    "profile": "standard",
    "purpose": {"description": "d", "owner": "o"},
    "artifacts": {"storeRef": {"name": "primary"}},
}
TAKEN = {
    "format": "glovebox.dev/experiment/v1",
    "profile": "standard",
    "platform": {"whatever": "it was"},
    "artifacts": {"storeRef": {"name": "primary"}},
}


def run(name: str = "x", uid: str = "old", declared: str = "sha256:d", **taken: Any) -> RunRecord:
    snapshot = {"snapshot.json": canonical_json({**TAKEN, **taken}).decode()}
    return RunRecord(
        "team", name, uid, "sha256:1", declared, 7, "2026-01-01T00:00:00Z", snapshot, "n"
    )


def experiment(name: str = "x", uid: str = "new", **changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "glovebox.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"namespace": "team", "name": name, "uid": uid, "generation": 1},
        "spec": {**SPEC, **changes.pop("spec", {})},
        **changes,
    }


class FakeCluster:
    """Remembers what was asked of it."""

    here: list[dict[str, Any]] = []  # noqa: RUF012 - set by each test
    adopted: list[tuple[str, str, str]] = []  # noqa: RUF012 - as above

    def experiments(self) -> list[dict[str, Any]]:
        return self.here

    def adopt(self, namespace: str, name: str, uid: str) -> None:
        self.adopted.append((namespace, name, uid))


def ask(
    monkeypatch: pytest.MonkeyPatch,
    runs: list[RunRecord],
    here: list[dict[str, Any]],
    *arguments: str,
) -> tuple[int, str, list[tuple[str, str, str]]]:
    monkeypatch.setattr(FakeCluster, "here", here)
    monkeypatch.setattr(FakeCluster, "adopted", [])
    monkeypatch.setattr(experiments, "KubeconfigCluster", FakeCluster)
    found = OnRecord(tuple(runs), frozenset({"old"}))
    monkeypatch.setattr(parting, "read_store", lambda _: found)
    done = CliRunner().invoke(app, ["adopt", "--bucket", "results", *arguments])
    return done.exit_code, done.output, FakeCluster.adopted


@pytest.mark.parametrize(
    ("runs", "here", "said"),
    [
        ([run()], [experiment()], "adoptable             team/x  UID old, begun 2026-01-01T00:"),
        ([run()], [experiment(uid="old")], "Store and cluster know the same runs."),
        ([run()], [], "no experiment         team/x  UID old"),
        ([run(profile="other")], [experiment()], "declared differently  team/x"),
        ([run()], [experiment(spec={"adopts": "old"})], "adopted               team/x"),
        ([run()], [experiment(status={"digest": "sha256:2"})], "know the same runs"),
        (
            [],
            [experiment(status={"run": {"record": ".glovebox/runs/team/x/1.json"}})],
            "only in the cluster   team/x  UID new, not sealed",
        ),
    ],
    ids=[
        "created again",
        "as it was",
        "deleted or lost",
        "another declaration",
        "adopted before",
        "another experiment of that name",
        "the store lost it",
    ],
)
def test_a_dry_run_lists_what_only_one_side_knows_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
    runs: list[RunRecord],
    here: list[dict[str, Any]],
    said: str,
) -> None:
    code, output, adopted = ask(monkeypatch, runs, here, "--dry-run", "--all")
    assert (code, adopted) == (0, [])
    assert said in output


def test_an_experiment_that_is_named_takes_its_former_run_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs, here = [run(), run("y", "other")], [experiment(), experiment("y", "newer")]
    code, output, adopted = ask(monkeypatch, runs, here, "team/x")
    assert (code, adopted) == (0, [("team", "x", "old")])
    assert output == "team/x takes over the run of UID old\n"


def test_all_that_is_adoptable_is_adopted_but_for_what_is_ambiguous(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = [run(), run("y", "one", "sha256:e"), run("y", "two", "sha256:f"), run("gone", "z")]
    code, output, adopted = ask(
        monkeypatch, runs, [experiment(), experiment("y", "newer")], "--all"
    )
    assert (code, adopted) == (1, [("team", "x", "old")])
    assert "team/y: several were run: one, two; name one with --uid" in output


def test_a_uid_says_which_of_several_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [run(uid="one", declared="sha256:e"), run(uid="two", declared="sha256:f")]
    code, _, adopted = ask(monkeypatch, runs, [experiment()], "team/x", "--uid", "two")
    assert (code, adopted) == (0, [("team", "x", "two")])


def test_what_cannot_be_adopted_is_said_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output, adopted = ask(monkeypatch, [run(profile="other")], [experiment()], "team/x")
    assert (code, adopted) == (1, [])
    assert "team/x: nothing to adopt: declared differently" in output


def test_an_experiment_that_is_named_by_half_is_no_answer_of_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, output, adopted = ask(monkeypatch, [run()], [experiment()], "x")
    assert (code, adopted) == (2, [])
    assert "name it NAMESPACE/NAME" in output
