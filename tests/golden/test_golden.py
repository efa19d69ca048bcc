"""Every golden case renders to what its folder expects."""

from __future__ import annotations

import os
from typing import Final

import pytest
import yaml

from golden.cases import TOPICS, Case, discover

WRITE: Final = os.environ.get("GLOVEBOX_GOLDEN") == "write"


@pytest.mark.parametrize("case", discover(), ids=lambda case: case.name)
def test_the_case_renders_as_expected(case: Case) -> None:
    objects = list(case.objects())
    if WRITE:
        case.expected.write_text(
            yaml.safe_dump_all(
                objects, sort_keys=False, explicit_start=True, allow_unicode=True, width=140
            )
        )
    assert objects == list(yaml.safe_load_all(case.expected.read_text()))


def test_every_topic_has_a_case() -> None:
    assert {case.topic for case in discover()} == set(TOPICS)
