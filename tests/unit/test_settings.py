"""Settings that need one another."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from glovebox.settings import Settings

IMAGE = "registry.example/glovebox@sha256:" + "e" * 64


def test_tasks_as_jobs_need_the_image_and_the_refusal_says_how() -> None:
    with pytest.raises(ValidationError, match="set it to the Glovebox image by digest"):
        Settings.from_environment({"GLOVEBOX_TASKS": "Jobs"})
    made = Settings.from_environment({"GLOVEBOX_TASKS": "Jobs", "GLOVEBOX_IMAGE": IMAGE})
    assert made.tasks == "Jobs"


def test_tasks_run_in_the_process_unless_told_otherwise() -> None:
    assert Settings().tasks == "InProcess"
