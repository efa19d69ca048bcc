"""One long-running program: ready, failed or late, and always with words about it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from glovebox_local.errors import LocalError
from glovebox_local.part import Part, PartSpec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLEEP = ("sleep", "60")


class Stage:
    """A folder for parts; all that were made in it are ended at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: list[Part] = []

    def part(self, spec: PartSpec) -> Part:
        part = Part(spec, logs=self.folder, run=self.folder, tied=True)
        self.parts.append(part)
        return part


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    for part in stage.parts:
        part.kill()


def _ready() -> None:
    return None


def test_a_part_is_found_again_by_another_program(stage: Stage) -> None:
    stage.part(PartSpec("one", SLEEP, _ready)).start()
    again = stage.part(PartSpec("one", SLEEP, _ready))
    assert again.running
    assert again.pid == stage.parts[0].pid


def test_starting_what_runs_changes_nothing(stage: Stage) -> None:
    part = stage.part(PartSpec("one", SLEEP, _ready))
    part.start()
    pid = part.pid
    part.start()
    assert part.pid == pid


def test_a_part_starts_again_after_it_was_killed(stage: Stage) -> None:
    part = stage.part(PartSpec("one", SLEEP, _ready))
    part.start()
    pid = part.pid
    part.kill()
    assert not part.running
    part.start()
    assert part.pid != pid


def test_readiness_is_waited_for_and_told(stage: Stage) -> None:
    answers = iter(["not yet", "nearly", None])
    told: list[str] = []
    part = stage.part(PartSpec("one", SLEEP, lambda: next(answers)))
    part.launch()
    part.wait_ready(told.append)
    assert told == ["not yet", "nearly"]


def test_a_program_that_ends_by_itself_is_told_with_its_last_words_and_its_log(
    stage: Stage,
) -> None:
    part = stage.part(
        PartSpec(
            "one", ("sh", "-c", "echo address already in use; exit 1"), lambda: "does not answer"
        )
    )
    with pytest.raises(LocalError) as failed:
        part.start()
    assert (
        str(failed.value)
        == "Starting one failed: it ended by itself; its last words:\n  address already in"
        f" use\nThe whole log: {stage.folder}/one.log"
    )


def test_a_program_that_is_never_ready_is_told_with_what_is_missing(stage: Stage) -> None:
    part = stage.part(PartSpec("one", SLEEP, lambda: "answers 500", timeout=0.1))
    with pytest.raises(LocalError, match=r"not ready after 0 s \(answers 500\)"):
        part.start()


def test_a_port_that_somebody_took_is_told_before_anything_starts(stage: Stage) -> None:
    with socket.socket() as neighbour:
        neighbour.bind(("127.0.0.1", 0))
        neighbour.listen()
        part = stage.part(PartSpec("one", SLEEP, _ready, ports=(neighbour.getsockname()[1],)))
        with pytest.raises(LocalError, match="has been taken by another program"):
            part.start()
    assert not part.running


def test_the_pid_of_what_does_not_run_is_an_error(stage: Stage) -> None:
    with pytest.raises(LocalError, match="it does not run"):
        _ = stage.part(PartSpec("one", SLEEP, _ready)).pid
