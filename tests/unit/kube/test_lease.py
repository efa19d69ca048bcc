"""Two replicas and one Lease: never two leaders that write, and never none for long."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.errors import Fenced
from glovebox.kube.client import Client
from glovebox.kube.kinds import CONFIG_MAP
from glovebox.kube.lease import Elector, LeaseLostError, Timing
from glovebox.kube.transport import Answer, TransportError
from support.scripted_transport import Asked, User, Wire, answered
from support.virtual_time import now, run

TIMING = Timing()
# The least that `GLOVEBOX_LEASE_SECONDS` takes.
SHORTEST = 3.0


@dataclass
class Api:
    """An API server that knows one Lease, and whose lines can be cut."""

    lease: dict[str, Any] | None = None
    version: int = 0
    # Who gets no answer: "before" loses the request, "after" loses only the answer.
    cut: dict[str, str] = field(default_factory=dict)
    delay: dict[str, float] = field(default_factory=dict)
    # For how many seconds an answer is on its way.
    late: dict[str, float] = field(default_factory=dict)
    writes: list[tuple[float, str]] = field(default_factory=list)
    holders: list[tuple[float, str]] = field(default_factory=list)

    async def answer(self, asked: Asked) -> Answer:
        if self.cut.get(asked.user) == "before":
            await asyncio.sleep(3600)
        await asyncio.sleep(self.delay.get(asked.user, 0.01))
        answer = self._do(asked)
        await asyncio.sleep(self.late.get(asked.user, 0.0))
        if self.cut.get(asked.user) == "after" and asked.method != "GET":
            raise TransportError("reset by peer")
        return answer

    def _do(self, asked: Asked) -> Answer:
        if "/leases" not in asked.path:
            self.writes.append((now(), asked.user))
            return answered(200, {})
        if asked.method == "GET":
            return answered(200, self.lease) if self.lease else answered(404)
        assert asked.body is not None
        if asked.method == "POST":
            if self.lease:
                return answered(409, {"reason": "AlreadyExists"})
        elif self.lease is None:
            return answered(404)
        elif asked.body["metadata"]["resourceVersion"] != str(self.version):
            return answered(409, {"reason": "Conflict"})
        self.version += 1
        metadata = {**asked.body["metadata"], "resourceVersion": str(self.version)}
        self.lease = {**asked.body, "metadata": metadata}
        holder = self.lease["spec"]["holderIdentity"]
        if not self.holders or self.holders[-1][1] != holder:
            self.holders.append((now(), holder))
        return answered(200, self.lease)


@asynccontextmanager
async def replica(api: Api, name: str, **options: Any) -> AsyncIterator[tuple[Client, Elector]]:
    wire = Wire(api.answer)
    async with Client(lambda: User(name), transport=wire.transport) as client:
        elector = Elector(
            client,
            "glovebox-system",
            "glovebox",
            name,
            now=lambda: datetime.fromtimestamp(now(), UTC),
            jitter=lambda: 0.5,
            **options,
        )
        client.fence = elector.remaining_seconds
        yield client, elector


async def lead(client: Client, elector: Elector) -> str:
    """Lead and write ten times a second until the lease is lost."""
    await elector.acquire()

    async def write() -> None:
        while True:
            with contextlib.suppress(Fenced):
                await client.create(CONFIG_MAP, {"metadata": {"name": "a", "namespace": "n"}})
            await asyncio.sleep(0.1)

    work = asyncio.create_task(write())
    try:
        await elector.hold()
    except LeaseLostError as error:
        return str(error)
    finally:
        work.cancel()
        await asyncio.wait((work,))
        await elector.release()
    return ""


async def two(
    api: Api,
    story: Callable[[asyncio.Task[str], asyncio.Task[str]], Any],
    timing: Timing = TIMING,
) -> Any:
    async with replica(api, "a", timing=timing) as a, replica(api, "b", timing=timing) as b:
        first = asyncio.create_task(lead(*a))
        await asyncio.sleep(1)
        second = asyncio.create_task(lead(*b))
        await asyncio.sleep(20)
        try:
            return await story(first, second)
        finally:
            for task in (first, second):
                task.cancel()
                await asyncio.wait((task,))


def writers(api: Api) -> list[str]:
    """Who wrote, one entry for each change of the writer."""
    found: list[str] = []
    for _, who in api.writes:
        if not found or found[-1] != who:
            found.append(who)
    return found


def test_one_leads_and_the_other_writes_nothing() -> None:
    api = Api()

    async def story(*_: Any) -> None:
        await asyncio.sleep(100)

    run(two(api, story))
    assert writers(api)[:1] == ["a"]
    assert {who for at, who in api.writes if at < 1_120} == {"a"}
    assert api.lease is not None


def test_an_orderly_stop_hands_over_in_less_than_five_seconds() -> None:
    api = Api()

    async def story(first: asyncio.Task[str], _: Any) -> tuple[float, float]:
        first.cancel()
        await asyncio.wait((first,))
        stopped = now()
        await asyncio.sleep(10)
        return stopped, min(at for at, who in api.writes if who == "b")

    stopped, took_over = run(two(api, story))
    assert took_over - stopped < 5
    assert writers(api) == ["a", "b"]
    assert [who for _, who in api.holders] == ["a", "", "b", ""]


def test_a_replica_that_died_is_followed_after_its_lease() -> None:
    api = Api()

    async def story(_: Any, second: Any) -> float:
        del second
        api.cut["a"] = "before"
        died = now()
        await asyncio.sleep(60)
        return min(at for at, who in api.writes if who == "b") - died

    assert TIMING.lease - TIMING.renew - 1 < run(two(api, story)) < TIMING.lease + 2 * TIMING.renew
    assert writers(api) == ["a", "b"]


def test_with_the_shortest_lease_one_that_died_is_followed_in_less_than_five_seconds() -> None:
    """Whatever the moment between two renewals at which it dies."""
    for moment in range(5):
        api = Api()

        async def story(_: Any, second: Any, api: Api = api, moment: int = moment) -> float:
            del second
            await asyncio.sleep(moment / 10)
            api.cut["a"] = "before"
            died = now()
            await asyncio.sleep(60)
            return min(at for at, who in api.writes if who == "b") - died

        assert run(two(api, story, Timing.of(SHORTEST))) < 5, moment
        assert writers(api) == ["a", "b"]


def test_a_replica_that_is_started_again_in_its_pod_leads_at_once() -> None:
    """It has the name of the pod, and the process that had it before is dead."""
    api = Api()

    async def main() -> float:
        async with replica(api, "a") as (_, killed):
            await killed.acquire()
        began = now()
        async with replica(api, "a") as (_, again):
            await again.acquire()
        return now() - began

    assert run(main()) < 1


def test_replicas_that_were_given_leases_of_different_length_wait_for_the_longer_one() -> None:
    """As while the chart's value is rolled out, whichever of the two leads."""
    for first, second in ((3.0, 15.0), (15.0, 3.0)):
        api = Api()

        async def main(api: Api = api, first: float = first, second: float = second) -> float:
            async with (
                replica(api, "a", timing=Timing.of(first)) as (_, dead),
                replica(api, "b", timing=Timing.of(second)) as (_, follower),
            ):
                await dead.acquire()
                began = now()
                await follower.acquire()
                return now() - began

        assert run(main()) >= TIMING.lease, (first, second)


