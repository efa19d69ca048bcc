"""What the experiments of a team have together is never more than its budget."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from glovebox.kube.kinds import EXPERIMENT, ISOLATION_PROFILE, NAMESPACE, OBJECT_STORE, POD, Kind
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.api_transport import NOTHING, Fault, NoFaults, StreamFault
from simulation.loop import PROCESS
from simulation.stage import NEVER, Stage, play
from simulation.test_grants import is_bound, why
from simulation.test_seal_order import without_rules
from simulation.world import IMAGE, TEAM
from support.grants import granted, lent, takers, with_data

CPU = "requests.cpu"
NAMES = "abcde"
# Two have room, each asking for the default of one.
BUDGET = {"teamBudget": [{"resource": CPU, "maximum": "2"}]}


def bound(stage: Stage) -> set[str]:
    return {name for name in NAMES if is_bound(stage, name)}


def namespaces(stage: Stage) -> int:
    return sum(
        each["metadata"]["name"].startswith("gbx-")
        for each in stage.world.server.everything(NAMESPACE)
    )


async def platform(stage: Stage) -> None:
    """Wait for it, so that the first status that is written of an Experiment is its binding."""
    for kind, name in ((ISOLATION_PROFILE, "standard"), (OBJECT_STORE, "primary")):
        await stage.until(f"{name} is ready", partial(is_ready, stage, kind, name))


def is_ready(stage: Stage, kind: Kind, name: str) -> bool:
    return stage.condition("Ready", name, kind).get("status") == "True"


def waits(stage: Stage, name: str) -> bool:
    return why(stage, name) == "TeamBudgetExceeded"


async def decided(stage: Stage) -> None:
    """Wait until each is bound or waits for others."""
    await stage.until(
        "all are decided",
        lambda: all(is_bound(stage, name) or waits(stage, name) for name in NAMES),
    )


class OfBinding(NoFaults):
    """A fault for the first statuses that are written, of which the watch tells long after."""

    def __init__(self, fault: Fault, times: int, lag: float = 0.0) -> None:
        self._fault, self._times, self._lag = fault, times, lag

    def stream(self, asked: Asked) -> StreamFault:
        lags = self._lag and asked.kind == EXPERIMENT
        return StreamFault("lags", seconds=self._lag) if lags else StreamFault()

    def request(self, asked: Asked) -> Fault:
        binds = asked.verb in ("update", "patch") and asked.kind == EXPERIMENT
        if not binds or asked.subresource != "status" or not self._times:
            return NOTHING
        self._times -= 1
        return self._fault


FAULTS: dict[str, Callable[[], NoFaults]] = {
    "nothing": NoFaults,
    "unanswered": lambda: OfBinding(Fault("unanswered"), 3),
    "unanswered, and told late": lambda: OfBinding(Fault("unanswered"), 2, lag=50.0),
    "late": lambda: OfBinding(Fault("late", seconds=1.0), 3),
    "lost": lambda: OfBinding(Fault("lost", seconds=5.0), 3),
    "conflict": lambda: OfBinding(Fault("refused", 409), 3),
    "refused": lambda: OfBinding(Fault("refused", 422), 3),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_of_five_that_come_at_once_two_have_room(fault: str) -> None:
    async def scene(stage: Stage) -> None:
        most = 0
        await platform(stage)
        for name in NAMES:
            stage.declare(name, run=False)

        def watch() -> bool:
            nonlocal most
            most = max(most, len(bound(stage)))
            return most > 2

        with pytest.raises(AssertionError, match="not within"):
            await stage.until("more than two are bound", watch, 240.0)
        await decided(stage)
        assert len(bound(stage)) == namespaces(stage) == 2
        for name in bound(stage):
            assert stage.status(name)["teamBudget"] == {CPU: "1"}
        for name in set(NAMES) - bound(stage):
            said = stage.condition("QuotaApplied", name)
            assert (said["status"], said["reason"]) == ("False", "TeamBudgetExceeded")
            assert f"namespace {TEAM} together" in said["message"]

    play(scene, profile=BUDGET, faults=FAULTS[fault]())


def test_what_may_be_bound_although_nobody_knows_keeps_its_share() -> None:
    """Others come all the while that the answer is late, and the watch is later still."""

    async def scene(stage: Stage) -> None:
        await platform(stage)
        more = [f"a{number}" for number in range(40)]
        for name in more:
            stage.declare(name, run=False)
            await stage.sleep(0.3)
        await stage.sleep(120.0)
        assert sum(is_bound(stage, name) for name in more) == 2

    play(scene, profile=BUDGET, faults=OfBinding(Fault("unanswered"), 2, lag=0.2))


@pytest.mark.parametrize("way", ["deleted", "sealed"])
def test_one_that_is_over_makes_room_for_another(way: str) -> None:
    async def scene(stage: Stage) -> None:
        for name in NAMES:
            stage.declare(name, run=False)
        await decided(stage)
        first = min(bound(stage))
        await stage.provisioned(first)
        if way == "deleted":
            stage.world.remove(EXPERIMENT, TEAM, first)
        else:
            closed = {"spec": {"lifecycle": {"desired": "Sealed"}}}
            assert stage.world.edit(EXPERIMENT, TEAM, first, closed)
        before = bound(stage)
        # Nobody tells those that wait: they look by themselves.
        await stage.until("another one is bound", lambda: len(bound(stage) - before) == 1, 45.0)
        await stage.sleep(120.0)
        now = bound(stage) - ({first} if way == "sealed" else set())
        assert len(now) == 2

    play(scene, profile=BUDGET)


def test_a_restart_forgets_nobody_s_share() -> None:
    async def scene(stage: Stage) -> None:
        for name in "ab":
            stage.declare(name, run=False)
        for name in "ab":
            await stage.provisioned(name)
        await stage.process.kill()
        stage.world.process("operator-1").start()
        stage.declare("c", run=False)
        await stage.until("it waits", partial(waits, stage, "c"))
        assert not is_bound(stage, "c")

    play(scene, profile=BUDGET)


def test_a_budget_that_comes_later_takes_nothing_away_and_counts_what_is_there() -> None:
    async def scene(stage: Stage) -> None:
        for name in "ab":
            stage.declare(name, run=False)
        for name in "ab":
            await stage.provisioned(name)
        smaller = {"spec": {"teamBudget": [{"resource": CPU, "maximum": "1"}]}}
        assert stage.world.edit(ISOLATION_PROFILE, None, "standard", smaller)
        await stage.sleep(5.0)
        stage.declare("c", run=False)
        await stage.until("it waits", partial(waits, stage, "c"))
        said = stage.condition("Ready", "c")["message"]
        assert "with the 2 of a, b that is more than the 1" in said
        for name in "ab":
            assert stage.condition("Ready", name)["status"] == "True"
            assert "teamBudget" not in stage.status(name)

    play(scene)


def test_what_alone_is_more_than_the_budget_does_not_wait_for_others() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare("a", run=False, resources={"quota": {CPU: "3"}})
        await stage.until("it is refused", lambda: why(stage, "a") == "TeamBudgetExceeded")
        assert "ask for less in spec.resources.quota" in stage.condition("Ready", "a")["message"]
        assert stage.condition("Stalled", "a").get("status") == "True"

    play(scene, profile=BUDGET)


def test_one_that_cannot_be_read_keeps_its_share_and_nobody_else_from_being_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after an upgrade that reads its spec otherwise."""
    without_rules(monkeypatch)

    async def scene(stage: Stage) -> None:
        stage.declare("a", run=False)
        await stage.provisioned("a")
        unreadable = {"spec": {"purpose": {"description": ""}}}
        assert stage.world.edit(EXPERIMENT, TEAM, "a", unreadable)
        await stage.sleep(5.0)
        stage.declare("b", run=False)
        await stage.until("it is bound", lambda: is_bound(stage, "b"))
        stage.declare("c", run=False)
        await stage.until("it waits", partial(waits, stage, "c"))
        assert "with the 2 of a, b" in stage.condition("Ready", "c")["message"]

    play(scene, profile=BUDGET)


