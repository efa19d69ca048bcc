"""For every test."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

pytest_plugins = ["support.shown"]

# The bound of a test is its time limit; how long one example takes is the machine's affair.
settings.register_profile("glovebox", deadline=None)
settings.load_profile("glovebox")


def pytest_configure() -> None:
    """Refuse to write expectations where they are to be compared."""
    if os.environ.get("GLOVEBOX_GOLDEN") == "write" and os.environ.get("CI"):
        raise pytest.UsageError(
            "GLOVEBOX_GOLDEN=write makes every comparison pass by writing what is compared: it is"
            " refused where CI is set"
        )


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let SIGINT be heard, here and in what tests start: a shell that starts us in the background has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
