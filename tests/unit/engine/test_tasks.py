"""Long work: started once, reported, retried, replaced, cancelled, fair between tenants."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from datetime import UTC, datetime, timedelta

import pytest

from glovebox.engine.backoff import LONGEST_SECONDS
from glovebox.engine.tasks import (
    PROGRESS_SECONDS,
    REFUSED_LONGEST_SECONDS,
    REFUSED_SECONDS,
    Progress,
    TaskContext,
    TaskKey,
    TaskRunner,
    TaskState,
)
from glovebox.errors import GloveboxError, InvalidInput, NotReady, Unavailable, UnfitData

START = datetime(2026, 1, 1, tzinfo=UTC)
Work = Callable[[TaskContext], Awaitable[str]]


class Clock:
    """The loop's time, moved by the test."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Bench:
    """A runner, its clock, whom it woke, and work that ends when the test says so."""

    def __init__(self, clock: Clock, **limits: int) -> None:
        self.clock = clock
        self.woken: list[Hashable] = []
        self.moment = START
        self.runner = TaskRunner(
            self.woken.append,
            limits=limits or {"data": 2},
            now=lambda: self.moment,
            jitter=lambda: 0.5,
        )
        self.ends: dict[str, asyncio.Future[str]] = {}
        self.contexts: dict[str, TaskContext] = {}
        self.begun: list[str] = []

    def work(self, name: str) -> Work:
        async def run(context: TaskContext) -> str:
            self.begun.append(name)
            self.contexts[name] = context
            self.ends[name] = asyncio.get_running_loop().create_future()
            return await self.ends[name]

        return run

    def ensure(
        self, name: str, basis: str = "v1", *, uid: str = "", tenant: str = "team"
    ) -> TaskState[str]:
        key = TaskKey(name, uid or f"uid-{name}", "hash")
        return self.runner.ensure(key, basis, self.work(name), tenant=tenant, work_class="data")

    async def pass_time(self, seconds: float) -> None:
        self.clock.seconds += seconds
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", clock)
    return clock


@pytest.fixture
async def bench(clock: Clock) -> AsyncIterator[Bench]:
    bench = Bench(clock)
    running = asyncio.create_task(bench.runner.run())
    yield bench
    running.cancel()
    await asyncio.wait([running])


async def test_asking_never_waits_and_starts_the_work_once(bench: Bench) -> None:
    assert bench.ensure("a").phase == "Waiting"
    await settle()
    assert bench.ensure("a").phase == "Running"
    bench.ends["a"].set_result("hashed")
    await settle()
    assert bench.woken == ["a"]
    state = bench.ensure("a")
    assert (state.phase, state.result, state.attempts) == ("Done", "hashed", 1)
    await settle()
    assert bench.begun == ["a"]


async def test_another_basis_cancels_the_old_work_and_starts_anew(bench: Bench) -> None:
    bench.ensure("a", "v1")
    await settle()
    old = bench.contexts["a"]
    assert bench.ensure("a", "v2").phase == "Waiting"
    assert old.stop.is_set()
    await settle()
    assert bench.begun == ["a", "a"]
    bench.ends["a"].set_result("second")
    await settle()
    assert bench.ensure("a", "v2").result == "second"


async def test_forgetting_an_owner_ends_its_work_and_wakes_nobody(bench: Bench) -> None:
    bench.ensure("a")
    await settle()
    bench.runner.forget("uid-a")
    await settle()
    assert bench.contexts["a"].stop.is_set()
    assert bench.ends["a"].cancelled()
    assert bench.runner.get(TaskKey("a", "uid-a", "hash")) is None
    assert bench.woken == []


async def test_an_owner_that_was_made_again_under_its_name_starts_afresh(bench: Bench) -> None:
    bench.ensure("a", uid="first")
    await settle()
    old = bench.contexts["a"]
    bench.ensure("a", uid="second")
    await settle()
    assert old.stop.is_set()
    assert bench.runner.get(TaskKey("a", "first", "hash")) is None


