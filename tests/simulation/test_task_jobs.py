"""Tasks as Jobs over long times, on virtual time: silence, progress, deletion."""

from __future__ import annotations

import asyncio
import base64
import functools
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.engine.tasks import REFUSED_LONGEST_SECONDS, REFUSED_SECONDS
from glovebox.errors import Unavailable
from glovebox.jobs.task import BEAT_SECONDS
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT, JOB, OBJECT_STORE, SECRET, SPLIT_PIN
from glovebox.status.runs import job_end
from glovebox.tasks.area import Beat, TaskArea
from glovebox.tasks.context import Progress
from glovebox.tasks.overlap import OVERLAP
from glovebox.tasks.pin import HASH
from glovebox.tasks.split import SPLIT
from simulation.api_server import Asked, Change
from simulation.api_transport import Fault, Faults, NoFaults
from simulation.loop import virtual_loop
from simulation.world import (
    LOADER,
    SOURCE,
    TEAM,
    World,
    condition,
    experiment_spec,
    is_true,
    pin_spec,
)

Json = dict[str, Any]
OWN = "glovebox-system"


class Unreadable(NoFaults):
    """Task Jobs that the operator may not read, or about which nobody answers it, at times."""

    def __init__(self) -> None:
        self.code, self.refused = 0, 0

    def request(self, asked: Asked) -> Fault:
        is_task = asked.kind == JOB and asked.namespace == OWN
        if not self.code or asked.verb != "get" or not is_task:
            return Fault()
        self.refused += 1
        return Fault("refused", self.code)


def play(act: Callable[[World], Awaitable[None]], faults: Faults | None = None) -> None:
    """Play in a world whose operator does tasks as Jobs."""
    with virtual_loop(1) as (loop, clock):
        world = World(1, loop, clock, faults=faults, slowest=0.2)
        world.tasks = "Jobs"

        async def run() -> None:
            world.prepare()
            process = world.process()
            process.start()
            await act(world)
            world.actors.stop()
            await process.kill()

        loop.run_until_complete(run())


def pin(world: World, name: str = "set") -> Json:
    found = world.server.peek(DATASET_PIN, TEAM, name)
    assert found is not None
    return found


def jobs(world: World) -> list[Json]:
    return [
        job
        for job in world.server.everything(JOB, OWN)
        if names.LABEL_TASK in job["metadata"]["labels"]
    ]


def test_a_job_that_gives_no_sign_of_life_is_given_up_after_ten_minutes() -> None:
    async def act(world: World) -> None:
        begun = 0

        async def hangs_once(pod: Json) -> tuple[int, str]:
            nonlocal begun
            begun += 1
            if begun == 1:
                await asyncio.sleep(1_000_000)
            return await world.task_pods(pod)

        world.actors.do_task = hangs_once
        world.declare(DATASET_PIN, "set", pin_spec())
        await world.until("the Job is there", lambda: bool(jobs(world)))
        start = world.loop.time()
        await world.until(
            "it is given up",
            lambda: condition(pin(world), "Verified").get("reason") == "TaskFailed",
            seconds=1_000,
        )
        assert 600 <= world.loop.time() - start <= 630
        message = condition(pin(world), "Verified")["message"]
        assert "gave no sign of life for 10 minutes: its pod runs and does not report" in message
        await world.until("the next one pins", lambda: is_true(pin(world), "Ready"), seconds=60)
        assert begun == 2

    play(act)


def test_a_job_that_reports_is_waited_for_and_its_progress_is_shown() -> None:
    async def act(world: World) -> None:
        async def takes_an_hour(pod: Json) -> tuple[int, str]:
            # The store of the data answers late; the program goes on giving signs of life.
            area, job = world.task_pods.area_of(pod)
            for number in range(120):
                await asyncio.sleep(BEAT_SECONDS)
                progress = Progress(objects_done=number, objects_total=120, phase="Hashing")
                area.put_beat(job, Beat(number + 1, progress))
            return await world.task_pods(pod)

        world.actors.do_task = takes_an_hour
        world.declare(DATASET_PIN, "set", pin_spec())

        def shown() -> int:
            return int((pin(world).get("status", {}).get("progress") or {}).get("objects", 0))

        await world.until("progress is shown", lambda: shown() >= 50, seconds=2_400)
        assert len(jobs(world)) == 1
        await world.until("it is pinned", lambda: is_true(pin(world), "Ready"), seconds=3_600)
        assert len(world.task_pods.begun) == 1, "an hour is no reason to begin again"

    play(act)


