"""What a Job and its pods say about a run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api.experiment_status import RunStatus
from glovebox.status.experiment_work import is_recorded, record_run
from glovebox.status.runs import job_ended, job_lost, refused_words

MADE = "2026-11-25T05:00:00Z"
ENDED = "2026-11-25T05:10:00Z"


def job(*conditions: dict[str, str], **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"uid": "u1", "creationTimestamp": MADE},
        "status": {"conditions": list(conditions), **status},
    }


def condition(kind: str, reason: str = "", message: str = "") -> dict[str, str]:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": ENDED,
    }


def pod(
    container: str,
    code: int,
    *,
    message: str = "",
    init: bool = False,
    reason: str = "",
    why: str = "",
) -> dict[str, Any]:
    state = {"terminated": {"exitCode": code, "reason": "Error", "message": message}}
    containers = {
        "initContainerStatuses" if init else "containerStatuses": [
            {"name": container, "state": state}
        ]
    }
    metadata = {"name": "glovebox-run-x", "uid": "p1"}
    return {"metadata": metadata, "status": {**containers, "reason": reason, "message": why}}


TABLE: list[tuple[str, dict[str, Any], list[dict[str, Any]], tuple[str, str, str]]] = [
    ("goes on", job(), [], ("", "", "")),
    (
        "is about to fail: its pods still end",
        job(condition("FailureTarget", "PodFailurePolicy")),
        [],
        ("", "", ""),
    ),
    (
        "succeeded",
        job(condition("Complete"), completionTime=ENDED),
        [pod("run", 0)],
        ("Succeeded", "RunSucceeded", "attempt 1"),
    ),
    (
        "succeeded at the second attempt",
        job(condition("Complete"), completionTime=ENDED),
        [pod("run", 1), pod("run", 0)],
        ("Succeeded", "RunSucceeded", "attempt 2"),
    ),
    (
        "failed with last words",
        job(condition("Failed", "BackoffLimitExceeded")),
        [pod("run", 3, message="loss is NaN\n")],
        ("Failed", "RunFailed", "container `run` ended with exit code 3 (Error): loss is NaN"),
    ),
    (
        "the last failure is told, not the first",
        job(condition("Failed", "BackoffLimitExceeded")),
        [pod("run", 3), pod("run", 4)],
        ("Failed", "RunFailed", "exit code 4"),
    ),
    (
        "was thrown out by the kubelet, whatever the container says",
        job(condition("Failed", "BackoffLimitExceeded")),
        [
            pod(
                "run",
                137,
                reason="Evicted",
                why="Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.",
            )
        ],
        (
            "Failed",
            "RunFailed",
            "the pod was evicted from its node: Pod ephemeral local storage usage exceeds",
        ),
    ),
    (
        "was thrown out first and failed by itself in the end",
        job(condition("Failed", "BackoffLimitExceeded")),
        [pod("run", 137, reason="Evicted"), pod("run", 4)],
        ("Failed", "RunFailed", "exit code 4"),
    ),
    (
        "took too long",
        job(
            condition("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
        ),
        [],
        ("Failed", "DeadlineExceeded", "longer than specified deadline"),
    ),
    (
        "was killed together with what gives it its session: the run's own end is told",
        job(condition("Failed", "BackoffLimitExceeded")),
        [
            pod("run", 4)
            | {
                "status": pod("session", 137, init=True)["status"]
                | {"containerStatuses": pod("run", 4)["status"]["containerStatuses"]}
            }
        ],
        ("Failed", "RunFailed", "container `run` ended with exit code 4"),
    ),
    (
        "was given other bytes",
        job(condition("Failed", "PodFailurePolicy")),
        [
            pod(
                "fetch",
                42,
                init=True,
                message='{"input":"train","reason":"DigestMismatch","message":"`a.csv` differs"}',
            )
        ],
        ("Failed", "InputsRefused", "input `train`: DigestMismatch: `a.csv` differs"),
    ),
    (
        "the store stayed away until the deadline",
        job(condition("Failed", "DeadlineExceeded")),
        [
            pod(
                "fetch",
                75,
                init=True,
                message='{"input":"train","reason":"StoreUnreachable","message":"no answer"}',
            )
        ],
        (
            "Failed",
            "DeadlineExceeded",
            "the inputs could not be delivered: input `train`: StoreUnreachable: no answer",
        ),
    ),
    (
        "the fetcher's words are no JSON",
        job(condition("Failed", "PodFailurePolicy")),
        [pod("fetch", 1, init=True, message="Traceback")],
        ("Failed", "InputsRefused", "nothing was run: Traceback"),
    ),
]


@pytest.mark.parametrize(("why", "found", "pods", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_the_end_of_a_run(
    why: str, found: dict[str, Any], pods: list[dict[str, Any]], expected: tuple[str, str, str]
) -> None:
    run = job_ended(found, pods)
    assert (run.outcome, run.reason) == expected[:2], why
    assert expected[2] in run.message
    assert (run.completion_time is None) == (run.outcome == "")
    assert run.job_uid == "u1"


def worker(name: str, code: int, *, is_ended: bool = False) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "gbx-x", "uid": name}
    metadata |= {"deletionTimestamp": ENDED} if is_ended else {}
    return pod("run", code) | {"metadata": metadata}


BY_RULE = condition(
    "Failed",
    "PodFailurePolicy",
    "Container run for pod gbx-x/fit-0 failed with exit code 65 matching FailJob rule at index 1",
)


@pytest.mark.parametrize(
    ("end", "pods", "code"),
    [
        (BY_RULE, [worker("fit-0", 65), worker("fit-1", 137, is_ended=True)], 65),
        (BY_RULE, [worker("fit-0", 65), worker("fit-00", 1)], 65),
        (BY_RULE, [worker("fit-1", 1)], 1),
        (
            condition("Failed", "MaxFailedIndexesExceeded"),
            [worker("fit-0", 4), worker("fit-1", 143, is_ended=True)],
            4,
        ),
        (
            condition("Failed", "DeadlineExceeded"),
            [worker("fit-0-a", 4), worker("fit-0-b", 143, is_ended=True)],
            143,
        ),
        (condition("Failed", "BackoffLimitExceeded"), [worker("fit-0", 143, is_ended=True)], 143),
    ],
    ids=[
        "a rule ended it, and then the others",
        "another one fell when that one was gone",
        "the one that it names is gone",
        "one used up its retries, and the others were ended",
        "the time was over, whatever was before",
        "it was evicted",
    ],
)
def test_workers_that_were_ended_for_another_one_are_no_reason(
    end: dict[str, str], pods: list[dict[str, Any]], code: int
) -> None:
    assert job_ended(job(end), pods).exit_code == code


TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3In0.abc-def_g"
KNOWN = "a known secret of no shape"
FAILED = job(condition("Failed", "BackoffLimitExceeded"))
# Each place of a pod's status that is quoted.
QUOTED = {
    "the program's last words": lambda said: [pod("run", 3, message=said)],
    "the fetcher's words": lambda said: [pod("fetch", 1, init=True, message=said)],
    "the fetcher's JSON": lambda said: [
        pod("fetch", 42, init=True, message=json.dumps({"message": said}))
    ],
    "the kubelet's, of an eviction": lambda said: [pod("run", 1, reason="Evicted", why=said)],
}


@pytest.mark.parametrize("place", QUOTED)
def test_no_secret_that_was_said_is_in_the_end_of_a_run(place: str) -> None:
    pods = QUOTED[place](f"ExpiredToken: {TOKEN}, with {KNOWN}, and that is all")
    message = job_ended(FAILED, pods, [KNOWN]).message
    assert TOKEN not in message
    assert KNOWN not in message
    assert message.endswith("ExpiredToken: [redacted], with [redacted], and that is all")


def test_no_secret_is_in_what_a_cache_was_refused_for() -> None:
    assert refused_words([pod("fetch", 42, message=f"no {TOKEN}")]) == "no [redacted]"


def test_of_what_a_program_said_the_end_is_told_and_no_more() -> None:
    """A status is no log: who may read it need not be allowed to read the pod."""
    said = "row 1: Alice, born 1980\n" * 80 + "ValueError: could not convert"
    message = job_ended(FAILED, [pod("run", 3, message=said)]).message
    words = message.removeprefix("container `run` ended with exit code 3 (Error): ")
    assert len(words) <= 200
    assert words.endswith("ValueError: could not convert")


@pytest.mark.parametrize("reason", ["RunLost", "RunStopped", "Abandoned"])
def test_a_run_without_its_job_is_over(reason: str) -> None:
    run = job_lost(RunStatus(job_uid="u1"), datetime(2026, 11, 25, tzinfo=UTC), reason)
    assert (run.outcome, run.reason, run.job_uid) == ("Failed", reason, "u1")


RECORDED = {"jobUid": "u1", "attempts": 1}
ENDED_RUN = RunStatus(job_uid="u1", attempts=3, completion_time=datetime(2026, 11, 25, tzinfo=UTC))


@pytest.mark.parametrize(
    ("run", "recorded", "expected"),
    [
        pytest.param(RunStatus(job_uid="u1", attempts=1), RECORDED, True, id="as it is"),
        pytest.param(RunStatus(job_uid="u1", attempts=7), RECORDED, True, id="one more pod"),
        pytest.param(RunStatus(job_uid="u1"), RECORDED, True, id="its pods are gone"),
        pytest.param(RunStatus(job_uid="u2", attempts=1), RECORDED, False, id="another Job"),
        pytest.param(RunStatus(job_uid="u1", attempts=1), None, False, id="nothing is recorded"),
        pytest.param(ENDED_RUN, record_run(ENDED_RUN), True, id="its end is recorded"),
        pytest.param(
            ENDED_RUN,
            record_run(ENDED_RUN) | {"attempts": 1},
            False,
            id="how many attempts it took is part of its end",
        ),
    ],
)
def test_whether_what_is_known_of_a_run_is_recorded(
    run: RunStatus,
    recorded: dict[str, Any] | None,
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert is_recorded(run, recorded) is expected


def test_no_secret_of_a_log_comes_into_the_status() -> None:
    said = "KeyError: ASIAABCDEFGHIJKLMNOP aws_secret_access_key=abcdefghijklmnop"
    run = job_ended(job(condition("Failed", "BackoffLimitExceeded")), [pod("run", 1, message=said)])
    assert "exit code 1" in run.message
    assert "ASIA" not in run.message
    assert "abcdefgh" not in run.message
