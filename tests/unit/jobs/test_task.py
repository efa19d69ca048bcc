"""How the program of a task ends when what fails is neither the store nor the data."""

from __future__ import annotations

import errno
from typing import Any

import orjson
import pytest

from glovebox.data.task_ends import EXIT_UNAVAILABLE
from glovebox.jobs import task


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(
        task, "write_termination_message", lambda raw: found.append(orjson.loads(raw))
    )
    return found


def fails_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    async def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(task, "_until_stopped", fail)


def test_a_full_disk_is_tried_again_and_told_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]]
) -> None:
    fails_with(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    assert task.main() == EXIT_UNAVAILABLE
    (said,) = told
    assert (said["class"], said["reason"]) == ("Unavailable", "TaskFailed")
    assert "no room for temporary files on the disk of the task's pod" in said["message"]


def test_another_error_is_a_bug(
    monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]]
) -> None:
    fails_with(monkeypatch, OSError(errno.EBADF, "Bad file descriptor"))
    with pytest.raises(OSError, match="Bad file"):
        task.main()
    assert [each["reason"] for each in told] == ["InternalError"]