def test_a_replica_that_is_cut_off_stops_writing_before_another_may_begin() -> None:
    api = Api()

    async def story(first: asyncio.Task[str], _: Any) -> tuple[float, str]:
        api.cut["a"] = "before"
        cut = now()
        lost = await first
        return now() - cut, lost

    took, lost = run(two(api, story))
    assert took <= TIMING.deadline + TIMING.renew + TIMING.request
    assert "not renewed" in lost


@pytest.mark.parametrize("lease", [TIMING.lease, SHORTEST], ids=["usual", "shortest"])
@pytest.mark.parametrize("cut", ["before", "after"])
def test_no_two_replicas_write_at_the_same_time_whatever_is_lost(cut: str, lease: float) -> None:
    """The line of one is cut for 1, 2, 3, ... 30 seconds: their writes never overlap."""
    for seconds in range(1, 31, 3):
        api = Api()

        async def story(
            first: asyncio.Task[str], _: Any, api: Api = api, seconds: int = seconds
        ) -> None:
            api.cut["a"] = cut
            await asyncio.sleep(seconds)
            del api.cut["a"]
            await asyncio.sleep(40)
            first.cancel()

        run(two(api, story, Timing.of(lease)))
        assert writers(api) in (["a"], ["a", "b"]), seconds


def test_a_lost_answer_costs_nothing() -> None:
    """The renewal took effect, so the version moved: it is read again and renewed."""
    api = Api()

    async def story(*_: Any) -> str:
        api.cut["a"] = "after"
        await asyncio.sleep(3)
        del api.cut["a"]
        await asyncio.sleep(30)
        return writers(api)[-1]

    assert run(two(api, story)) == "a"
    assert [who for _, who in api.holders][:1] == ["a"]


