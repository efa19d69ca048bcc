"""Scenarios with a name: what people do to an Experiment, and deaths at a named request."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import structlog
from prometheus_client import Counter

from glovebox.metrics.engine import EngineMetrics
from simulation.faults import Plan
from simulation.schedules import Result, Scenario, run
from simulation.simulate import silence


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    silence()
    yield
    structlog.reset_defaults()


def require_all(result: Result) -> None:
    if result.broken:
        pytest.fail(result.told(last=120), pytrace=False)


@pytest.mark.parametrize("deletion", ["Freeze", "Delete", "Retain"])
@pytest.mark.parametrize("has_run", [True, False], ids=["run", "interactive"])
@pytest.mark.parametrize("moment", [1.0, 6.0, 40.0], ids="at {:.0f} s".format)
def test_a_stripped_finalizer_leaves_an_orphan_that_is_closed_and_told(
    deletion: str,
    has_run: bool,  # noqa: FBT001 - a parameter of the table
    moment: float,
) -> None:
    deeds = ((moment, "strips the finalizer and deletes"),)
    require_all(run(Scenario(11, has_run=has_run, deletion=deletion, named_deeds=deeds)))


@pytest.mark.parametrize(
    "deed",
    [
        "deletes the profile for a while",
        "deletes the store for a while",
        "deletes the pin",
        "breaks the glass of the profile",
        "breaks the glass of the store",
        "breaks the glass of the pin",
        # Where a store lies is set once.
        "edits the profile",
        "edits the pin",
    ],
)
@pytest.mark.parametrize("moment", [2.0, 8.0, 60.0], ids="at {:.0f} s".format)
def test_what_is_bound_goes_on_whatever_becomes_of_its_source(deed: str, moment: float) -> None:
    require_all(run(Scenario(12, has_pin=True, named_deeds=((moment, deed),))))


def test_what_fails_while_conditions_stay_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    original = EngineMetrics.problem_counter

    def spied(metrics: EngineMetrics, reason: str, controller: str = "experiment") -> Counter:
        counted.append(controller)
        return original(metrics, reason, controller)

    monkeypatch.setattr(EngineMetrics, "problem_counter", spied)
    require_all(run(Scenario.hiccup(1, random.Random(1))))  # noqa: S311 - a simulation
    assert "experiment" in counted
    counted.clear()
    require_all(run(Scenario(1, slowest=0.2)))
    assert counted == []


@pytest.mark.parametrize("seed", range(20, 26))
def test_two_experiments_at_once_do_not_disturb_each_other(seed: int) -> None:
    plan = Plan(rate=0.05, ends=1_030.0)
    require_all(run(Scenario(seed, has_other=True, has_pin=True, plan=plan)))


@pytest.mark.parametrize(
    ("verb", "plural", "arrives"),
    [
        ("create", "namespaces", False),
        ("create", "namespaces", True),
        ("create", "networkpolicies", True),
        ("create", "rolebindings", False),
        ("create", "secrets", True),
        ("create", "jobs", False),
        ("create", "jobs", True),
        ("update", "experiments", False),
        ("update", "experiments", True),
    ],
)
def test_a_process_that_is_killed_there_goes_on_where_it_was(
    verb: str,
    plural: str,
    arrives: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    require_all(run(Scenario(13, plan=Plan(crash_on=(verb, plural, arrives), ends=1_030.0))))


@pytest.mark.parametrize("deletion", ["Freeze", "Delete"])
def test_tasks_as_jobs_pin_check_and_seal(deletion: str) -> None:
    result = run(
        Scenario(14, has_pin=True, has_task_jobs=True, deletion=deletion, deleted_at_the_end=True)
    )
    require_all(result)
    told = result.told(last=None)
    assert told.count("glovebox-system/glovebox-task-") >= 2, "the pin and the seal, each a Job"


@pytest.mark.parametrize("seed", range(30, 36))
def test_pods_of_tasks_that_are_killed_are_tried_again(seed: int) -> None:
    require_all(run(Scenario(seed, has_pin=True, has_task_jobs=True, killed_task_pods=0.5)))


@pytest.mark.parametrize(
    ("verb", "arrives"),
    [("create", False), ("create", True), ("delete", False), ("delete", True)],
)
def test_an_operator_that_is_killed_at_a_task_s_job_goes_on_with_it(
    verb: str,
    arrives: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    plan = Plan(crash_on=(verb, "jobs", arrives), ends=1_030.0)
    require_all(run(Scenario(15, has_run=False, has_pin=True, has_task_jobs=True, plan=plan)))


@pytest.mark.parametrize("seed", range(40, 46))
def test_tasks_as_jobs_stand_a_store_and_an_api_server_that_fail(seed: int) -> None:
    plan = Plan(rate=0.05, ends=1_090.0)
    require_all(run(Scenario(seed, has_pin=True, has_task_jobs=True, plan=plan, store_rate=0.1)))
