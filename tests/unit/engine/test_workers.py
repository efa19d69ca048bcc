"""Whatever a reconcile raises, its worker goes on, and the key comes again with its priority."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
import structlog

from glovebox.engine.key_queue import Priority
from glovebox.engine.result import DONE, Result
from glovebox.engine.workers import OFTEN_FAILED, STUCK_SECONDS, WorkClass, Workers
from glovebox.errors import Conflict, Forbidden, GloveboxError, NotReady, Unavailable
from glovebox.kube.gate import urgency
from support.virtual_time import now, run


class Metrics:
    """Counts in place of Prometheus."""

    def __init__(self) -> None:
        self.started: Counter[str] = Counter()
        self.ended: Counter[tuple[str, str]] = Counter()
        self.failed: Counter[tuple[str, str]] = Counter()
        self.stuck: dict[str, int] = {}
        self.seconds: list[float] = []

    def reconcile_started(self, controller: str) -> None:
        self.started[controller] += 1

    def reconcile_ended(self, controller: str, result: str, seconds: float) -> None:
        self.ended[controller, result] += 1
        self.seconds.append(seconds)

    def reconcile_failed(self, controller: str, reason: str) -> None:
        self.failed[controller, reason] += 1

    def reconciles_stuck(self, queue: str, number: int) -> None:
        self.stuck[queue] = number


class Traits:
    """Keys are `class/tenant/name`; those in `gone` are gone."""

    def __init__(self) -> None:
        self.gone: set[str] = set()

    def work_class(self, key: str) -> str:
        return key.partition("/")[0]

    def tenant(self, key: str) -> str:
        return key.split("/")[1]

    def controller(self, key: str) -> str:
        return self.work_class(key)

    def describe(self, key: str) -> Mapping[str, object]:
        return {"resource": key}

    def outcome(self, key: str) -> str | None:
        return None if key in self.gone else "waiting"


KEY = "cluster/t/a"
Reconcile = Callable[[str], Awaitable[Result]]


class Scene:
    """Workers, what they count, and when each reconcile began."""

    def __init__(self, reconcile: Reconcile, *, workers: int = 2, jitter: float = 1.0) -> None:
        self.metrics, self.traits = Metrics(), Traits()
        self.begun: list[tuple[float, str, int]] = []

        async def counted(key: str) -> Result:
            self.begun.append((now(), key, urgency.get()))
            return await reconcile(key)

        self.workers: Workers[str] = Workers(
            counted,
            {"cluster": WorkClass(workers, reserved=0), "data": WorkClass(1)},
            self.traits,
            self.metrics,
            jitter=lambda: jitter,
        )
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self.workers.run())

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait((self.task,))

    async def run(self, seconds: float) -> None:
        """Work for so long, with all workers alive at the end."""
        self.start()
        await asyncio.sleep(seconds)
        assert self.workers.dead() == []
        await self.stop()

    def times(self) -> list[float]:
        """Return when reconciles began, from the first."""
        return [round(at - self.begun[0][0], 3) for at, _, _ in self.begun]


def raising(*errors: BaseException | None) -> Reconcile:
    """Return a reconcile that raises these in turn, and then is content."""
    left = list(errors)

    async def reconcile(_: str) -> Result:
        error = left.pop(0) if left else None
        if error is not None:
            raise error
        return DONE

    return reconcile


def partly(*errors: GloveboxError | None) -> Reconcile:
    """Return a reconcile of which a part fails with these in turn: what a phase raises."""
    left = list(errors)

    async def reconcile(_: str) -> Result:
        return Result(error=left.pop(0) if left else None)

    return reconcile


@pytest.mark.parametrize(
    ("error", "reason", "retry"),
    [
        pytest.param(Conflict("C", "m"), "conflict", 0.05, id="conflict: soon"),
        pytest.param(Unavailable("U", "m"), "unavailable", 0.5, id="no answer: backoff"),
        pytest.param(Forbidden("F", "m"), "forbidden", 0.5, id="no right: backoff"),
        pytest.param(NotReady("N", "m"), "internal", 0.5, id="an error that is none of its"),
        pytest.param(ValueError("x"), "internal", 0.5, id="a bug"),
        pytest.param(RecursionError(), "internal", 0.5, id="a bug without end"),
        pytest.param(ExceptionGroup("g", [OSError()]), "internal", 0.5, id="a group of them"),
        pytest.param(asyncio.CancelledError(), "internal", 0.5, id="cancelled from inside"),
    ],
)
def test_a_failure_is_counted_and_retried_with_its_priority(
    error: BaseException, reason: str, retry: float
) -> None:
    async def test(reconcile: Reconcile) -> Scene:
        scene = Scene(reconcile)
        scene.workers.wake(KEY, Priority.REPAIR)
        await scene.run(10)
        return scene

    ways = [raising(error)] + ([partly(error)] if isinstance(error, GloveboxError) else [])
    for way in ways:
        scene = run(test(way))
        assert scene.times() == [0, retry]
        assert [level for _, _, level in scene.begun] == [Priority.REPAIR, Priority.REPAIR]
        assert scene.metrics.failed == Counter({("cluster", reason): 1})
        assert scene.metrics.ended == Counter({("cluster", "error"): 1, ("cluster", "waiting"): 1})


@pytest.mark.parametrize("error", [None, Unavailable("U", "m")], ids=["done", "partly done"])
@pytest.mark.parametrize("asked", [Priority.REPAIR, None], ids=["a repair", "nothing urgent"])
def test_a_repair_that_has_to_pause_goes_on_before_a_crowd(
    asked: Priority | None, error: Unavailable | None
) -> None:
    async def test() -> float:
        async def reconcile(key: str) -> Result:
            await asyncio.sleep(0.05)
            if key != KEY or pauses.pop() == 0:
                return DONE
            return Result(retry_seconds=1.0, priority=asked, error=error)

        pauses = [0, 1]
        scene = Scene(reconcile)
        scene.workers.wake(KEY)
        for number in range(200):
            scene.workers.wake(f"cluster/team-{number}/a")
        await scene.run(60)
        first, second = (at for at, key, _ in scene.begun if key == KEY)
        return second - first

    waited = run(test())
    assert (waited < 1.3) is (asked is Priority.REPAIR), waited


DOWN = Unavailable("U", "m")


@pytest.mark.parametrize(
    ("woken", "result", "waited", "later"),
    [
        pytest.param(
            Priority.NORMAL, Result(error=DOWN), 0.5, Priority.NORMAL, id="as its backoff says"
        ),
        pytest.param(
            Priority.NORMAL, Result(30.0, error=DOWN), 0.5, Priority.NORMAL, id="a later look"
        ),
        pytest.param(
            Priority.NORMAL, Result(0.2, error=DOWN), 0.2, Priority.NORMAL, id="a sooner look"
        ),
        pytest.param(
            Priority.NORMAL,
            Result(0.0, error=DOWN),
            0.5,
            Priority.NORMAL,
            id="at once is for what goes well",
        ),
        pytest.param(
            Priority.REPAIR,
            Result(0.2, Priority.NORMAL, DOWN),
            0.2,
            Priority.REPAIR,
            id="a repair stays one",
        ),
        pytest.param(
            Priority.RESYNC,
            Result(0.2, Priority.REPAIR, DOWN),
            0.2,
            Priority.REPAIR,
            id="a repair that pauses",
        ),
    ],
)
def test_of_what_failed_in_part_the_next_look_is_no_later_than_the_rest_wants(
    woken: Priority, result: Result, waited: float, later: Priority
) -> None:
    async def test() -> Scene:
        results = [result]

        async def reconcile(_: str) -> Result:
            return results.pop() if results else DONE

        scene = Scene(reconcile)
        scene.workers.wake(KEY, woken)
        await scene.run(60)
        return scene

    scene = run(test())
    assert scene.times() == [0, waited]
    assert [level for _, _, level in scene.begun] == [woken, later]


def test_a_conflict_after_a_thousand_failures_ends_nothing() -> None:
    async def test() -> Scene:
        failures = [Unavailable("U", "m") for _ in range(1_100)]
        scene = Scene(raising(*failures, Conflict("C", "m")))
        scene.workers.wake(KEY)
        await scene.run(1_100 * 61)
        return scene

    scene = run(test())
    assert len(scene.begun) == 1_102
    assert scene.metrics.failed["cluster", "conflict"] == 1


@pytest.mark.parametrize("fails", [raising, partly], ids=["all of it", "a part of it"])
def test_waits_double_to_a_minute_and_those_of_repairs_to_ten_seconds(
    fails: Callable[..., Reconcile],
) -> None:
    async def test(priority: Priority) -> float:
        scene = Scene(fails(*(Unavailable("U", "m") for _ in range(100))))
        scene.workers.wake(KEY, priority)
        await scene.run(600)
        times = scene.times()
        return max(after - before for before, after in itertools.pairwise(times))

    assert run(test(Priority.NORMAL)) == 60
    assert run(test(Priority.REPAIR)) == 10


def test_an_event_makes_a_failing_key_ready_and_keeps_its_count_of_failures() -> None:
    async def test() -> list[float]:
        scene = Scene(raising(*(Unavailable("U", "m") for _ in range(3))))
        scene.workers.wake(KEY)
        scene.start()
        await asyncio.sleep(0.75)  # failed at 0 and at 0.5
        scene.workers.wake(KEY)
        await asyncio.sleep(10)
        await scene.stop()
        return scene.times()

    # The third failure is the third: two seconds, not half a second.
    assert run(test()) == [0, 0.5, 0.75, 2.75]


@pytest.mark.parametrize(
    ("priority", "looks"),
    [
        pytest.param(Priority.NORMAL, 12, id="its own attempts may be what happens to it"),
        pytest.param(Priority.REPAIR, 110, id="what isolates does not wait"),
    ],
)
def test_what_keeps_failing_is_looked_at_once_a_second_whatever_happens_to_it(
    priority: Priority, looks: int
) -> None:
    async def test() -> int:
        scene = Scene(raising(*(Unavailable("U", "m") for _ in range(1_000))))
        scene.start()
        for _ in range(OFTEN_FAILED):
            scene.workers.wake(KEY, priority)
            await asyncio.sleep(0.01)
        before = len(scene.begun)
        for _ in range(100):
            scene.workers.wake(KEY, priority)
            await asyncio.sleep(0.1)
        await scene.stop()
        return len(scene.begun) - before

    least = 9 if priority is Priority.NORMAL else 100
    assert least <= run(test()) <= looks


class Broken(Metrics):
    """Metrics with a bug in them."""

    def reconcile_failed(self, controller: str, reason: str) -> None:
        raise ZeroDivisionError(controller, reason)

    def reconcile_ended(self, controller: str, result: str, seconds: float) -> None:
        raise ZeroDivisionError(controller, result, seconds)


@pytest.mark.parametrize("error", [None, Conflict("C", "m"), ValueError("x")])
def test_a_bug_in_the_handling_of_errors_ends_no_worker(error: Exception | None) -> None:
    async def test() -> Scene:
        scene = Scene(raising(error))
        scene.workers._metrics = Broken()
        scene.workers.wake(KEY)
        await scene.run(200)
        return scene

    scene = run(test())
    assert len(scene.begun) >= 2


@pytest.mark.parametrize("trait", ["describe", "outcome", "controller"])
def test_a_bug_in_what_the_engine_asks_of_a_key_ends_no_worker(
    trait: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError(trait)

    async def test() -> Scene:
        scene = Scene(raising())
        monkeypatch.setattr(scene.traits, trait, broken)
        scene.workers.wake(KEY)
        scene.start()
        await asyncio.sleep(1)
        monkeypatch.undo()
        scene.workers.wake("cluster/t/b")
        await asyncio.sleep(100)
        assert scene.workers.dead() == []
        await scene.stop()
        return scene

    scene = run(test())
    assert {key for _, key, _ in scene.begun} == {KEY, "cluster/t/b"}


@pytest.mark.parametrize(
    ("woken", "result", "later"),
    [
        (Priority.NORMAL, Result(5.0), Priority.NORMAL),
        (Priority.RESYNC, Result(5.0), Priority.NORMAL),
        (Priority.DELETION, Result(5.0), Priority.DELETION),
        (Priority.REPAIR, Result(5.0), Priority.NORMAL),
        (Priority.REPAIR, Result(5.0, Priority.REPAIR), Priority.REPAIR),
        (Priority.NORMAL, Result(5.0, Priority.DELETION), Priority.DELETION),
    ],
)
def test_a_later_reconcile_is_as_urgent_as_its_result_says(
    woken: Priority, result: Result, later: Priority
) -> None:
    async def test() -> Scene:
        results = [result]

        async def reconcile(_: str) -> Result:
            return results.pop() if results else DONE

        scene = Scene(reconcile)
        scene.workers.wake(KEY, woken)
        await scene.run(60)
        return scene

    scene = run(test())
    assert scene.times() == [0, 5]
    assert [level for _, _, level in scene.begun] == [woken, later]


def test_a_success_ends_the_count_of_failures() -> None:
    async def test() -> list[float]:
        failure = Unavailable("U", "m")
        scene = Scene(raising(failure, failure, None, failure))
        scene.workers.wake(KEY)
        scene.start()
        await asyncio.sleep(10)
        scene.workers.wake(KEY)
        await asyncio.sleep(10)
        await scene.stop()
        return scene.times()

    assert run(test()) == [0, 0.5, 1.5, 10, 10.5]


def test_a_key_that_is_gone_is_forgotten_with_its_timer() -> None:
    async def test() -> int:
        async def reconcile(key: str) -> Result:
            scene.workers.wake(key, after=3.0)
            return Result(5.0)

        scene = Scene(reconcile)
        scene.traits.gone.add(KEY)
        scene.workers.wake(KEY)
        await scene.run(60)
        return len(scene.begun)

    assert run(test()) == 1


def test_waking_later_waits_and_work_of_one_class_never_waits_for_another() -> None:
    async def test() -> Scene:
        async def reconcile(key: str) -> Result:
            await asyncio.sleep(3_600 if key.startswith("data") else 0)
            return DONE

        scene = Scene(reconcile)
        for number in range(10):
            scene.workers.wake(f"data/t/{number}")
        scene.workers.wake(KEY, Priority.NORMAL, 7.0)
        await scene.run(60)
        return scene

    scene = run(test())
    assert [(round(at - 1_000), key) for at, key, _ in scene.begun] == [(0, "data/t/0"), (7, KEY)]


def test_who_is_stopped_in_the_middle_goes_on_with_the_same_key_when_started_again() -> None:
    async def test() -> Scene:
        async def reconcile(_: str) -> Result:
            await asyncio.sleep(5)
            return DONE

        scene = Scene(reconcile)
        scene.workers.wake(KEY, Priority.REPAIR)
        await scene.run(2)
        assert scene.workers.dead() == []  # nobody has to run
        scene.workers.wake("cluster/t/b")  # followers go on collecting
        await asyncio.sleep(60)
        await scene.run(20)
        return scene

    scene = run(test())
    assert [(key, level) for _, key, level in scene.begun] == [
        (KEY, Priority.REPAIR),
        (KEY, Priority.REPAIR),
        ("cluster/t/b", Priority.NORMAL),
    ]
    assert scene.metrics.failed == Counter()


def test_a_follower_can_drop_what_it_collected() -> None:
    async def test() -> list[Any]:
        scene = Scene(raising())
        scene.workers.wake(KEY)
        scene.workers.wake(KEY, after=3.0)
        scene.workers.clear()
        await scene.run(20)
        return scene.begun

    assert run(test()) == []


def test_a_reconcile_that_swallows_its_cancellation_is_the_last_of_its_worker() -> None:
    async def test() -> Scene:
        async def reconcile(_: str) -> Result:
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                await asyncio.sleep(1)
            return DONE

        scene = Scene(reconcile, workers=1)
        scene.workers.wake(KEY)
        scene.workers.wake("cluster/t/b")
        scene.start()
        await asyncio.sleep(1)
        await scene.stop()
        return scene

    assert [key for _, key, _ in run(test()).begun] == [KEY]


def test_a_stuck_reconcile_is_a_metric_and_one_log_line() -> None:
    async def test() -> tuple[dict[str, int], dict[str, int], int]:
        async def reconcile(_: str) -> Result:
            await asyncio.sleep(STUCK_SECONDS + 300)
            return DONE

        scene = Scene(reconcile)
        with structlog.testing.capture_logs() as logs:
            scene.workers.wake(KEY)
            scene.start()
            await asyncio.sleep(STUCK_SECONDS + 200)
            while_stuck = dict(scene.metrics.stuck)
            assert scene.workers.dead() == []
            await asyncio.sleep(200)
            after = dict(scene.metrics.stuck)
            await scene.stop()
        return while_stuck, after, sum("stuck" in entry["event"] for entry in logs)

    assert run(test()) == ({"cluster": 1, "data": 0}, {"cluster": 0, "data": 0}, 1)


def test_a_worker_that_ended_is_named() -> None:
    async def test() -> list[str]:
        scene = Scene(raising())
        scene.start()
        await asyncio.sleep(1)
        scene.workers._tasks["cluster-1"].cancel()
        await asyncio.sleep(1)
        dead = scene.workers.dead()
        await scene.stop()
        return dead

    assert run(test()) == ["cluster-1"]


def test_each_log_line_of_a_failure_names_its_object() -> None:
    async def test() -> list[Any]:
        scene = Scene(raising(Unavailable("U", "the store is down"), ValueError("x")))
        with structlog.testing.capture_logs(
            processors=[structlog.contextvars.merge_contextvars]
        ) as logs:
            scene.workers.wake(KEY)
            await scene.run(10)
        return logs

    logs = run(test())
    assert [entry["event"] for entry in logs] == [
        "reconciling failed, trying again",
        "a bug: reconciling failed unexpectedly",
        "reconciling failed, trying again",
    ]
    assert {entry["resource"] for entry in logs} == {KEY}
    assert logs[1]["exc_info"] is True
