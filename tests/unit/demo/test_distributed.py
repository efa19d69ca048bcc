"""What the story of runs says of its example is so, and it looks for the right pods."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from glovebox.api.experiment import Experiment
from glovebox_local.demo.stage import TEAM, Stage
from glovebox_local.demo.stories import distributed
from support.examples import FLIGHTS, REPOSITORY, documents

FILE = REPOSITORY / distributed.FOLDER / "experiment.yaml"
EXAMPLE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))


def pod(worker: int, uid: str, created: str) -> dict[str, Any]:
    return {
        "metadata": {"uid": uid, "creationTimestamp": created},
        "spec": {"hostname": f"glovebox-run-train-0-{worker}"},
    }


FIRST, OTHER = pod(1, "first", "2026-01-01T00:00:00Z"), pod(0, "other", "2026-01-01T00:00:09Z")
AGAIN = pod(1, "again", "2026-01-01T00:00:05Z")


def stage_with(*pods: dict[str, Any]) -> Stage:
    def get(resource: str, *_: object, **__: object) -> dict[str, Any]:
        return {"items": list(pods)} if resource == "pods" else {"status": {"namespace": "gbx-x"}}

    return cast("Stage", SimpleNamespace(tools=SimpleNamespace(get=get)))


def test_the_example_is_an_experiment_of_the_team_on_pins_of_the_flights() -> None:
    Experiment.model_validate(EXAMPLE)
    assert EXAMPLE["metadata"] == {"name": distributed.NAME, "namespace": TEAM}
    pins = {each["metadata"]["name"] for each in documents(FLIGHTS) if each["kind"] == "DatasetPin"}
    named = {each["pinRef"]["name"] for each in EXAMPLE["spec"]["inputs"]["datasets"]}
    assert named <= pins


def test_only_the_last_stage_names_the_holdout_and_two_workers_come_before() -> None:
    train, evaluate = EXAMPLE["spec"]["stages"]
    roles = {each["name"]: each["role"] for each in EXAMPLE["spec"]["inputs"]["datasets"]}
    assert (train["name"], train["workers"], train["retries"]) == ("train", 2, 1)
    assert "inputs" not in train
    assert (evaluate["name"], evaluate["needs"]) == ("evaluate", ["train"])
    assert [roles[name] for name in evaluate["inputs"]] == ["holdout"]
    epochs = int(EXAMPLE["spec"]["config"]["parameters"]["epochs"])
    assert epochs > 5 * distributed._KILLED_AFTER, "there is time to kill one"


@pytest.mark.parametrize(
    ("pods", "after", "found"),
    [
        ([OTHER], None, None),
        ([FIRST, OTHER], None, FIRST),
        ([FIRST, OTHER], FIRST, None),
        ([AGAIN, FIRST, OTHER], FIRST, AGAIN),
        ([AGAIN, FIRST, OTHER], None, AGAIN),
    ],
    ids=[
        "only the leader is there",
        "the one to kill",
        "the one that was killed is not started again yet",
        "it is",
        "the last of its attempts is the one that counts",
    ],
)
def test_the_pod_that_is_looked_for(
    pods: list[dict[str, Any]], after: dict[str, Any] | None, found: dict[str, Any] | None
) -> None:
    assert distributed._pod(stage_with(*pods), after=after) == found
