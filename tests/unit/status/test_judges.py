"""kstatus and Argo CD judge our objects alike, but for what only one of them has a word for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from glovebox.api.kinds import KINDS
from glovebox.status.kstatus import KstatusResult, kstatus
from support.argo_cd import act, actions, argo_health, run_lua, settings

CASES: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("judges.yaml").read_text(encoding="utf-8")
)
ALIKE: dict[KstatusResult, str] = {
    "Current": "Healthy",
    "InProgress": "Progressing",
    "Failed": "Degraded",
    "Terminating": "Progressing",
}


def built(case: dict[str, Any], kind: str = "Experiment") -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "x", "generation": 3}
    if case.get("deleted"):
        metadata["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    found = {"kind": kind, "metadata": metadata, "spec": {}}
    observed = case.get("observed", 3)
    if observed is None:
        return found
    conditions = []
    for name, said in (case.get("conditions") or {}).items():
        answer, reason = (said, "Said") if isinstance(said, str) else said
        conditions.append({"type": name, "status": answer, "reason": reason, "message": "why"})
    return {**found, "status": {"observedGeneration": observed, "conditions": conditions}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_each_judge_says_what_the_table_says(case: dict[str, Any]) -> None:
    assert kstatus(built(case)) == case["kstatus"]
    assert argo_health(built(case)) == case["argo"]
    # Where they differ, the table says it, and it is on request.
    if case["argo"] != ALIKE[case["kstatus"]]:
        assert (case["kstatus"], case["argo"]) == ("InProgress", "Suspended")


def test_the_order_of_conditions_does_not_matter() -> None:
    for case in CASES:
        obj = built(case)
        entries = obj.get("status", {}).get("conditions", [])
        entries.reverse()
        assert (kstatus(obj), argo_health(obj)) == (case["kstatus"], case["argo"])


@pytest.mark.parametrize("kind", [kind.kind for kind in KINDS])
def test_every_kind_has_the_script(kind: str) -> None:
    for case in CASES:
        assert argo_health(built(case, kind)) == case["argo"], case["case"]


def test_no_script_is_for_a_kind_that_is_not_there() -> None:
    known = {kind.kind for kind in KINDS}
    assert {key.rpartition("_")[2] for key in settings()} == known


@pytest.mark.parametrize("library", ["string", "io", "math", "require"])
def test_scripts_run_without_what_argo_cd_does_not_open(library: str) -> None:
    found = run_lua(f"return {{missing = {library} == nil, time = os.exit == nil}}", {})
    assert found == {"missing": True, "time": True}


def experiment(**spec: Any) -> dict[str, Any]:
    return {"kind": "Experiment", "metadata": {"name": "x"}, "spec": spec, "status": {}}


@pytest.mark.parametrize(
    ("obj", "offered", "reason"),
    [
        (experiment(), {"suspend", "freeze"}, "it is active"),
        (experiment(suspend=True), {"resume", "freeze"}, "it is suspended"),
        (
            experiment(lifecycle={"desired": "Frozen"}),
            {"suspend", "unfreeze"},
            "it is frozen",
        ),
        (experiment(lifecycle={"desired": "Sealed"}), set(), "sealing cannot be taken back"),
        (
            experiment() | {"status": {"state": "Sealed"}},
            set(),
            "it was sealed when its run was over",
        ),
        (
            experiment() | {"status": {"seal": {"objects": 1}, "state": "Open"}},
            set(),
            "it is sealed and cannot be closed yet: the API server refuses to freeze it",
        ),
    ],
)
def test_the_actions_that_are_offered(obj: dict[str, Any], offered: set[str], reason: str) -> None:
    assert actions(obj) == offered, reason


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("suspend", {"profile": "p"}, {"profile": "p", "suspend": True}),
        ("resume", {"suspend": True}, {"suspend": False}),
        ("freeze", {}, {"lifecycle": {"desired": "Frozen"}}),
        (
            "unfreeze",
            {"lifecycle": {"desired": "Frozen", "deletionPolicy": "Delete"}},
            {"lifecycle": {"desired": "Active", "deletionPolicy": "Delete"}},
        ),
    ],
)
def test_an_action_changes_one_field(
    action: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert act(action, experiment(**before))["spec"] == after
