"""Redaction of a log, whatever is in it, keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from glovebox.controllers.experiment.log_redaction import redact_beside

LOG_BYTES = 1 << 20
READ = LOG_BYTES + (64 << 10)
SECRETS = ("a-plain-secret-key-of-forty-letters-0123", "T" * 1800)
# What took longest of many tried: names without end, and texts of one line.
HOSTILE = ("a=", "secret_secret_secret_secret_=", "a." * 63 + "a=", "token=x ", "A ", "_")


def log(piece: str) -> bytes:
    return (piece * (READ // len(piece) + 1))[:READ].encode()


async def longest_silence(*logs: bytes) -> float:
    """Redact logs at once; return for how long the loop did nothing else (seconds)."""
    turn, longest, last = asyncio.Lock(), 0.0, time.monotonic()
    work = asyncio.gather(*(redact_beside(turn, each, SECRETS, LOG_BYTES) for each in logs))
    while not work.done():
        await asyncio.sleep(0.005)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    for body, _, cut in await work:
        assert cut
        assert 0 < len(body) <= LOG_BYTES
    return longest


async def test_the_loop_is_silent_for_no_second_while_hostile_logs_are_redacted() -> None:
    assert await longest_silence(*map(log, HOSTILE)) < 1.0


async def test_one_log_is_redacted_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = threading.Lock()
    overlaps: list[bool] = []

    def redact_log(raw: bytes, known: object, most: int, pause: object) -> tuple[bytes, int, bool]:
        del known, most, pause
        overlaps.append(not busy.acquire(blocking=False))
        time.sleep(0.01)
        busy.release()
        return raw, 0, True

    monkeypatch.setattr("glovebox.controllers.experiment.log_redaction.redact_log", redact_log)
    await longest_silence(*[b"x"] * 8)
    assert overlaps == [False] * 8
