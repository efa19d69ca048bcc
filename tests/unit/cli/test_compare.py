"""`glovebox compare`: figures that seals vouch for, and what is said of what is compared."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.cli import experiments
from glovebox.cli.main import app
from glovebox.errors import InvalidInput
from glovebox.evidence.signer import new_key_pair
from glovebox.jobs import in_store, sealed_figures
from glovebox.jobs.verifying import Demand
from glovebox.report.comparison import Comparison, compare

Json = dict[str, Any]
FOLDER = Path(__file__).parent
DELAYS: Json = yaml.safe_load((FOLDER.parent / "report" / "experiment.yaml").read_text())
DEEPER: Json = yaml.safe_load((FOLDER / "golden" / "beside.yaml").read_text())
FIGURES: dict[str, Json] = {
    "team-flights/delays": {"auc": 0.742, "rows": 251000, "by": {"AA": 0.7}, "note": "first"},
    "team-weather/deeper": {"auc": 0.7515, "rows": 251000, "by": {"UA": 0.69}},
}


def changed(obj: Json, **status: Any) -> Json:
    made = copy.deepcopy(obj)
    made["status"] |= status
    return made


class Cluster:
    """Some Experiments."""

    def __init__(self, *objects: Json) -> None:
        self._objects = objects

    def experiment(self, namespace: str, name: str) -> Json:
        return next(
            each
            for each in self._objects
            if (each["metadata"]["namespace"], each["metadata"]["name"]) == (namespace, name)
        )


@pytest.fixture
def demands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Demand]]:
    """What is demanded of each seal; the store gives FIGURES."""
    found: list[tuple[str, str, Demand]] = []

    def read(_: Any, bucket: str, folder: str, demand: Demand, *__: Any) -> Mapping[str, Any]:
        found.append((bucket, folder, demand))
        return FIGURES[demand.expected.experiment]

    monkeypatch.setattr(experiments, "KubeconfigCluster", lambda: Cluster(DELAYS, DEEPER))
    monkeypatch.setattr(in_store, "in_store", lambda job: job(None, None))
    monkeypatch.setattr(sealed_figures, "read_figures", read)
    return found


def run(tmp_path: Path, *options: str) -> tuple[int, str]:
    (tmp_path / "keys.pem").write_text(new_key_pair().public)
    named = ("team-flights/delays", "team-weather/deeper")
    keys = ("--metrics", "metrics.json", "--key", str(tmp_path / "keys.pem"))
    done = CliRunner().invoke(app, ["compare", *named, *keys, *options])
    return done.exit_code, done.output


def test_figures_stand_beside_each_other_with_their_differences_to_the_first(
    demands: list[tuple[str, str, Demand]], tmp_path: Path
) -> None:
    code, output = run(tmp_path)
    assert (code, output.split("\n\n")[3].splitlines()) == (
        0,
        [
            "Figures of metrics.json, as they were sealed:",
            "METRIC   team-flights/delays   team-weather/deeper",
            "auc      0.742                 0.7515 (+0.0095)",
            "by.AA    0.7                   -",
            "by.UA    -                     0.69",
            "rows     251000                251000 (+0)",
        ],
    )
    assert [(bucket, folder[-13:], each.expected.digest) for bucket, folder, each in demands] == [
        ("gbx-artifacts", "attestation.json/"[-13:], DELAYS["status"]["digest"]),
        ("gbx-artifacts", "000000000010/", DEEPER["status"]["digest"]),
    ]


@pytest.mark.usefixtures("demands")
def test_programs_get_figures_as_they_are(tmp_path: Path) -> None:
    code, output = run(tmp_path, "-o", "json")
    found = {each["name"]: each for each in json.loads(output)["metrics"]}
    assert (code, found["by.UA"]["values"], found["by.UA"]["deltas"]) == (
        0,
        [None, 0.69],
        [None, None],
    )
    assert found["auc"]["deltas"] == [0, pytest.approx(0.0095)]


@pytest.mark.usefixtures("demands")
def test_a_seal_that_vouches_for_no_figure_leaves_nothing_to_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise InvalidInput(reasons.MANIFEST_INVALID, "the seal of a/b does not hold: X\x1b[2J")

    monkeypatch.setattr(sealed_figures, "read_figures", refuse)
    assert run(tmp_path) == (2, "the seal of a/b does not hold: X\\x1b[2J\n")


def test_figures_are_of_sealed_experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unsealed = changed(DEEPER, seal=None)
    monkeypatch.setattr(experiments, "KubeconfigCluster", lambda: Cluster(DELAYS, unsealed))
    code, output = run(tmp_path)
    assert code == 2
    assert "Experiment team-weather/deeper is not sealed: leave --metrics out" in output


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("a/b c/d --metrics metrics.json", id="figures without keys prove nothing"),
        pytest.param("a/b c/d --key keys.pem", id="keys of nothing"),
        pytest.param("a/b", id="one alone"),
        pytest.param("a/b b -n a", id="one twice"),
        pytest.param("a/b c", id="one without a namespace"),
        pytest.param(" ".join(f"a/{each}" for each in range(9)), id="more than a screen holds"),
    ],
)
def test_wrong_usage_asks_nobody(typed: str) -> None:
    done = CliRunner().invoke(app, ["compare", *typed.split()])
    assert (done.exit_code, "Usage: " in done.output) == (2, True)


def compared(*objects: Json) -> Comparison:
    found = [Experiment.model_validate(each) for each in objects]
    return compare(found, [each["spec"] for each in objects])


def test_one_digest_is_one_experiment() -> None:
    (note,) = (each for each in compared(DELAYS, DELAYS).notes if "digest" in each)
    assert note.startswith("All have one digest")
    assert compared(DELAYS, DELAYS).differences == {}


def test_experiments_that_are_not_bound_have_no_digest_in_common() -> None:
    unbound = changed(DELAYS, digest="", inputs=[], platform="")
    notes = compared(unbound, unbound).notes
    assert [each for each in notes if "one digest" in each] == []


def test_what_each_does_alike_opposes_nobody() -> None:
    """A role that both give to the same data is no leak between them."""
    assert [each for each in compared(DELAYS, DELAYS).notes if "learns from" in each] == []
    notes = compared(DELAYS, DEEPER).notes
    assert [each.partition(" learns from ")[0] for each in notes if "learns from" in each] == [
        "team-weather/deeper"
    ]


def test_what_may_overlap_is_compared_and_names_of_inputs_are_not() -> None:
    other = copy.deepcopy(DELAYS)
    other["spec"]["inputs"]["datasets"][0] |= {"pinRef": {"name": "copied-months"}}
    assert compared(DELAYS, other).differences == {}
    allowed = {"inputs": ["train", "final"], "of": ["Rows"], "reason": "known"}
    other["spec"]["inputs"]["allowOverlap"] = [allowed]
    assert set(compared(DELAYS, other).differences) == {
        f"inputs.allowOverlap.0.{name}" for name in allowed
    }


def test_what_one_does_by_itself_is_its_own_leak_and_none_between_two() -> None:
    both = copy.deepcopy(DELAYS)
    both["status"]["inputs"][1]["digest"] = both["status"]["inputs"][0]["digest"]
    other = changed(DEEPER, inputs=[])
    assert [each for each in compared(both, other).notes if "learns from" in each] == []


def test_parts_of_one_split_are_apart_and_those_of_two_are_not() -> None:
    same = copy.deepcopy(DEEPER)
    same["status"]["inputs"][2]["partOf"][0]["splitDigest"] = "sha256:4040"
    assert [each for each in compared(DELAYS, same).notes if "splits" in each] == []
    assert [each for each in compared(DELAYS, DEEPER).notes if "splits" in each]


def test_a_content_is_shared_where_all_use_it() -> None:
    third = changed(DELAYS, inputs=DELAYS["status"]["inputs"][:1])
    found = compared(DELAYS, DEEPER, third).contents
    assert [each.digest[7] for each in found if each.is_shared] == ["1"]
