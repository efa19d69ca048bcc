"""A run leaves what nobody can read: its seal waits for that, says until when, and is made then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.evidence.envelope import unsigned
from glovebox.evidence.standing import NONE_READ_WAIT, UNREAD_WAIT
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.kube.kinds import EVENT, EXPERIMENT
from glovebox.store.artifact_reading import NONE_READ
from glovebox.store.run_records import PAYLOAD_TYPE
from glovebox.store.sealing import seal_folder
from simulation.object_store import Identity, S3Error, Version
from simulation.stage import Stage, play
from simulation.test_copied_evidence import versions_of
from simulation.test_ends import HOUR, MINUTE, findings_of, statements
from simulation.test_former_keys import uid_of, write
from simulation.test_keys import ready
from simulation.test_orphans import lose
from simulation.test_seal_order import wants
from simulation.world import BUCKET, TEAM

Json = dict[str, Any]
DAY = UNREAD_WAIT.total_seconds()
NAMES = ("a.bin", "b.bin", "c.bin")


def prefix_of(stage: Stage) -> str:
    return str(stage.status()["artifacts"]["uri"]).removeprefix(f"s3://{BUCKET}/")


def writes(stage: Stage, *names: str) -> None:
    """Write artifacts, as the run or a person of the team does."""
    write(stage, {prefix_of(stage) + name: name.encode() for name in names})


def refuses(
    stage: Stage, which: Callable[[str], bool], code: str = "AccessDenied"
) -> Callable[[], None]:
    """Have reads of some keys be refused; return what ends it."""
    store = stage.world.store
    serve = store.get

    def get(who: Identity, bucket: str, key: str, version_id: str = "") -> Version:
        if which(key):
            raise S3Error(403, code)
        return serve(who, bucket, key, version_id)

    store.get = get  # type: ignore[method-assign]  # of this one world

    def ends() -> None:
        store.get = serve  # type: ignore[method-assign]  # as above

    return ends


async def leaves(stage: Stage, *names: str) -> datetime:
    """Have a run that writes these and ends; return when."""
    stage.world.actors.run_ends = lambda _: (10 * MINUTE, True)
    stage.world.actors.run_writes = lambda _: writes(stage, *names)
    stage.declare()
    await stage.until(
        "it ended", lambda: (stage.status().get("run") or {}).get("completionTime"), HOUR
    )
    return datetime.fromisoformat(stage.status()["run"]["completionTime"])


def until(since: datetime, wait: timedelta) -> str:
    return f"until {since + wait:%Y-%m-%dT%H:%M:%SZ}"


async def waits(stage: Stage, said: str) -> None:
    """The seal is waited for, and its condition says until when."""

    def is_said() -> bool:
        sealed = stage.condition("Sealed")
        return sealed["reason"] == reasons.ARTIFACT_UNREAD and said in sealed["message"]

    await stage.until("it is said until when", is_said, HOUR)
    assert stage.condition("Sealed")["status"] == "False"
    assert "seal" not in stage.status()


@pytest.mark.parametrize("answer", [(500, "InternalError"), (403, "AccessDenied")])
def test_a_read_that_fails_for_a_moment_holds_the_seal_up_for_no_longer(
    answer: tuple[int, str],
) -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        store = stage.world.store
        serve, left = store.get, [2]

        def get(who: Identity, bucket: str, key: str, version_id: str = "") -> Version:
            if key.endswith("b.bin") and left[0]:
                left[0] -= 1
                raise S3Error(*answer)
            return serve(who, bucket, key, version_id)

        store.get = get  # type: ignore[method-assign]  # of this one world
        await leaves(stage, *NAMES)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), MINUTE)
        assert not left[0]
        (statement,) = statements(stage)
        assert not any("cannot be read" in each for each in findings_of(statement))

    play(scene)


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState"])
@pytest.mark.parametrize("dies", [False, True], ids=["one process", "it restarts"])
def test_one_of_three_that_is_denied_is_sealed_as_that_a_day_after_the_run(
    code: str, *, dies: bool
) -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        refuses(stage, lambda key: key.endswith("b.bin"), code)
        ended = await leaves(stage, *NAMES)
        await waits(stage, until(ended, UNREAD_WAIT))
        await stage.sleep(DAY - 2 * HOUR)
        if dies:
            await stage.process.kill()
            stage.process.start()
        await waits(stage, until(ended, UNREAD_WAIT))
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 3 * HOUR)
        assert stage.world.store.now() >= ended + UNREAD_WAIT
        assert stage.status()["seal"]["objects"] == 3
        (statement,) = statements(stage)
        (finding,) = (each for each in findings_of(statement) if "cannot be read" in each)
        assert "b.bin" in finding
        assert finding in stage.condition("Sealed")["message"]

    play(scene, sweeps=False)


def test_what_is_given_again_within_the_day_is_sealed_as_read() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        repaired = refuses(stage, lambda key: key.endswith("b.bin"))
        ended = await leaves(stage, *NAMES)
        await waits(stage, until(ended, UNREAD_WAIT))
        await stage.sleep(3 * HOUR)
        repaired()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 20 * MINUTE)
        (statement,) = statements(stage)
        assert not any("cannot be read" in each for each in findings_of(statement))

    play(scene, sweeps=False)


def test_a_prefix_of_which_nothing_is_read_is_waited_for_for_a_week() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        repaired = refuses(stage, lambda key: key.endswith(".bin"))
        ended = await leaves(stage, *NAMES)
        await stage.sleep(DAY + HOUR)
        await waits(stage, until(ended, NONE_READ_WAIT))
        repaired()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 20 * MINUTE)
        (statement,) = statements(stage)
        assert NONE_READ not in findings_of(statement)

    play(scene, sweeps=False)


@pytest.mark.parametrize("denied", [("b.bin",), NAMES], ids=["one of three", "all"])
@pytest.mark.parametrize("late", [False, True], ids=["at its end", "in the midst of the day"])
def test_a_deletion_waits_for_half_an_hour_and_goes_with_a_seal(
    denied: tuple[str, ...], *, late: bool
) -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        refuses(stage, lambda key: key.rpartition("/")[2] in denied)
        ended = await leaves(stage, *NAMES)
        await waits(stage, until(ended, NONE_READ_WAIT if denied == NAMES else UNREAD_WAIT))
        if late:
            await stage.sleep(5 * HOUR)
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(20 * MINUTE)
        assert stage.world.experiment() is not None
        await stage.until("it is gone", lambda: stage.world.experiment() is None, 35 * MINUTE)
        (statement,) = statements(stage)
        said = findings_of(statement)
        assert sum("cannot be read" in each for each in said) == len(denied)
        assert (NONE_READ in said) is (len(denied) == len(NAMES))
        told = {str(each["reason"]) for each in stage.world.server.everything(EVENT)}
        assert reasons.DELETED_UNSEALED not in told

    play(scene, sweeps=False)


def test_a_namespace_that_lost_its_experiment_is_sealed_within_the_hour() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        refuses(stage, lambda key: key.endswith("b.bin"))
        ended = await leaves(stage, *NAMES)
        await waits(stage, until(ended, UNREAD_WAIT))
        lose(stage, "x")
        await stage.until("it is sealed", lambda: statements(stage), HOUR)
        (statement,) = statements(stage)
        assert any("b.bin" in each and "`Denied`" in each for each in findings_of(statement))

    play(scene)


def test_without_a_run_it_waits_since_it_was_closed_also_after_a_restart() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        stage.declare(run=False)
        await stage.provisioned()
        writes(stage, *NAMES)
        refuses(stage, lambda key: key.endswith("b.bin"))
        assert wants(stage, "Sealed")
        await stage.until("it is closed", lambda: stage.status().get("closedTime"), HOUR)
        closed = datetime.fromisoformat(stage.status()["closedTime"])
        await waits(stage, until(closed, UNREAD_WAIT))
        await stage.process.kill()
        await stage.sleep(5 * HOUR)
        stage.process.start()
        await stage.sleep(HOUR)
        await waits(stage, until(closed, UNREAD_WAIT))
        await stage.until("it is sealed", lambda: stage.status().get("seal"), DAY)
        assert closed + UNREAD_WAIT <= stage.world.store.now() <= closed + 1.1 * UNREAD_WAIT
        assert stage.status()["closedTime"] == f"{closed:%Y-%m-%dT%H:%M:%SZ}"
        (statement,) = statements(stage)
        finished = statement["predicate"]["runDetails"]["metadata"]["finishedOn"]
        assert finished == stage.status()["closedTime"]

    play(scene, sweeps=False)


def test_what_is_denied_for_good_under_the_name_of_a_seal_keeps_none_from_being_made() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        laid = ""
        store = stage.world.store
        serve = store.get

        def get(who: Identity, bucket: str, key: str, version_id: str = "") -> Version:
            if laid and version_id == laid:
                raise S3Error(403, "AccessDenied")
            return serve(who, bucket, key, version_id)

        store.get = get  # type: ignore[method-assign]  # of this one world
        stage.world.actors.run_ends = lambda _: (10 * MINUTE, True)
        stage.declare()
        await stage.until("it runs", lambda: (stage.status().get("run") or {}).get("record"))
        uid = uid_of(stage)
        laid = write(stage, {seal_folder(uid) + STATEMENT_NAME: unsigned(b"{}", PAYLOAD_TYPE)})
        await stage.until("it ended", lambda: stage.status()["run"].get("completionTime"), HOUR)
        ended = datetime.fromisoformat(stage.status()["run"]["completionTime"])
        await waits(stage, until(ended, UNREAD_WAIT))
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 1.1 * DAY)
        first, own = versions_of(stage, uid, STATEMENT_NAME)
        assert first.version_id == laid
        assert stage.status()["seal"]["attestationVersion"] == own.version_id
        assert any(laid in each for each in stage.status()["seal"]["findings"])
        await stage.until("it is listed", lambda: stage.status().get("sealSupplement"), 3 * HOUR)
        assert len(versions_of(stage, uid, STATEMENT_NAME)) == 2

    play(scene, sweeps=False)
