"""What an attempt that came to nothing is told as."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.data.task_ends import render_error
from glovebox.errors import InvalidInput, Unavailable
from glovebox.status.task_jobs import attempt_failed, attempt_silent

JOB = {"metadata": {"name": "glovebox-task-a", "namespace": "glovebox-system"}}
END = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
AGAIN = "; it is tried again from its last checkpoint"


def pod(code: int, message: str = "", *, reason: str = "Error", **status: Any) -> dict[str, Any]:
    state = {"terminated": {"exitCode": code, "reason": reason, "message": message}}
    return {"status": {"containerStatuses": [{"name": "task", "state": state}], **status}}


@pytest.mark.parametrize(
    ("pods", "said"),
    [
        ([], "its pod is gone (BackoffLimitExceeded)"),
        ([pod(137, reason="OOMKilled")], "its pod ended with exit code 137 (OOMKilled) and said"),
        ([pod(143)], "its pod was asked to stop"),
        ([pod(1, "Traceback")], "its pod ended with exit code 1 (Error) and said nothing"),
        (
            [
                {
                    "status": {
                        "reason": "Evicted",
                        "message": "The node was low on resource: memory.",
                    }
                }
            ],
            "its pod was evicted from its node: The node was low on resource: memory.",
        ),
    ],
)
def test_a_pod_that_is_lost_is_a_failed_attempt(pods: list[dict[str, Any]], said: str) -> None:
    error = attempt_failed(JOB, END, pods)
    assert type(error) is Unavailable
    assert error.reason == "TaskFailed"
    assert said in error.message
    assert error.message.startswith("Job 'glovebox-task-a' in 'glovebox-system': ")
    assert error.message.endswith(AGAIN)


def test_what_the_program_says_is_the_error_with_its_class() -> None:
    said = render_error(InvalidInput("SourceEmpty", "there is nothing to pin")).decode()
    error = attempt_failed(JOB, END, [pod(137), pod(42, said)])
    assert type(error) is InvalidInput
    assert (error.reason, error.message) == ("SourceEmpty", "there is nothing to pin")


def test_a_silent_attempt_says_what_its_pod_waits_for() -> None:
    error = attempt_silent(JOB, "no node takes the pod", 600.0)
    assert error.reason == "TaskFailed"
    assert "gave no sign of life for 10 minutes: no node takes the pod" in error.message
    assert "its pod runs and does not report" in attempt_silent(JOB, "", 600.0).message