def test_a_lost_answer_to_the_first_write_still_leads() -> None:
    api = Api(cut={"a": "after"})

    async def main() -> int:
        async with replica(api, "a") as (_, elector):
            task = asyncio.create_task(elector.acquire())
            await asyncio.sleep(1)
            assert not elector.leads
            api.cut.clear()
            await asyncio.sleep(5)
            assert task.done()
            return elector.term

    assert run(main()) >= 1


def test_a_process_that_was_paused_writes_nothing_when_it_goes_on() -> None:
    """It did not run, so nothing was cancelled: the first thing it does is to write."""
    api = Api()

    async def main() -> None:
        async with replica(api, "a") as (client, elector):
            await elector.acquire()
            await client.create(CONFIG_MAP, {"metadata": {"name": "a", "namespace": "n"}})
            asyncio.get_running_loop()._now += 60  # type: ignore[attr-defined]
            with pytest.raises(Fenced, match="does not hold the lease"):
                await client.create(CONFIG_MAP, {"metadata": {"name": "a", "namespace": "n"}})
        assert len(api.writes) == 1

    run(main())


def test_a_write_is_cut_short_where_the_lease_ends() -> None:
    api = Api()

    async def main() -> float:
        async with replica(api, "a") as (client, elector):
            await elector.acquire()
            acquired = now()
            await asyncio.sleep(10)
            api.cut["a"] = "before"
            with contextlib.suppress(Exception):
                await client.create(CONFIG_MAP, {"metadata": {"name": "a", "namespace": "n"}})
            return now() - acquired

    assert run(main()) <= TIMING.lease - TIMING.margin


def test_a_renewal_counts_from_when_it_was_sent_however_late_its_answer_comes() -> None:
    """A rival counts from when it saw it, which may be long before the answer is here."""
    api = Api()

    async def story() -> float:
        async with replica(api, "a") as (_, elector):
            await elector.acquire()
            api.late["a"] = TIMING.request - 0.1
            renewing = asyncio.create_task(elector.hold())
            await asyncio.sleep(TIMING.renew + TIMING.request)
            renewing.cancel()
            return elector.remaining_seconds()

    left = run(story())
    assert left == pytest.approx(TIMING.lease - TIMING.margin - TIMING.request, abs=0.05)