async def test_a_failed_task_rests_wakes_its_owner_and_is_tried_again(bench: Bench) -> None:
    bench.ensure("a")
    await settle()
    bench.ends["a"].set_exception(Unavailable("StoreUnreachable", "no answer"))
    await settle()
    state = bench.ensure("a")
    assert state.phase == "Failed"
    assert state.error is not None
    assert (state.error.reason, state.failures) == ("StoreUnreachable", 1)
    assert state.retry_seconds == pytest.approx(0.375)
    await settle()
    assert bench.begun == ["a"]
    bench.woken.clear()
    await bench.pass_time(0.4)
    assert bench.woken == ["a"]
    again = bench.ensure("a")
    assert again.phase == "Waiting"
    assert again.error is not None
    await settle()
    bench.ends["a"].set_result("at last")
    await settle()
    done = bench.ensure("a")
    assert (done.phase, done.error, done.attempts) == ("Done", None, 2)


EMPTY = InvalidInput("SourceEmpty", "nothing there")
NO_KEY = UnfitData("KeyMissing", "row 3 has no key")


async def rests(bench: Bench, error: GloveboxError, basis: str = "v1") -> float | None:
    """Let one attempt end so; return how long the task rests, and let that time go by."""
    bench.ensure("a", basis)
    await settle()
    bench.ends["a"].set_exception(error)
    await settle()
    state = bench.ensure("a", basis)
    assert state.phase == "Failed"
    if state.retry_seconds is not None:
        await bench.pass_time(state.retry_seconds + 0.1)
    return state.retry_seconds


async def test_what_the_store_refuses_is_tried_seldom_and_ever_more_seldom(bench: Bench) -> None:
    rested = [await rests(bench, EMPTY) for _ in range(6)]
    assert rested[:3] == [REFUSED_SECONDS, 2 * REFUSED_SECONDS, 4 * REFUSED_SECONDS]
    assert set(rested[3:]) == {REFUSED_LONGEST_SECONDS}


DOWN = Unavailable("StoreUnreachable", "no answer")


async def test_a_store_that_answers_again_with_a_refusal_is_not_down_for_long(bench: Bench) -> None:
    rested = [await rests(bench, DOWN) or 0.0 for _ in range(6)]
    assert rested == sorted(set(rested)), "ever longer"
    await rests(bench, EMPTY)
    assert await rests(bench, DOWN) == rested[0]


async def test_what_says_itself_how_long_it_is_waited_for_rests_so_long(bench: Bench) -> None:
    for seconds in (30.0, LONGEST_SECONDS):
        waits = NotReady("Waiting", "for something", retry_seconds=seconds)
        assert await rests(bench, waits) == seconds
    unknown = await rests(bench, NotReady("Waiting", "for nobody knows how long"))
    assert unknown is not None
    assert unknown < LONGEST_SECONDS


async def test_a_long_rest_is_grown_up_to_and_never_exceeded(bench: Bench) -> None:
    hour = NotReady("Waiting", "for an archive", retry_seconds=3600.0)
    rested = [await rests(bench, hour) or 0.0 for _ in range(20)]
    assert 0.0 < rested[0] < 1.0, "it may pass in a moment all the same"
    assert rested == sorted(rested)
    # Less than the whole, by what chance takes off.
    assert rested[-1] == pytest.approx(min(3600.0, 0.5 * 2**10) * 0.75)


async def test_what_is_asked_for_last_is_what_is_done(clock: Clock) -> None:
    """Connections and credentials may be others by now."""
    bench = Bench(clock)
    key, done = TaskKey("a", "uid", "hash"), []

    def ensure(name: str) -> TaskState[str]:
        async def work(_: TaskContext) -> str:
            done.append(name)
            raise DOWN

        return bench.runner.ensure(key, "v1", work, tenant="team", work_class="data")

    ensure("with the first keys")
    ensure("with the second keys")
    running = asyncio.create_task(bench.runner.run())
    await settle()
    await bench.pass_time(1.0)
    ensure("with the third keys")
    await settle()
    running.cancel()
    await asyncio.wait([running])
    assert done == ["with the second keys", "with the third keys"]


