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


def test_networks_that_are_none_are_refused_by_the_name_of_their_variable() -> None:
    with pytest.raises(ValidationError, match=r"GLOVEBOX_NEVER_REACHABLE lists .*192\.0\.2\.0/24"):
        Settings.from_environment({"GLOVEBOX_NEVER_REACHABLE": "192.0.2.1/24"})
    made = Settings.from_environment({"GLOVEBOX_NEVER_REACHABLE": "192.0.2.0/24, 2001:db8::/32"})
    assert list(map(str, made.networks_never_reachable)) == ["192.0.2.0/24", "2001:db8::/32"]
