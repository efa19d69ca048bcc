"""What all tests of the simulation share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from simulation.bugs_told import silence


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep the operator's log out: a story tells what happened."""
    silence()
    yield
    structlog.reset_defaults()