async def test_what_is_told_after_the_end_changes_nothing(bench: Bench) -> None:
    bench.ensure("a")
    await settle()
    report = bench.contexts["a"].report
    report(Progress(objects_done=3))
    await settle()
    bench.ends["a"].set_exception(DOWN)
    await settle()
    failed, bench.woken[:] = bench.ensure("a"), []
    await bench.pass_time(0.1)
    report(Progress(objects_done=9))
    await settle()
    assert bench.ensure("a").progress == failed.progress
    bench.ensure("b", "v1")
    await settle()
    former = bench.contexts["b"].report
    bench.ensure("b", "v2")
    await settle()
    former(Progress(objects_done=9))
    await bench.pass_time(PROGRESS_SECONDS + 1)
    former(Progress(objects_done=10))
    await settle()
    assert bench.ensure("b", "v2").progress == Progress()
    assert "b" not in bench.woken


async def test_what_pinned_bytes_refuse_twice_is_never_tried_again(bench: Bench) -> None:
    assert await rests(bench, NO_KEY) == REFUSED_SECONDS, "one reading may have been wrong"
    assert await rests(bench, NO_KEY) is None
    bench.woken.clear()
    await bench.pass_time(30 * 86_400.0)
    again = bench.ensure("a")
    await settle()
    assert (again.phase, again.error) == ("Failed", NO_KEY)
    assert (bench.begun, bench.woken) == (["a", "a"], [])


async def test_another_basis_is_news_to_what_was_refused_for_good(bench: Bench) -> None:
    await rests(bench, NO_KEY)
    assert await rests(bench, NO_KEY) is None
    assert bench.ensure("a", "v2").phase == "Waiting"
    await settle()
    bench.ends["a"].set_result("divided")
    await settle()
    assert bench.ensure("a", "v2").result == "divided"


@pytest.mark.parametrize(
    "between",
    [
        UnfitData("KeyMissing", "row 4 has no key"),
        EMPTY,
        Unavailable("StoreUnreachable", "no answer"),
    ],
    ids=["another row", "the store", "no answer"],
)
async def test_only_the_same_refusal_twice_in_a_row_is_believed(
    bench: Bench, between: GloveboxError
) -> None:
    await rests(bench, NO_KEY)
    await rests(bench, between)
    assert await rests(bench, NO_KEY) is not None
    assert await rests(bench, NO_KEY) is None


async def test_an_unexpected_error_becomes_a_state_and_ends_nothing(bench: Bench) -> None:
    bench.ensure("a")
    bench.ensure("b", tenant="other")
    await settle()
    bench.ends["a"].set_exception(ZeroDivisionError("a secret"))
    await settle()
    state = bench.ensure("a")
    assert state.error is not None
    assert (state.phase, state.error.reason) == ("Failed", "InternalError")
    assert "secret" not in state.error.message
    bench.ends["b"].set_result("fine")
    await settle()
    assert bench.ensure("b", tenant="other").phase == "Done"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_a_full_disk_is_no_bug_and_is_told_with_the_cure(bench: Bench, number: int) -> None:
    bench.ensure("a")
    await settle()
    bench.ends["a"].set_exception(OSError(number, "No space left on device"))
    await settle()
    state = bench.ensure("a")
    assert state.error is not None
    assert (state.phase, state.error.reason) == ("Failed", "TaskFailed")
    assert "no room for temporary files on the disk of the operator" in state.error.message
    assert "`operator.tmpSize`" in state.error.message


