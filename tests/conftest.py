"""For every test."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

# An example takes as long as the machine has other things to do.
settings.register_profile("glovebox", deadline=None)
settings.load_profile("glovebox")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let SIGINT be heard, here and in what tests start: a shell that starts us in the background has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
