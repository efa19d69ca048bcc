"""Verdicts of the probe as its Job and pod tell them; what is not understood proves nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from glovebox.data.probing import Entry, Expected, Outcome, Verdict
from glovebox.status.probes import probe_ended

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def job(condition: str | None, **more: str) -> dict[str, Any]:
    conditions = [{"type": condition, "status": "True", **more}] if condition else []
    metadata = {"uid": "u", "annotations": {"glovebox.dev/policy-digest": "sha256:p"}}
    return {"metadata": metadata, "status": {"conditions": conditions}}


def pod(message: str) -> dict[str, Any]:
    return {"status": {"containerStatuses": [{"name": "probe", "state": {"terminated": {"exitCode": 0, "message": message}}}]}}


def verdict(*outcomes: tuple[str, Outcome]) -> str:
    return Verdict(tuple(Entry(name, Expected.BLOCKED, outcome, f"about {name}") for name, outcome in outcomes)).message().decode()


def test_a_job_that_goes_on_has_no_verdict() -> None:
    assert probe_ended(job(None), [pod(verdict(("api", Outcome.PASSED)))], NOW) is None


@pytest.mark.parametrize(
    ("entries", "outcome", "failed", "message"),
    [
        ((("api", Outcome.PASSED), ("dns", Outcome.PASSED)), "Passed", (), ""),
        ((("api", Outcome.FAILED), ("dns", Outcome.PASSED)), "Failed", ("api",), "api: about api"),
        ((("api", Outcome.FAILED), ("s3", Outcome.UNKNOWN)), "Failed", ("api",), "api: about api"),
        ((("api", Outcome.PASSED), ("s3", Outcome.UNKNOWN)), "Unknown", (), "s3: about s3"),
    ],
)
def test_what_failed_is_named(entries: tuple[tuple[str, Outcome], ...], outcome: str, failed: tuple[str, ...], message: str) -> None:
    # Its exit code makes the Job fail where the walls did: the verdict is what it said.
    for end in ("Complete", "Failed"):
        found = probe_ended(job(end), [pod(verdict(*entries))], NOW)
        assert found
        assert (found.outcome, found.failed, found.message, found.attempts) == (outcome, failed, message, 2)
        assert (found.verified_time, found.policy_digest, found.job_uid) == (NOW, "sha256:p", "u")


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Traceback",
        "[]",
        "{}",
        '{"format":"another","outcome":"Passed","entries":[],"counts":{}}',
        '{"format":"glovebox.dev/probe/v1","outcome":"Fine","entries":[],"counts":{}}',
        '{"format":"glovebox.dev/probe/v1","outcome":"Passed","entries":1,"counts":{}}',
        '{"format":"glovebox.dev/probe/v1","outcome":"Passed","entries":[{}],"counts":{}}',
        '{"format":"glovebox.dev/probe/v1","outcome":"Passed","entries":[],"counts":{"passed":"many"}}',
    ],
)
def test_what_is_no_verdict_proves_nothing(said: str) -> None:
    found = probe_ended(job("Failed", message="the Job failed"), [pod(said)], NOW)
    assert found
    assert (found.outcome, found.failed) == ("Unknown", ())
    assert found.message.startswith("the probe ended without a verdict")


def test_a_pod_that_no_node_took_says_why() -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    waiting = {"status": {"phase": "Pending", "conditions": [unscheduled]}}
    found = probe_ended(job("Failed", reason="DeadlineExceeded"), [waiting], NOW)
    assert found
    assert found.outcome == "Unknown"
    assert found.message == "the probe did not end within 300 s: no node takes the pod: 0/1 nodes are available"


def test_the_longest_verdict_fits_the_status() -> None:
    found = probe_ended(job("Failed"), [pod(verdict(*((f"attempt-{number}-{'x' * 60}", Outcome.FAILED) for number in range(60))))], NOW)
    assert found
    assert len(found.failed) == 16
    assert len(found.message) <= 1024
    assert len(orjson.dumps(found.model_dump(mode="json"))) < 4096
