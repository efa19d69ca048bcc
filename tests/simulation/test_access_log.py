"""Reads that nobody declared are told of the pin they were of, once, whatever fails."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import DATASET_PIN, EVENT, OBJECT_STORE
from glovebox.store.arns import sessions_of
from simulation.api_transport import Fault
from simulation.object_store import NoAnswerError, S3Error
from simulation.stage import Stage, play
from simulation.status_faults import OF_A_STATUS, FailingStatus, named
from simulation.test_contracts import HOUR, MINUTE, status, until
from simulation.world import BUCKET, LOADER, ROLE, SOURCE, pin_spec

Json = dict[str, Any]
LOGS = "logs"
READS = "ReadsExpected"
NEWEST = "glovebox_access_log_newest_line_timestamp_seconds"
USER = "arn:aws:iam::000000000000:user/someone"


def prepare(stage: Stage, **more: Any) -> None:
    """Let the store name a log, and the pin `set` be there."""
    stage.world.store.create_bucket(LOADER, LOGS, can_lock=False)
    named_log = {"bucket": LOGS, "intervalSeconds": 60, **more}
    assert stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"accessLog": named_log}})
    stage.world.declare(DATASET_PIN, "set", pin_spec())


def line(stage: Stage, who: str, key: str = "set/part-0", **more: Any) -> bytes:
    record = {
        "bucket": SOURCE,
        "key": key,
        "operation": "REST.GET.OBJECT",
        "requester_arn": who,
        "requester": "",
        "status": 200,
        "time": int(stage.world.clock.now().timestamp()),
        "request_id": f"{stage.now}",
    }
    return json.dumps(record | more).encode() + b"\n"


def write(stage: Stage, name: str, *lines: bytes) -> None:
    stage.world.store.put(LOADER, LOGS, name, b"".join(lines))


def write_another(stage: Stage, name: str = "0") -> None:
    """Write a line that is of a log, and of no pin."""
    write(stage, name, line(stage, USER, bucket="elsewhere"))


def log(stage: Stage) -> Json:
    found = stage.world.server.peek(OBJECT_STORE, None, "primary") or {}
    return dict((found.get("status") or {}).get("accessLog") or {})


def version(stage: Stage) -> str:
    found = stage.world.server.peek(OBJECT_STORE, None, "primary") or {}
    return str(found["metadata"]["resourceVersion"])


def log_reason(stage: Stage) -> str:
    return str(stage.condition("AccessLogRead", "primary", OBJECT_STORE).get("reason"))


async def read_through(stage: Stage, lines: int) -> None:
    await stage.until("the log is read", lambda: log(stage).get("lines") == lines, HOUR)


def events(stage: Stage) -> list[str]:
    return [
        event["note"]
        for event in stage.world.server.everything(EVENT)
        if event["reason"] == reasons.UNUSUAL_READS
    ]


def unusual(stage: Stage, name: str = "set") -> list[tuple[str, str, str, int]]:
    return [
        (each["kind"], each["reader"], each.get("requester", ""), each["requests"])
        for each in status(stage, name).get("reads", {}).get("unusual", ())
    ]


def test_a_foreign_read_is_told_and_a_run_of_the_pin_is_not() -> None:
    async def scene(stage: Stage) -> None:
        prepare(stage)
        experiment = stage.declare(pin="set")
        await stage.provisioned()
        uid = experiment["metadata"]["uid"]
        run = f"arn:aws:sts::000000000000:assumed-role/glovebox-runs/{names.inputs_session(uid)}"
        assert re.fullmatch(sessions_of(ROLE), run)
        write(stage, "1", line(stage, run), line(stage, run, "set/part-1"))
        await read_through(stage, 2)
        await stage.sleep(MINUTE)
        assert unusual(stage) == []
        await stage.until("it is counted", lambda: status(stage, "set").get("reads"))
        assert status(stage, "set")["reads"]["requests"] == 2
        assert events(stage) == []
        write(stage, "2", line(stage, USER), line(stage, USER, status=403, key="set/part-1"))
        await until(stage, "set", reasons.UNUSUAL_READS, READS)
        assert sorted(unusual(stage)) == [
            ("Denied", "Identity", USER, 1),
            ("NotAnInput", "Identity", USER, 1),
        ]
        assert all(each["log"] == "2" for each in status(stage, "set")["reads"]["unusual"])
        assert stage.condition("Ready", "set", DATASET_PIN)["status"] == "True"
        await stage.sleep(10 * MINUTE)
        assert len(events(stage)) == 1
        assert stage.metric("glovebox_unusual_reads_total", kind="NotAnInput") == 1
        assert stage.metric("glovebox_access_log_lines_total", result="taken") == 4
        # Whoever is named then is none any more.
        changed = {"spec": {"accessLog": {"readers": [USER]}}}
        assert stage.world.edit(OBJECT_STORE, None, "primary", changed)
        write(stage, "3", line(stage, USER))
        await until(stage, "set", reasons.READS_EXPECTED, READS)
        assert unusual(stage) == []

    play(scene, sweeps=False)


def test_a_line_counts_once_whoever_dies_and_however_often_it_comes() -> None:
    async def scene(stage: Stage) -> None:
        prepare(stage)
        await until(stage, "set", reasons.VERIFIED)
        first = line(stage, USER)
        write(stage, "b", first, first)
        write(stage, "a", first)
        await read_through(stage, 3)
        await stage.process.kill()
        # Late, under a name that is before those that were read; and one of them once more.
        write(stage, "0", line(stage, USER, "set/part-1"), first, b"no line at all\n", first[:99])
        stage.process.start()
        await read_through(stage, 7)
        await stage.until("both are told", lambda: unusual(stage)[0][-1] == 2)
        assert log(stage)["repeated"] == 3
        assert log(stage)["unparsed"] == 2
        quiet = version(stage)
        await stage.sleep(10 * MINUTE)
        assert version(stage) == quiet, "that nothing came is no news"
        assert log(stage)["objects"] == 3
        assert unusual(stage) == [("NotAnInput", "Identity", USER, 2)]
        kept = [key for key in stage.world.store.bucket(BUCKET).keys if "/reads/" in key]
        assert len(kept) <= 3, "older ones are deleted"

    play(scene, sweeps=False)


def test_what_cannot_be_read_now_is_read_later_and_said_meanwhile() -> None:
    async def scene(stage: Stage) -> None:
        prepare(stage)
        write_another(stage)
        await until(stage, "set", reasons.READS_EXPECTED, READS)
        fails: list[Exception] = [S3Error(403, "AccessDenied")]

        def fault(action: str, bucket: str, _: str) -> None:
            if fails and bucket == LOGS and action.startswith("s3:GetObject"):
                raise fails[0]

        stage.world.store.fault = fault
        write(stage, "1", line(stage, USER))
        await stage.until("it is said", lambda: log_reason(stage) == reasons.ACCESS_LOG_NOT_READ)
        assert stage.condition("Ready", "primary", OBJECT_STORE)["status"] == "True"
        fails[:] = [NoAnswerError()]
        await stage.sleep(5 * MINUTE)
        assert unusual(stage) == []
        fails.clear()
        await until(stage, "set", reasons.UNUSUAL_READS, READS)
        await stage.until("it is read", lambda: log_reason(stage) == reasons.ACCESS_LOG_READ)
        assert unusual(stage) == [("NotAnInput", "Identity", USER, 1)]

    play(scene, sweeps=False)


def test_a_state_that_is_not_written_counts_nothing_twice() -> None:
    async def scene(stage: Stage) -> None:
        prepare(stage)
        write_another(stage)
        await until(stage, "set", reasons.READS_EXPECTED, READS)
        lost: list[str] = []

        def fault(action: str, _: str, key: str) -> None:
            if action == "s3:PutObject" and "/reads/" in key and len(lost) < 3:
                lost.append(key)
                raise NoAnswerError

        stage.world.store.fault = fault
        write(stage, "1", line(stage, USER))
        await until(stage, "set", reasons.UNUSUAL_READS, READS)
        assert len(lost) == 3
        assert unusual(stage) == [("NotAnInput", "Identity", USER, 1)]

    play(scene, sweeps=False)


def reads_condition(stage: Stage) -> Json:
    return stage.condition(READS, "set", DATASET_PIN)


def test_what_is_no_log_is_said_and_silence_is_not_believed() -> None:
    async def scene(stage: Stage) -> None:
        prepare(stage, prefix="wrong/")
        # Written long before the other one, which is read first.
        write(stage, "right/0", line(stage, USER))
        await until(stage, "set", reasons.VERIFIED)
        await stage.sleep(3 * HOUR)
        assert log_reason(stage) == reasons.ACCESS_LOG_NOT_READ, "there is none"
        assert (
            "s3://logs/wrong/"
            in stage.condition("AccessLogRead", "primary", OBJECT_STORE)["message"]
        )
        assert reads_condition(stage)["status"] == "Unknown"
        write(stage, "wrong/1", *(b"level=info msg=hello\n" for _ in range(20)))
        await stage.until(
            "it is said", lambda: log_reason(stage) == reasons.ACCESS_LOG_NOT_UNDERSTOOD, HOUR
        )
        assert (log(stage)["lines"], log(stage)["unparsed"]) == (20, 20)
        assert stage.metric("glovebox_access_log_lines_total", result="unparsed") == 20
        await stage.sleep(MINUTE)
        assert reads_condition(stage)["status"] == "Unknown"
        # Corrected: what is there is read from its beginning, and nothing is said of the other.
        changed = {"spec": {"accessLog": {"prefix": "right/"}}}
        assert stage.world.edit(OBJECT_STORE, None, "primary", changed)
        await until(stage, "set", reasons.UNUSUAL_READS, READS)
        assert log_reason(stage) == reasons.ACCESS_LOG_READ

    play(scene, sweeps=False)


def test_a_log_that_cannot_be_read_for_an_hour_is_said_of_the_pins() -> None:
    async def scene(stage: Stage) -> None:
        prepare(stage)
        write_another(stage)
        await until(stage, "set", reasons.READS_EXPECTED, READS)
        fails = [True]

        def fault(action: str, bucket: str, _: str) -> None:
            if fails and bucket == LOGS and action.startswith("s3:"):
                raise S3Error(403, "AccessDenied")

        stage.world.store.fault = fault
        await stage.until("it is said", lambda: log_reason(stage) == reasons.ACCESS_LOG_NOT_READ)
        await stage.sleep(10 * MINUTE)
        assert reads_condition(stage)["status"] == "True", "this may pass"
        await stage.until("it is said", lambda: reads_condition(stage)["status"] == "Unknown", HOUR)
        # By a process that has read nothing itself, too.
        await stage.process.kill()
        stage.process.start()
        await stage.sleep(2 * HOUR)
        assert reads_condition(stage)["status"] == "Unknown"
        fails.clear()
        await until(stage, "set", reasons.READS_EXPECTED, READS)

    play(scene, sweeps=False)


def test_the_log_of_a_store_that_is_not_ready_is_not_said_to_be_read() -> None:
    async def scene(stage: Stage) -> None:
        prepare(stage)
        write_another(stage)
        await stage.until("it is read", lambda: log_reason(stage) == reasons.ACCESS_LOG_READ)
        wrong = {"spec": {"credentialsSecretRef": {"name": "none"}}}
        assert stage.world.edit(OBJECT_STORE, None, "primary", wrong)
        await stage.until(
            "it is said", lambda: log_reason(stage) == reasons.ACCESS_LOG_NOT_READ, HOUR
        )

    play(scene, sweeps=False)


def test_an_object_that_never_ends_keeps_no_other_from_being_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("glovebox.tasks.access_log._OBJECT_BYTES", 1 << 20)

    async def scene(stage: Stage) -> None:
        prepare(stage)
        await until(stage, "set", reasons.VERIFIED)
        write(stage, "1", gzip.compress(b"x" * (4 << 20)))
        write(stage, "2", line(stage, USER))
        await until(stage, "set", reasons.UNUSUAL_READS, READS)
        assert (log(stage)["unreadable"], log(stage)["objects"]) == (1, 2)

    play(scene, sweeps=False)


def test_a_pin_without_its_manifest_keeps_no_other_from_being_watched() -> None:
    async def scene(stage: Stage) -> None:
        prepare(stage)
        declare_listed(stage)
        await until(stage, "listed", reasons.VERIFIED)
        place, gone = status(stage, "listed")["manifest"], [True]

        def fault(action: str, _: str, key: str) -> None:
            if gone and key == place["key"] and action.startswith("s3:GetObject"):
                raise S3Error(404, "NoSuchKey")

        stage.world.store.fault = fault
        await stage.process.kill()
        stage.process.start()
        write(stage, "1", line(stage, USER, "set/part-1"))
        await until(stage, "set", reasons.UNUSUAL_READS, READS)
        await until(stage, "listed", reasons.ACCESS_LOG_NOT_READ, READS)
        gone.clear()
        write(stage, "2", line(stage, USER, "set/part-1"))
        await until(stage, "listed", reasons.UNUSUAL_READS, READS)

    play(scene, sweeps=False)


def declare_listed(stage: Stage) -> None:
    """Let the pin `listed` be there: two objects of `set`, by a list."""
    store = stage.world.store
    versions = [store.bucket(SOURCE).keys[f"set/part-{n}"][-1] for n in range(2)]
    rows = [{"key": each.key, "versionId": each.version_id} for each in versions]
    store.put(LOADER, SOURCE, "list.jsonl", "".join(json.dumps(r) + "\n" for r in rows).encode())
    spec = pin_spec() | {"source": {"manifest": {"bucket": SOURCE, "key": "list.jsonl"}}}
    stage.world.declare(DATASET_PIN, "listed", spec)


def test_a_pin_by_a_list_is_watched_by_its_manifest() -> None:
    async def scene(stage: Stage) -> None:
        prepare(stage)
        write_another(stage)
        declare_listed(stage)
        await until(stage, "listed", reasons.READS_EXPECTED, READS)
        write(stage, "1", line(stage, USER, "set/part-1"), line(stage, USER, "set/part-2"))
        await until(stage, "listed", reasons.UNUSUAL_READS, READS)
        assert unusual(stage, "listed") == [("NotAnInput", "Identity", USER, 1)]
        await until(stage, "set", reasons.UNUSUAL_READS, READS)
        assert unusual(stage) == [("NotAnInput", "Identity", USER, 2)]

    play(scene, sweeps=False)


def test_a_store_that_names_no_log_any_more_says_nothing_of_it() -> None:
    async def scene(stage: Stage) -> None:
        prepare(stage)
        write_another(stage)
        await until(stage, "set", reasons.READS_EXPECTED, READS)
        write(stage, "1", line(stage, USER))
        await until(stage, "set", reasons.UNUSUAL_READS, READS)
        assert stage.metric(NEWEST, store="primary") > 0
        assert stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"accessLog": None}})
        await stage.until("it is gone", lambda: not log(stage))
        await until(stage, "set", "None", READS)
        assert "reads" not in status(stage, "set")
        assert stage.metric(NEWEST, store="primary") == 0, "of what is not read nothing is late"

    play(scene, sweeps=False)


@pytest.mark.parametrize("fault", OF_A_STATUS, ids=named)
def test_a_status_that_is_not_written_is_written_later(fault: Fault) -> None:
    faults = FailingStatus(DATASET_PIN, fault)

    async def scene(stage: Stage) -> None:
        prepare(stage)
        write_another(stage)
        await until(stage, "set", reasons.READS_EXPECTED, READS)
        faults.left = 2
        write(stage, "1", line(stage, USER))
        await until(stage, "set", reasons.UNUSUAL_READS, READS)
        assert len(events(stage)) == 1

    play(scene, faults=faults)