async def test_work_that_was_interrupted_from_below_is_a_failure_and_no_end(bench: Bench) -> None:
    bench.ensure("a")
    await settle()
    bench.ends["a"].cancel()
    await settle()
    assert bench.ensure("a").phase == "Failed"


async def test_progress_wakes_at_most_every_ten_seconds(bench: Bench) -> None:
    bench.ensure("a")
    await settle()
    report = bench.contexts["a"].report
    for done in range(1, 101):
        report(Progress(objects_done=done, bytes_done=done * 100))
        await bench.pass_time(0.25)
    assert len(bench.woken) == 100 * 0.25 // PROGRESS_SECONDS
    progress = bench.ensure("a").progress
    assert (progress.objects_done, progress.bytes_done) == (100, 10_000)
    assert progress.rate_bytes == pytest.approx(400, rel=0.05)


async def test_what_earlier_attempts_did_is_no_speed_of_this_one(bench: Bench) -> None:
    bench.ensure("a")
    await settle()
    report = bench.contexts["a"].report
    report(Progress(bytes_done=1_000_000))
    await settle()
    await bench.pass_time(10)
    report(Progress(bytes_done=1_000_100))
    await settle()
    assert bench.ensure("a").progress.rate_bytes == pytest.approx(10)


async def test_a_task_advances_when_it_comes_further_than_any_attempt_before(bench: Bench) -> None:
    """An attempt that begins again from nothing, as often as it likes, does not."""
    bench.ensure("a")
    await settle()
    assert bench.ensure("a").advanced_time is None
    moments = []
    for done in (5, 3, 5, 6):
        bench.moment += timedelta(hours=1)
        bench.contexts["a"].report(Progress(objects_done=done))
        await settle()
        moments.append(bench.ensure("a").advanced_time)
    first, last = (START + timedelta(hours=hours) for hours in (1, 4))
    assert moments == [first, first, first, last]


async def test_a_task_advances_while_it_reads_an_object_that_is_not_done(bench: Bench) -> None:
    bench.ensure("a")
    await settle()
    moments = []
    # The object is done with the last one: that is no news.
    for progress in (
        Progress(bytes_read=10),
        Progress(bytes_read=20),
        Progress(bytes_read=20, bytes_done=20),
    ):
        bench.moment += timedelta(hours=1)
        bench.contexts["a"].report(progress)
        await settle()
        moments.append(bench.ensure("a").advanced_time)
    first, second = (START + timedelta(hours=hours) for hours in (1, 2))
    assert moments == [first, second, second]


async def test_progress_may_be_told_from_a_thread(bench: Bench) -> None:
    bench.ensure("a")
    await settle()
    await asyncio.to_thread(bench.contexts["a"].report, Progress(objects_done=7))
    await settle()
    assert bench.ensure("a").progress.objects_done == 7


async def test_one_tenant_never_holds_more_than_half_and_others_take_turns(clock: Clock) -> None:
    bench = Bench(clock, data=4)
    running = asyncio.create_task(bench.runner.run())
    for number in range(5):
        bench.ensure(f"big-{number}", tenant="greedy")
    await settle()
    assert bench.begun == ["big-0", "big-1"]
    bench.ensure("small", tenant="modest")
    bench.ensure("tiny", tenant="frugal")
    bench.ensure("late", tenant="frugal")
    await settle()
    assert bench.begun == ["big-0", "big-1", "small", "tiny"]
    bench.ends["big-0"].set_result("")
    await settle()
    assert bench.begun[4:] == ["big-2"]  # each holds one place; greedy has waited longer
    bench.ends["big-1"].set_result("")
    await settle()
    assert bench.begun[5:] == ["late"]  # now it is frugal's turn, though big-3 came first
    running.cancel()
    await asyncio.wait([running])