def test_nobody_keeps_running_what_counts_no_more() -> None:
    """Else a team deletes one Experiment after the other, and keeps the pods of each."""

    async def scene(stage: Stage) -> None:
        stage.declare("a", run=False, lifecycle={"deletionPolicy": "Retain"})
        namespace = await stage.provisioned("a")
        stage.world.actors.run_ends = lambda _: (NEVER, True)
        containers = [{"name": "main", "image": IMAGE}]
        pod = {"metadata": {"name": "miner"}, "spec": {"containers": containers}}
        stage.world.server.create(Asked(ADMINISTRATOR, "create", POD, namespace, "miner"), pod)
        stage.world.remove(EXPERIMENT, TEAM, "a")
        await stage.until("it is gone", lambda: stage.world.experiment("a") is None, 600.0)
        assert stage.there(NAMESPACE, "", namespace)
        assert not stage.there(POD, namespace, "miner")

    play(scene, profile=BUDGET)


class LateForTheNext(NoFaults):
    """The Experiments are shown to the second process long after they were written."""

    def stream(self, asked: Asked) -> StreamFault:
        lags = asked.kind == EXPERIMENT and PROCESS.get() == "operator-1"
        return StreamFault("lags", seconds=50.0) if lags else StreamFault()


def test_who_takes_over_the_lead_knows_what_was_bound_a_moment_before() -> None:
    async def scene(stage: Stage) -> None:
        await platform(stage)
        stage.declare("x", run=False)
        await stage.provisioned("x")
        for name in "ba":
            stage.declare(name, run=False)
            await stage.until("it waits", partial(waits, stage, name))
        stage.world.process("operator-1", elects=True).start()
        await stage.sleep(120.0)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("one is bound", lambda: len(bound(stage)) == 1, 120.0)
        await stage.process.kill()
        for _ in range(300):
            await stage.sleep(1.0)
            assert len(bound(stage)) == 1

    smaller = {"teamBudget": [{"resource": CPU, "maximum": "1"}]}
    play(scene, profile=smaller, elects=True, faults=LateForTheNext())


def test_one_that_waits_takes_no_use_of_a_grant() -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        await granted(stage, uses=5)
        for name in "ab":
            stage.declare(name, run=False, inputs=lent())
        for name in "ab":
            await stage.provisioned(name)
        stage.declare("c", run=False, inputs=lent())
        await stage.until("it waits", lambda: why(stage, "c") == "TeamBudgetExceeded")
        await stage.sleep(120.0)
        assert len(takers(stage)) == 2

    play(scene, profile=BUDGET)