@pytest.mark.parametrize("hours", [-48, 48])
def test_a_rival_whose_wall_clock_is_wrong_is_judged_by_what_is_seen(hours: int) -> None:
    api = Api()

    async def main() -> list[str]:
        wrong = datetime.fromtimestamp(hours * 3600.0 + 200_000, UTC)
        async with replica(api, "a") as a, replica(api, "b") as b:
            a[1]._now = lambda: wrong
            first, second = asyncio.create_task(lead(*a)), None
            await asyncio.sleep(1)
            second = asyncio.create_task(lead(*b))
            await asyncio.sleep(100)
            found = writers(api)
            for task in (first, second):
                task.cancel()
                await asyncio.wait((task,))
            return found

    assert run(main()) == ["a"]


@pytest.mark.parametrize(("said", "waited"), [(5, 15), (15, 15), (60, 60)])
def test_a_rival_that_said_how_long_it_holds_the_lease_is_waited_for(
    said: int, waited: float
) -> None:
    """Another version may be more patient; a shorter word than ours is not believed."""
    spec = {"holderIdentity": "a", "leaseDurationSeconds": said, "leaseTransitions": 1}
    api = Api(lease={"metadata": {"name": "glovebox", "resourceVersion": "0"}, "spec": spec})

    async def main() -> float:
        began = now()
        async with replica(api, "b") as (_, elector):
            await elector.acquire()
        return now() - began

    assert waited <= run(main()) <= waited + TIMING.renew + 0.5


def test_a_lease_that_somebody_deleted_is_lost() -> None:
    api = Api()

    async def story(first: asyncio.Task[str], _: Any) -> str:
        api.lease = None
        return await first

    assert "another replica" in run(two(api, story))


def test_each_change_of_the_holder_is_a_higher_term() -> None:
    api = Api()

    async def main() -> list[int]:
        terms = []
        for name in ("a", "b", "a2"):
            async with replica(api, name) as (_, elector):
                await elector.acquire()
                terms.append(elector.term)
                await elector.release()
        return terms

    terms = run(main())
    assert terms == sorted(set(terms))


def test_a_lease_that_was_lost_is_left_alone() -> None:
    """Its end is said once, and nobody is sent a word that may come behind another one's."""
    api = Api()
    said: list[bool] = []

    async def main() -> None:
        async with replica(api, "a", changed=said.append) as (_, elector):
            await elector.acquire()
            api.cut["a"] = "before"
            with pytest.raises(LeaseLostError):
                await elector.hold()
            api.cut.clear()
            assert not elector.leads, "the work has ended: nothing is written any more"
            await elector.release()

    run(main())
    assert said == [True, False]
    assert api.lease is not None
    assert api.lease["spec"]["holderIdentity"] == "a"


def test_it_is_said_when_a_replica_begins_and_ends_to_lead() -> None:
    api = Api()
    said: list[bool] = []

    async def main() -> None:
        async with replica(api, "a", changed=said.append) as (_, elector):
            await elector.acquire()
            await elector.release()
            await elector.release()

    run(main())
    assert said == [True, False]


def test_a_crowd_at_the_gate_does_not_cost_the_lease() -> None:
    api = Api()

    async def main() -> bool:
        async with replica(api, "a") as (client, elector):
            await elector.acquire()
            holding = asyncio.create_task(elector.hold())
            api.delay["a"] = 2.5
            crowd = [
                asyncio.create_task(client.get(CONFIG_MAP, "n", str(number)))
                for number in range(400)
            ]
            await asyncio.sleep(25)
            leads = elector.leads and not holding.done()
            for task in (holding, *crowd):
                task.cancel()
            await asyncio.wait((holding, *crowd))
            return leads

    assert run(main())


@pytest.mark.parametrize("moment", [0.1, 0.6, 1.1, 1.6, 2.1])
def test_a_lease_that_is_deleted_under_its_holder_is_waited_for_by_whoever_saw_it(
    moment: float,
) -> None:
    """Who leads notices with the next renewal, and writes until then."""
    api = Api()

    async def story(*_: Any) -> None:
        await asyncio.sleep(moment)
        api.lease = None
        await asyncio.sleep(60)

    run(two(api, story))
    assert writers(api) == ["a", "b"]