async def test_losing_the_lead_cancels_what_runs_and_waits_for_it(bench: Bench) -> None:
    ended: list[str] = []

    async def slow(context: TaskContext) -> str:
        del context
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            ended.append("ended")
        return ""

    key = TaskKey("a", "uid", "seal")
    bench.runner.ensure(key, "v1", slow, tenant="team", work_class="data")
    await settle()
    await bench.runner.close()
    assert ended == ["ended"]
    assert bench.runner.get(key) is None
    assert bench.woken == []


async def test_a_waiting_task_that_is_forgotten_never_starts(clock: Clock) -> None:
    bench = Bench(clock, data=1)
    running = asyncio.create_task(bench.runner.run())
    bench.ensure("a")
    bench.ensure("b")
    await settle()
    bench.runner.forget("uid-b")
    bench.ends["a"].set_result("")
    await settle()
    assert bench.begun == ["a"]
    running.cancel()
    await asyncio.wait([running])


async def test_a_running_task_is_counted(bench: Bench) -> None:
    bench.ensure("a")
    await bench.pass_time(0)
    assert bench.runner.counts() == {("data", "Running"): 1}


class Left:
    """What attempts leave outside of the process, and when it was taken away."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.discarded: list[str] = []
        self.fails: Exception | None = None
        self.at_work = 0

    async def work(self, context: TaskContext) -> str:
        """Work that takes a moment to end when it is cancelled, as a request that is sent does."""
        self.at_work += 1
        try:
            return await self.bench.work("a")(context)
        finally:
            await asyncio.sleep(0)
            self.at_work -= 1

    def ensure(self, basis: str) -> TaskState[str]:
        async def discard() -> None:
            assert not self.at_work, "only when the work has ended"
            self.discarded.append(basis)
            if self.fails is not None:
                raise self.fails

        key = TaskKey("a", "uid-a", "hash")
        return self.bench.runner.ensure(
            key, basis, self.work, tenant="t", work_class="data", discard=discard
        )


async def test_what_attempts_left_goes_once_nobody_wants_the_task(bench: Bench) -> None:
    left = Left(bench)
    left.ensure("v1")
    await settle()
    left.ensure("v2")  # on another basis: the former one goes, while it runs
    await settle()
    assert left.discarded == ["v1"]
    bench.ends["a"].set_result("done")
    await settle()
    assert left.ensure("v2").phase == "Done"
    assert left.discarded == ["v1"], "a result that is not recorded may be asked for again"
    bench.runner.drop(TaskKey("a", "uid-a", "hash"))
    await settle()
    assert left.discarded == ["v1", "v2"]


async def test_what_a_former_process_left_goes_with_a_task_that_never_began(bench: Bench) -> None:
    left = Left(bench)
    left.ensure("v1")
    bench.runner.forget("uid-a")
    await settle()
    assert (bench.begun, left.discarded) == ([], ["v1"])


async def test_what_attempts_left_stays_when_the_process_ends(bench: Bench) -> None:
    left = Left(bench)
    left.ensure("v1")
    await settle()
    await bench.runner.close()
    assert bench.ends["a"].cancelled()
    assert left.discarded == []


@pytest.mark.parametrize("error", [Unavailable("Unreachable", "gone"), ZeroDivisionError()])
async def test_what_cannot_be_taken_away_ends_nothing(bench: Bench, error: Exception) -> None:
    left = Left(bench)
    left.fails = error
    left.ensure("v1")
    await settle()
    left.ensure("v2")
    await settle()
    bench.ends["a"].set_result("second")
    await settle()
    assert left.ensure("v2").result == "second"


async def test_a_process_that_ends_does_not_wait_for_what_is_being_taken_away(
    bench: Bench,
) -> None:
    begun = asyncio.Event()

    async def discard() -> None:
        begun.set()
        await asyncio.get_running_loop().create_future()

    key = TaskKey("a", "uid-a", "hash")
    bench.runner.ensure(key, "v1", bench.work("a"), tenant="t", work_class="data", discard=discard)
    bench.runner.drop(key)
    await begun.wait()
    await asyncio.wait_for(bench.runner.close(), timeout=60)
