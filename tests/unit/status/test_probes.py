"""Verdicts of the probe as its Job and pod tell them; what is not understood proves nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from glovebox.data.probing import EXIT_CODES, Entry, Expected, Outcome, Verdict
from glovebox.status.probes import probe_ended
from glovebox.status.runs import is_made_for

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def job(condition: str | None, **more: str) -> dict[str, Any]:
    conditions = [{"type": condition, "status": "True", **more}] if condition else []
    metadata = {"uid": "u", "annotations": {"glovebox.dev/policy-digest": "sha256:p"}}
    return {"metadata": metadata, "status": {"conditions": conditions}}


def pod(message: str, code: int = 0) -> dict[str, Any]:
    return {
        "status": {
            "containerStatuses": [
                {"name": "probe", "state": {"terminated": {"exitCode": code, "message": message}}}
            ]
        }
    }


def verdict(*outcomes: tuple[str, Outcome]) -> str:
    return (
        Verdict(
            tuple(
                Entry(name, Expected.BLOCKED, outcome, f"about {name}")
                for name, outcome in outcomes
            )
        )
        .message()
        .decode()
    )


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
def test_what_failed_is_named(
    entries: tuple[tuple[str, Outcome], ...], outcome: str, failed: tuple[str, ...], message: str
) -> None:
    # Its exit code makes the Job fail where isolation did: the verdict is what it said.
    for end in ("Complete", "Failed"):
        found = probe_ended(job(end), [pod(verdict(*entries), EXIT_CODES[Outcome(outcome)])], NOW)
        assert found
        assert (found.outcome, found.failed, found.message, found.attempts) == (
            outcome,
            failed,
            message,
            2,
        )
        assert (found.verified_time, found.policy_digest, found.job_uid) == (NOW, "sha256:p", "u")


GOOD = verdict(("api", Outcome.PASSED), ("dns", Outcome.PASSED))
BAD = verdict(("api", Outcome.FAILED), ("dns", Outcome.PASSED))


def edited(text: str, **changes: Any) -> str:
    return orjson.dumps(orjson.loads(text) | changes).decode()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        pytest.param(GOOD, 3, id="passed, with the exit code of a breach"),
        pytest.param(GOOD, 137, id="passed, and killed"),
        pytest.param(GOOD, None, id="passed, without an exit code"),
        pytest.param(BAD, 0, id="failed, with the exit code of a proof"),
        pytest.param(edited(BAD, outcome="Passed"), 0, id="passed in words, failed in numbers"),
        pytest.param(edited(GOOD, outcome="Failed"), 3, id="failed in words, passed in numbers"),
        pytest.param(
            edited(BAD, outcome="Passed", counts={"passed": 2, "failed": 0, "unknown": 0}),
            0,
            id="a failed line not counted",
        ),
        pytest.param(
            edited(GOOD, counts={"passed": 3, "failed": 0, "unknown": 0}),
            0,
            id="more counted than listed",
        ),
        pytest.param(
            edited(GOOD, entries=[], counts={"passed": 0, "failed": 0, "unknown": 0}),
            0,
            id="nothing tried",
        ),
    ],
)
def test_a_verdict_that_does_not_follow_from_itself_proves_nothing(
    said: str, code: int | None
) -> None:
    ended = pod(said) if code is None else pod(said, code)
    if code is None:
        del ended["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"]
    found = probe_ended(job("Failed", message="the Job failed"), [ended], NOW)
    assert found
    assert (found.outcome, found.failed) == ("Unknown", ())


OWNER = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "name": "glovebox-probe",
    "uid": "job-1",
    "controller": True,
}


@pytest.mark.parametrize(
    ("owners", "made"),
    [
        pytest.param([OWNER], True, id="the Job's own"),
        pytest.param([], False, id="nobody's"),
        pytest.param([OWNER | {"uid": "job-2"}], False, id="of another Job, under the same name"),
        pytest.param([OWNER | {"controller": False}], False, id="owned, but not controlled"),
        pytest.param(
            [OWNER | {"name": "forged", "uid": "job-3"}],
            False,
            id="another Job's, whatever its labels",
        ),
    ],
)
def test_only_a_pod_that_the_job_controls_speaks_for_it(
    owners: list[dict[str, Any]], *, made: bool
) -> None:
    assert is_made_for({"metadata": {"ownerReferences": owners}}, "job-1") is made
    assert is_made_for({"metadata": {}}, "job-1") is False


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


def routes(*, api: Outcome) -> str:
    entries = (
        Entry("route/features/443", Expected.NOT_BLOCKED, Outcome.UNKNOWN, "timed out"),
        Entry("api", Expected.BLOCKED, api, "about api"),
        Entry("dns", Expected.REACHABLE, Outcome.PASSED, "answered"),
    )
    return Verdict(entries).message().decode()


def test_a_declared_route_where_nobody_answers_is_told_and_takes_nothing_from_the_walls() -> None:
    found = probe_ended(job("Failed"), [pod(routes(api=Outcome.PASSED), 4)], NOW)
    assert found
    assert (found.outcome, found.message) == ("Passed", "route/features/443: timed out")
    doubted = probe_ended(job("Failed"), [pod(routes(api=Outcome.UNKNOWN), 4)], NOW)
    assert doubted
    assert doubted.outcome == "Unknown"


def test_a_pod_that_no_node_took_says_why() -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    waiting = {"status": {"phase": "Pending", "conditions": [unscheduled]}}
    found = probe_ended(job("Failed", reason="DeadlineExceeded"), [waiting], NOW)
    assert found
    assert found.outcome == "Unknown"
    assert found.message.startswith(
        "the probe did not end within 300 s: no node takes the pod: 0/1 nodes are available"
    )


def test_where_its_pod_went_with_the_deadline_events_are_named() -> None:
    ended = job("Failed", reason="DeadlineExceeded")
    ended["metadata"]["namespace"] = "gbx-x"
    found = probe_ended(ended, [], NOW)
    assert found
    assert "`kubectl get events -n gbx-x`" in found.message


def test_the_longest_verdict_fits_the_status() -> None:
    found = probe_ended(
        job("Failed"),
        [
            pod(
                verdict(
                    *((f"attempt-{number}-{'x' * 60}", Outcome.FAILED) for number in range(60))
                ),
                3,
            )
        ],
        NOW,
    )
    assert found
    assert len(found.failed) == 16
    assert len(found.message) <= 1024
    assert len(orjson.dumps(found.model_dump(mode="json"))) < 4096
