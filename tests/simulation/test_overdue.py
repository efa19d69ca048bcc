"""Evidence that cannot be written for long is reported, with cause and cure, until it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from glovebox.evidence.after_seal import CONCLUSION_NAME, SUPPLEMENT_NAME
from glovebox.kube.kinds import EXPERIMENT
from simulation.api_server import Change
from simulation.object_store import S3Error
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, ends_after, store_is_back
from simulation.test_evidence import conclude, sealed, seconds_to, signed
from simulation.world import TEAM

Json = dict[str, Any]
CURE = "grant the operator's user this action there"


def denies(stage: Stage, ending: str) -> None:
    """Let the store deny to write what has a key with that ending."""

    def fault(action: str, _: str, key: str) -> None:
        if action == "s3:PutObject" and key.endswith(ending):
            raise S3Error(403, "AccessDenied")

    stage.world.store.fault = fault


def overdue(stage: Stage) -> str:
    """Return what is said of evidence that is overdue; empty where nothing is."""
    found = stage.condition("EvidenceWritten")
    assert not found or (found["status"], found["reason"]) == ("False", "EvidenceOverdue")
    return str(found.get("message", ""))


def ready(stage: Stage) -> str:
    return str(stage.condition("Ready").get("status"))


async def is_reported(stage: Stage, what: str, *, for_minutes: float = 15.0) -> None:
    """Expect that nothing is said at first, and cause and cure in time."""
    await stage.sleep((for_minutes - 1.0) * MINUTE)
    assert not overdue(stage)
    await stage.until(f"{what} is reported", lambda: overdue(stage), 4 * MINUTE)
    assert what in overdue(stage)
    assert CURE in overdue(stage)
    assert stage.metric("glovebox_evidence_overdue") == 1


async def is_over(stage: Stage, what: str, written: Callable[[], object]) -> None:
    """Expect that it is written once the store takes it, and that nothing is said then."""
    store_is_back(stage)
    await stage.until(f"{what} is written", written, 20 * MINUTE)
    await stage.until("nothing is said any more", lambda: not overdue(stage), MINUTE)
    assert stage.metric("glovebox_evidence_overdue") == 0


@pytest.mark.parametrize("restarts", [False, True], ids=["one process", "another process"])
def test_a_conclusion_that_the_store_refuses_is_reported_until_it_is_signed(
    *, restarts: bool
) -> None:
    async def scene(stage: Stage) -> None:
        await sealed(stage)
        denies(stage, CONCLUSION_NAME)
        assert conclude(stage)
        await is_reported(stage, "the conclusion is not written")
        assert ready(stage) == "True"
        if restarts:
            await stage.process.kill()
            stage.process.start()
            await stage.sleep(5 * MINUTE)
            assert overdue(stage), "a process that was started since takes nothing back"
        await is_over(stage, "it", lambda: signed(stage, CONCLUSION_NAME))

    play(scene)


def test_a_record_of_a_run_that_began_is_reported_until_it_is_written() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, 24 * HOUR)
        denies(stage, ".started.json")
        stage.declare()
        await stage.until("it runs", lambda: stage.status().get("run"))
        await is_reported(stage, "the record of the run is not written")
        assert ready(stage) == "True"
        await is_over(stage, "it", lambda: stage.status()["run"].get("record"))

    play(scene, sweeps=False)


def denies_records(stage: Stage) -> None:
    """Let the store deny to write that a run is begun."""

    def fault(action: str, _: str, key: str) -> None:
        if action == "s3:PutObject" and key.startswith(".glovebox/runs/"):
            raise S3Error(403, "AccessDenied")

    stage.world.store.fault = fault


def test_a_run_that_does_not_begin_for_want_of_its_record_says_so() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, 24 * HOUR)
        denies_records(stage)
        stage.declare()
        await stage.provisioned()
        await is_reported(stage, "the record of the run is not written")
        assert not stage.status().get("run")
        await is_over(stage, "it", lambda: (stage.status().get("run") or {}).get("record"))

    play(scene)


def test_a_last_listing_that_the_store_refuses_is_reported_until_it_is_signed() -> None:
    async def scene(stage: Stage) -> None:
        await sealed(stage)
        denies(stage, SUPPLEMENT_NAME)
        due = stage.status()["seal"]["sessionsEndTime"]
        await stage.until("it is due", lambda: f"{stage.world.clock.now():%FT%TZ}" > due, 3 * HOUR)
        await is_reported(stage, "the last listing is not written")
        await is_over(stage, "it", lambda: stage.status().get("sealSupplement"))

    play(scene)


async def restarts(stage: Stage, times: int) -> None:
    """Let a process live for ten minutes, again and again."""
    for _ in range(times):
        await stage.process.kill()
        stage.process.start()
        await stage.sleep(10 * MINUTE)


def test_processes_that_live_for_ten_minutes_report_a_last_listing_all_the_same() -> None:
    async def scene(stage: Stage) -> None:
        await sealed(stage)
        denies(stage, SUPPLEMENT_NAME)
        await stage.sleep(seconds_to(stage, stage.status()["seal"]["sessionsEndTime"]))
        await restarts(stage, 1)
        assert not overdue(stage), "ten minutes are no quarter of an hour"
        await restarts(stage, 2)
        assert "the last listing is not written" in overdue(stage)
        await is_over(stage, "it", lambda: stage.status().get("sealSupplement"))

    play(scene)


def test_processes_that_live_for_ten_minutes_report_a_record_of_a_run_all_the_same() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, 24 * HOUR)
        denies(stage, ".started.json")
        stage.declare()
        await stage.until("it runs", lambda: stage.status().get("run"))
        await restarts(stage, 3)
        assert "the record of the run is not written" in overdue(stage)
        await is_over(stage, "it", lambda: stage.status()["run"].get("record"))

    play(scene, sweeps=False)


def test_processes_that_live_for_ten_minutes_report_a_run_that_does_not_begin() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, 24 * HOUR)
        denies_records(stage)
        stage.declare()
        await stage.until("it is refused", lambda: ready(stage) == "False")
        await restarts(stage, 1)
        assert not overdue(stage), "ten minutes are no quarter of an hour"
        await restarts(stage, 2)
        assert "the record of the run is not written" in overdue(stage)
        await is_over(stage, "it", lambda: (stage.status().get("run") or {}).get("record"))

    play(scene)


def test_a_process_that_begins_takes_nothing_back_of_a_run_that_is_refused() -> None:
    """A missing right is believed after some seconds, and one that is shown at once."""

    async def scene(stage: Stage) -> None:
        denies_records(stage)
        stage.declare()
        await stage.until("it is provisioned", lambda: ready(stage) == "True")
        await stage.until("it is refused", lambda: ready(stage) == "False")
        shown = stage.condition("Ready"), stage.condition("Reconciling")
        seen: list[Any] = []

        def see(change: Change) -> None:
            if change.served.kind == EXPERIMENT:
                seen.append((stage.condition("Ready"), stage.condition("Reconciling")))

        stage.world.server.on_change.append(see)
        await restarts(stage, 2)
        assert [each for each in seen if each != shown] == []
        store_is_back(stage)
        await stage.until("it runs", lambda: stage.status().get("run"), 20 * MINUTE)
        assert ready(stage) == "True"

    play(scene)


def test_a_process_that_begins_while_the_store_is_away_for_a_minute_reports_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await sealed(stage)
        ends = seconds_to(stage, stage.status()["seal"]["sessionsEndTime"])
        await stage.process.kill()
        denies(stage, SUPPLEMENT_NAME)
        await stage.sleep(ends + HOUR)
        stage.process.start()
        await stage.sleep(MINUTE)
        assert not stage.status().get("sealSupplement")
        assert not overdue(stage)
        await is_over(stage, "it", lambda: stage.status().get("sealSupplement"))

    play(scene)


def test_a_last_listing_of_an_experiment_that_is_gone_is_counted_until_it_is_signed() -> None:
    async def scene(stage: Stage) -> None:
        await sealed(stage)
        denies(stage, SUPPLEMENT_NAME)
        ends = stage.status()["seal"]["sessionsEndTime"]
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, 2 * MINUTE)

        def late() -> float | None:
            running = stage.process.operator
            if running is None:
                return None
            return running.registry.get_sample_value("glovebox_last_listings_overdue")

        await stage.sleep(seconds_to(stage, ends) + 14 * MINUTE)
        assert late() == 0
        await stage.until("it is counted", lambda: late() == 1, HOUR)
        await stage.process.kill()
        stage.process.start()
        await stage.until("another process counts it", lambda: late() == 1, HOUR)
        store_is_back(stage)
        await stage.until("it is signed", lambda: signed(stage, SUPPLEMENT_NAME), HOUR)
        await stage.until("it is not counted any more", lambda: late() == 0, HOUR)

    play(scene)
