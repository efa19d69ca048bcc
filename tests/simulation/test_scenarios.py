"""Scenarios with a name: what people do to an Experiment, and deaths at a named request."""

from __future__ import annotations

import asyncio
import math
import random

import pytest
from prometheus_client import Counter

from glovebox import names
from glovebox.controllers.experiment import isolation, reconcile
from glovebox.metrics.engine import EngineMetrics
from simulation.api_server import Asked
from simulation.api_transport import Fault, StreamFault
from simulation.faults import TRANSIENT, FeedFaults, Plan, Rule, SeededFaults
from simulation.schedules import Result, Scenario, Schedule, run
from simulation.store_faults import StorePlan

NO_ACCESS = "1 no access before isolation"
UNTRUE = "3 no condition True that is not so"


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
    ],
)
@pytest.mark.parametrize("moment", [2.0, 8.0, 60.0], ids="at {:.0f} s".format)
def test_what_is_bound_goes_on_whatever_becomes_of_its_source(deed: str, moment: float) -> None:
    require_all(run(Scenario(12, has_pin=True, named_deeds=((moment, deed),))))


@pytest.mark.parametrize("has_run", [True, False], ids=["run", "interactive"])
def test_a_pin_that_waits_for_its_users_costs_one_write_a_check(
    has_run: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    deeds = ((10.0, "deletes the pin"),)
    require_all(run(Scenario(12, has_run=has_run, has_pin=True, named_deeds=deeds)))


def test_a_run_whose_start_was_not_recorded_is_not_forgotten_by_a_freeze(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process dies between the Job and its record, and is back when it is to be frozen."""
    original = SeededFaults._fault
    killed: list[Asked] = []

    def fault(faults: SeededFaults, asked: Asked, *, is_write: bool) -> Fault:
        if not killed and (asked.verb, asked.name) == ("create", names.RUN_JOB):
            killed.append(asked)
            faults._crash()
        return original(faults, asked, is_write=is_write)

    monkeypatch.setattr(SeededFaults, "_fault", fault)
    monkeypatch.setattr(Schedule, "restart_seconds", lambda _: 20.0)
    deeds = ((5.0, "freezes and goes on"),)
    # What is frozen is opened again once faults are over.
    plan = Plan(ends=1_060.0)
    require_all(run(Scenario(13, plan=plan, slowest=0.2, named_deeds=deeds)))
    assert killed


def test_what_fails_while_conditions_stay_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    original = EngineMetrics.problem_counter

    def spied(metrics: EngineMetrics, reason: str, controller: str = "experiment") -> Counter:
        counted.append(controller)
        return original(metrics, reason, controller)

    monkeypatch.setattr(EngineMetrics, "problem_counter", spied)
    for seed in range(5, 15):
        require_all(run(Scenario.hiccup(seed, random.Random(seed))))  # noqa: S311 - a simulation
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


@pytest.mark.parametrize("code", [403, 422, 500])
@pytest.mark.parametrize("deletion", ["Freeze", "Delete"])
def test_an_orphan_whose_label_is_refused_loses_access_all_the_same(
    code: int, deletion: str
) -> None:
    rule = Rule("namespaces", ("update", "patch"), code, 1_000.0, math.inf)
    deeds = ((8.0, "strips the finalizer and deletes"),)
    plan = Plan(rules=[rule], ends=1_030.0)
    result = run(Scenario(11, deletion=deletion, plan=plan, named_deeds=deeds))
    require_all(result)
    assert rule.has_refused


@pytest.mark.parametrize("plural", ["rolebindings", "secrets", "jobs"])
def test_an_orphan_of_which_one_thing_cannot_go_loses_all_the_rest(plural: str) -> None:
    rule = Rule(plural, ("delete",), 422, 1_000.0, math.inf)
    deeds = ((8.0, "strips the finalizer and deletes"),)
    result = run(Scenario(11, plan=Plan(rules=[rule], ends=1_030.0), named_deeds=deeds))
    require_all(result)
    assert rule.has_refused


@pytest.mark.parametrize("code", [403, 422, 500])
def test_a_policy_that_refuses_for_ever_is_named(code: int) -> None:
    rule = Rule("networkpolicies", ("create", "update"), code, 1_000.0, math.inf)
    require_all(run(Scenario(14, plan=Plan(rules=[rule], ends=1_030.0))))
    assert rule.has_refused


_GIVEN_UP = Fault("late", seconds=1.0)
_SLOW = Fault("slow", seconds=12.0)


def _hang(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    fault_of_it: Fault = _GIVEN_UP,
    *,
    verb: str = "create",
    times: int = 1,
    after: int = 0,
) -> None:
    """Let the first writes of an object hang, but for so many before."""
    original = SeededFaults._fault
    hung: list[Asked] = []

    def fault(faults: SeededFaults, asked: Asked, *, is_write: bool) -> Fault:
        if len(hung) < times + after and (asked.verb, asked.name) == (verb, name):
            hung.append(asked)
            if len(hung) > after:
                return fault_of_it
        return original(faults, asked, is_write=is_write)

    monkeypatch.setattr(SeededFaults, "_fault", fault)


@pytest.mark.parametrize(
    "name", [names.NETWORK_POLICY_DNS, names.CREDENTIALS_SECRET, names.TENANT_ROLE_BINDING]
)
def test_an_orphan_is_closed_after_a_look_that_hung_has_opened_it(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    _hang(monkeypatch, name, _SLOW)
    # Before the sweep with which a leader begins.
    deeds = ((0.6, "strips the finalizer and deletes"),)
    require_all(run(Scenario(11, has_run=False, slowest=0.2, named_deeds=deeds)))


@pytest.mark.parametrize("holds", [True, False], ids=["as it is", "without the rule"])
def test_a_look_that_hung_says_nothing_of_what_was_changed_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
    holds: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    _hang(monkeypatch, names.INPUTS_CREDENTIALS_SECRET)
    if not holds:
        monkeypatch.setattr(reconcile, "_LONG_LOOK_SECONDS", math.inf)
    deeds = ((10.0, "edits a policy"),)
    result = run(Scenario(12, has_pin=True, drift="Alert", slowest=0.2, named_deeds=deeds))
    broken = {each.promise for each in result.broken}
    assert broken == (set() if holds else {UNTRUE}), result.told()


@pytest.mark.parametrize(
    ("verb", "name"),
    [("create", names.LIMIT_RANGE), ("update", "gbx-")],
    ids=["another object is refused", "the answer to the repair is lost"],
)
def test_a_pod_that_came_in_through_a_gap_goes_although_a_request_fails(
    monkeypatch: pytest.MonkeyPatch, verb: str, name: str
) -> None:
    failed: list[Asked] = []

    def fault(_: SeededFaults, asked: Asked, *, is_write: bool) -> Fault:
        hits = is_write and asked.verb == verb and asked.name.startswith(name)
        if not hits or failed or (verb == "create" and _seconds() < _GAP):
            return Fault()
        failed.append(asked)
        return Fault("refused", 500) if verb == "create" else Fault("unanswered")

    monkeypatch.setattr(SeededFaults, "_fault", fault)
    deeds = (
        (_GAP, "takes the labels off the namespace"),
        (_GAP, "deletes the limits"),
        (_GAP, "starts a pod of the host"),
    )
    result = run(Scenario(11, has_run=False, slowest=0.2, named_deeds=deeds))
    require_all(result)
    assert failed
    assert "delete pods" in result.story.told()


@pytest.mark.parametrize(
    ("name", "deed"),
    [
        (names.LIMIT_RANGE, "deletes the limits"),
        (names.NETWORK_POLICY_DEFAULT_DENY, "deletes a policy"),
    ],
)
def test_what_a_repair_that_hung_left_missing_is_not_said_to_stand(
    monkeypatch: pytest.MonkeyPatch, name: str, deed: str
) -> None:
    _hang(monkeypatch, name, Fault("lost", seconds=11.0), after=1)
    require_all(run(Scenario(11, has_run=False, slowest=0.2, named_deeds=((_GAP, deed),))))


def _seconds() -> float:
    return asyncio.get_running_loop().time() - 1_000.0


_GAP = 10.0


@pytest.mark.parametrize(("drift", "starts"), [("Alert", False), ("Repair", True)])
def test_no_run_starts_while_a_policy_is_known_to_be_missing(
    monkeypatch: pytest.MonkeyPatch,
    drift: str,
    starts: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    _hang(monkeypatch, names.INPUTS_CREDENTIALS_SECRET)
    deeds = ((10.0, "deletes a policy"),)
    result = run(Scenario(12, has_pin=True, drift=drift, slowest=0.2, named_deeds=deeds))
    created = any(
        what.startswith("create jobs") and f"/{names.RUN_JOB} -> 201" in what
        for _, _, what in result.story.lines
    )
    assert created is starts, result.told()


_ANSWERED_LATE = Fault("stale", seconds=4.0)


@pytest.mark.parametrize("drift", ["Repair", "Alert"])
def test_the_late_answer_to_a_creation_brings_nothing_back(
    monkeypatch: pytest.MonkeyPatch, drift: str
) -> None:
    _hang(monkeypatch, names.NETWORK_POLICY_DEFAULT_DENY, _ANSWERED_LATE)
    deeds = ((2.0, "deletes a policy"),)
    require_all(run(Scenario(11, has_run=False, drift=drift, slowest=0.2, named_deeds=deeds)))


def test_the_late_answer_to_a_repair_brings_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    _hang(monkeypatch, names.NETWORK_POLICY_DEFAULT_DENY, _ANSWERED_LATE, after=1)
    deeds = ((10.0, "deletes a policy"), (12.0, "deletes a policy"))
    require_all(run(Scenario(11, has_run=False, slowest=0.2, named_deeds=deeds)))


@pytest.mark.parametrize("moment", [2.0, 10.0], ids=["before access", "later"])
def test_the_late_answer_to_a_deletion_hides_nothing(
    monkeypatch: pytest.MonkeyPatch, moment: float
) -> None:
    _hang(monkeypatch, names.TENANT_ROLE_BINDING, Fault("slow", seconds=4.0))
    _hang(monkeypatch, "allow-all", _ANSWERED_LATE, verb="delete")
    deeds = (
        (moment, "adds a policy of their own"),
        (moment + 2.0, "adds a policy of their own"),
    )
    require_all(run(Scenario(11, has_run=False, slowest=0.2, named_deeds=deeds)))


def test_one_refusal_while_a_namespace_is_closed_is_no_hiccup_in_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused: list[Asked] = []

    def fault(_: SeededFaults, asked: Asked, *, is_write: bool) -> Fault:
        if is_write and (asked.verb, asked.kind.plural) == ("patch", "namespaces") and not refused:
            refused.append(asked)
            return Fault("refused", 503)
        return Fault()

    monkeypatch.setattr(SeededFaults, "_fault", fault)
    require_all(run(Scenario(12, slowest=0.2, plan=Plan(codes=TRANSIENT))))
    assert refused


@pytest.mark.parametrize("holds", [True, False], ids=["as it is", "without the rule"])
@pytest.mark.parametrize(
    ("deed", "plural"),
    [
        ("raises the quota", "resourcequotas"),
        ("deletes the limits", "limitranges"),
        ("edits a policy", "networkpolicies"),
    ],
)
def test_isolation_is_read_before_access_opens_whatever_a_watch_did_not_tell(
    monkeypatch: pytest.MonkeyPatch,
    holds: bool,  # noqa: FBT001 - a parameter of the table
    deed: str,
    plural: str,
) -> None:
    _hang(monkeypatch, names.SNAPSHOT_CONFIG_MAP)
    late = StreamFault("lags", seconds=60.0)
    monkeypatch.setattr(
        SeededFaults,
        "stream",
        lambda _, asked: late if asked.kind.plural == plural else StreamFault(),
    )
    if not holds:
        monkeypatch.setattr(isolation, "_stands", _always)
    result = run(Scenario(12, slowest=0.2, named_deeds=((10.0, deed),)))
    broken = {each.promise for each in result.broken}
    assert (NO_ACCESS in broken) is not holds, result.told()
    assert holds is False or not broken, result.told()


async def _always(*_: object) -> bool:
    return True


@pytest.mark.parametrize(("most", "broken"), [(3, set()), (1, {UNTRUE})], ids=["3", "1"])
def test_so_many_looks_that_hung_are_not_recorded_and_then_one_is(
    monkeypatch: pytest.MonkeyPatch, most: int, broken: set[str]
) -> None:
    _hang(monkeypatch, names.INPUTS_CREDENTIALS_SECRET, times=2)
    monkeypatch.setattr(reconcile, "_MOST_OUTDATED", most)
    deeds = ((10.0, "edits a policy"), (40.0, "raises the quota"))
    result = run(Scenario(12, has_pin=True, drift="Alert", slowest=0.2, named_deeds=deeds))
    assert {each.promise for each in result.broken} == broken, result.told()


def test_a_conflict_is_over_although_no_watch_tells_of_the_other_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = StreamFault("lags", seconds=60.0)
    monkeypatch.setattr(FeedFaults, "stream", lambda *_: late)
    result = run(Scenario(15, slowest=5.0, named_deeds=((2.0, "edits the purpose"),)))
    require_all(result)
    conflicts = [
        what
        for _, _, what in result.story.lines
        if what.startswith("update experiments") and "-> 409" in what
    ]
    assert 1 <= len(conflicts) <= 2, result.told()


@pytest.mark.parametrize("drift", ["Alert", "Ignore"])
def test_a_check_that_passed_counts_for_nothing_once_a_policy_is_another(drift: str) -> None:
    deeds = ((1.0, "edits a policy"),)
    result = run(Scenario(12, probe_required=True, drift=drift, slowest=0.2, named_deeds=deeds))
    require_all(result)
    told = result.story.told()
    assert f"/{names.PROBE_JOB}: Complete" in told
    assert not any(
        what.startswith("create jobs") and what.endswith(f"/{names.RUN_JOB} -> 201")
        for _, _, what in result.story.lines
    ), "the run waits: what was proven is so no more"


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
    require_all(
        run(Scenario(seed, has_pin=True, has_task_jobs=True, plan=plan, store=StorePlan(rate=0.1)))
    )
