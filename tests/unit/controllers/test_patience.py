"""Until when something is tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox.controllers.patience import deadline
from glovebox.controllers.ports import Failures, Ports
from glovebox.kube.resources import Key

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = Key("Experiment", "team", "x")


@pytest.mark.parametrize(
    ("event", "until"),
    [
        pytest.param(NOW, NOW + HOUR, id="from the event"),
        pytest.param(NOW - 2 * HOUR, NOW + HOUR, id="from the first try after it was down"),
        pytest.param(None, NOW + HOUR, id="from the first try of what nobody has a time for"),
        pytest.param(NOW + HOUR, NOW + 2 * HOUR, id="from an event that is still to come"),
        pytest.param(NOW - 25 * HOUR, NOW + HOUR / 60, id="for a minute after a day"),
    ],
)
def test_until_when_something_is_tried(event: datetime | None, until: datetime) -> None:
    passed = [0.0]
    failures = Failures(lambda: passed[0])
    ports: Any = SimpleNamespace(failures=failures, now=lambda: NOW + timedelta(seconds=passed[0]))
    assert deadline(cast("Ports", ports), KEY, "it", event, HOUR) == until
    passed[0] = 1_800.0
    assert deadline(cast("Ports", ports), KEY, "it", event, HOUR) == until