def test_keys_that_were_rotated_while_both_work_cost_one_attempt() -> None:
    """A result has the mark of the keys that its Job had; the operator still holds the former."""

    async def act(world: World) -> None:
        store = world.server.everything(OBJECT_STORE)[0]
        await world.until("the store is Ready", lambda: is_true(refreshed(world, store), "Ready"))
        name = store["spec"]["credentialsSecretRef"]["name"]
        data = {"secretAccessKey": base64.b64encode(b"another secret").decode()}
        world.edit(SECRET, OWN, name, {"data": data})
        world.declare(DATASET_PIN, "set", pin_spec())
        await world.until("it is pinned", lambda: is_true(pin(world), "Ready"), seconds=1_200)
        job = world.task_pods.begun[0].rpartition("-")[0]
        assert sum(each.startswith(job) for each in world.task_pods.begun) == 2

    play(act)


def refreshed(world: World, obj: Json) -> Json:
    found = world.server.peek(OBJECT_STORE, None, obj["metadata"]["name"])
    assert found is not None
    return found


def test_a_pin_that_is_deleted_ends_its_job_and_leaves_nothing_in_the_cluster() -> None:
    async def act(world: World) -> None:
        async def never(pod: Json) -> tuple[int, str]:
            await asyncio.sleep(1_000_000)
            return 0, pod["metadata"]["name"]

        world.actors.do_task = never
        world.declare(DATASET_PIN, "set", pin_spec())
        await world.until("the Job is there", lambda: bool(jobs(world)))
        world.remove(DATASET_PIN, TEAM, "set")
        await world.until("the Job is gone", lambda: not jobs(world), seconds=30)

    play(act)


@pytest.mark.parametrize("is_deleted", [True, False], ids=["pin gone", "setting changed"])
def test_what_a_dead_operator_left_is_swept(
    is_deleted: bool,  # noqa: FBT001 - a table
) -> None:
    async def act(world: World) -> None:
        async def never(pod: Json) -> tuple[int, str]:
            await asyncio.sleep(1_000_000)
            return 0, pod["metadata"]["name"]

        world.actors.do_task = never
        world.declare(DATASET_PIN, "set", pin_spec())
        await world.until("the Job is there", lambda: bool(jobs(world)))
        await world.processes[0].kill()
        if is_deleted:
            world.remove(DATASET_PIN, TEAM, "set")
        else:
            world.tasks = "InProcess"
        await asyncio.sleep(5)
        assert jobs(world)
        next_one = world.process()
        next_one.start()
        await world.until("it is swept", lambda: not jobs(world), seconds=600)
        await next_one.kill()

    play(act)


@pytest.mark.parametrize(
    ("is_read", "begun"),
    [pytest.param(True, 3, id="known"), pytest.param(False, 4, id="could-not-be-read")],
)
def test_a_job_is_swept_whose_answer_nobody_asks_for_any_more(
    is_read: bool,  # noqa: FBT001 - a table
    begun: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Inputs were compared, and the Experiment is suspended before anybody looks at the answer."""

    def denied(*_: object) -> bytes:
        raise Unavailable("StoreForbidden", "the store denies it")

    async def act(world: World) -> None:
        async def slowly(pod: Json) -> tuple[int, str]:
            await asyncio.sleep(60)
            return await world.task_pods(pod)

        def comparing() -> list[Json]:
            task = names.ANNOTATION_TASK
            return [job for job in jobs(world) if job["metadata"]["annotations"][task] == OVERLAP]

        for name in ("set", "later"):
            world.declare(DATASET_PIN, name, pin_spec(f"{name}/"))
        await world.until(
            "both are pinned",
            lambda: all(is_true(pin(world, name), "Ready") for name in ("set", "later")),
        )
        world.actors.do_task = slowly
        world.declare(EXPERIMENT, "x", experiment_spec(pin="set", test_pin="later"))
        await world.until("they are compared", lambda: bool(comparing()))
        world.edit(EXPERIMENT, TEAM, "x", {"spec": {"suspend": True}})
        with monkeypatch.context() as patched:
            if not is_read:
                patched.setattr(TaskArea, "result", denied)
            await world.until("it ended", lambda: job_end(comparing()[0]) is not None, seconds=120)
            await world.until("its Job is swept", lambda: not comparing(), seconds=1_800)
        world.edit(EXPERIMENT, TEAM, "x", {"spec": {"suspend": False}})
        await world.until("it is bound", lambda: bound(world), seconds=180)
        assert len(world.task_pods.begun) == begun, "what was answered is known"

    play(act)


def bound(world: World) -> bool:
    found = world.server.peek(EXPERIMENT, TEAM, "x")
    return bool(found and (found.get("status") or {}).get("digest"))


@pytest.mark.parametrize(
    ("code", "reason", "seconds"),
    [
        pytest.param(403, "Forbidden", 60.0, id="a right is missing"),
        pytest.param(500, "ApiUnavailable", 1_200.0, id="nobody answers for long"),
    ],
)
def test_a_job_that_cannot_be_read_is_told_with_its_reason_and_goes_on(
    code: int, reason: str, seconds: float
) -> None:
    faults = Unreadable()

    async def act(world: World) -> None:
        ends = asyncio.Event()

        async def waits(pod: Json) -> tuple[int, str]:
            await ends.wait()
            return await world.task_pods(pod)

        world.actors.do_task = waits
        world.declare(DATASET_PIN, "set", pin_spec())
        await world.until("the Job runs", lambda: bool(jobs(world)))
        await asyncio.sleep(5)
        (job,) = jobs(world)
        faults.code = code

        def said() -> Json:
            return condition(pin(world), "Verified")

        await world.until("it is told", lambda: said().get("reason") == reason, seconds)
        assert faults.refused >= 2, "once is no answer yet"
        ends.set()
        await asyncio.sleep(60)
        assert said()["reason"] == reason, "for as long as it lasts"
        faults.code = 0
        await world.until("it is pinned", lambda: is_true(pin(world), "Ready"), seconds=900)
        assert [each["metadata"]["uid"] for each in jobs(world)] in ([], [job["metadata"]["uid"]])
        assert len(world.task_pods.begun) == 1, "the Job that ran was gone on with"

    play(act, faults)


def test_one_refusal_to_read_a_job_is_no_answer_yet() -> None:
    faults = Unreadable()

    async def act(world: World) -> None:
        async def takes_a_minute(pod: Json) -> tuple[int, str]:
            await asyncio.sleep(60)
            return await world.task_pods(pod)

        world.actors.do_task = takes_a_minute
        world.declare(DATASET_PIN, "set", pin_spec())
        await world.until("the Job runs", lambda: bool(jobs(world)))
        await asyncio.sleep(3)
        faults.code = 403
        await world.until("it is refused", lambda: faults.refused == 1, seconds=30)
        faults.code = 0
        await asyncio.sleep(30)
        assert condition(pin(world), "Verified")["reason"] == "Verifying"

    play(act, faults)


def tries_of(world: World, task: str) -> list[float]:
    """Return when Jobs of a task were made from now on."""
    made: list[float] = []

    def see(change: Change) -> None:
        notes = change.last["metadata"].get("annotations") or {}
        is_made = change.served.kind == JOB and change.old is None
        if is_made and notes.get(names.ANNOTATION_TASK) == task:
            made.append(world.loop.time())

    world.server.on_change.append(see)
    return made


def test_what_the_pinned_data_refuse_is_tried_twice_and_then_only_for_other_data() -> None:
    """Each try is a pod and two writes, and no time heals what the same bytes say."""

    async def act(world: World) -> None:
        tries = tries_of(world, SPLIT)
        world.store.put(LOADER, SOURCE, "one/a.txt", b"the only object")
        world.declare(DATASET_PIN, "one", pin_spec("one/"))
        parts = [{"name": name, "role": name, "share": 5_000} for name in ("test", "train")]
        spec = {
            "source": {"pinRef": {"name": "one"}},
            "parts": parts,
            "granularity": "Objects",
            "rule": {"by": "Key", "salt": "flights"},
        }
        world.declare(SPLIT_PIN, "halves", spec)

        def told() -> str:
            found = world.server.peek(SPLIT_PIN, TEAM, "halves")
            return str(condition(found, "Stalled").get("reason", ""))

        await world.until("it is refused", lambda: told() == reasons.PART_EMPTY)
        await asyncio.sleep(6 * 3_600.0)
        assert len(tries) == 2
        assert told() == reasons.PART_EMPTY
        world.remove(DATASET_PIN, TEAM, "one")
        for name in "bcdefgh":
            world.store.put(LOADER, SOURCE, f"two/{name}.txt", name.encode())
        gone = functools.partial(world.server.peek, DATASET_PIN, TEAM, "one")
        await world.until("the pin is gone", lambda: gone() is None)
        world.declare(DATASET_PIN, "one", pin_spec("two/"))
        split = functools.partial(world.server.peek, SPLIT_PIN, TEAM, "halves")
        await world.until("it is divided", lambda: is_true(split() or {}, "Ready"), 3_600)
        assert len(tries) == 3

    play(act)


def test_what_the_store_refuses_is_tried_ever_more_seldom_and_heals_by_itself() -> None:
    async def act(world: World) -> None:
        tries = tries_of(world, HASH)
        world.declare(DATASET_PIN, "set", pin_spec("uploads/"))
        await asyncio.sleep(8 * 3_600.0)
        assert condition(pin(world), "Stalled")["reason"] == reasons.SOURCE_EMPTY
        rests = [later - earlier for earlier, later in itertools.pairwise(tries)]
        assert rests[0] < 1.25 * REFUSED_SECONDS + 60
        seldom = 0.75 * REFUSED_LONGEST_SECONDS
        assert all(seldom <= rest <= 1.25 * REFUSED_LONGEST_SECONDS + 60 for rest in rests[3:])
        world.store.put(LOADER, SOURCE, "uploads/a.txt", b"uploaded at last")
        await world.until("it is pinned", lambda: is_true(pin(world), "Ready"), 2 * 3_600.0)

    play(act)
