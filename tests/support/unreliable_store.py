"""A simulated store that fails at random, in each way that a store can."""

from __future__ import annotations

import random
from collections.abc import Callable

from simulation.object_store import NoAnswerError, S3Error


class Unreliable:
    """Fails requests about some keys: refuses, loses the request, or loses the answer of a write.

    Args:
        seed: Of its choices.
        part: What the key of a request has to contain.
        share: How many of these requests fail, from 0 to 1.

    Attributes:
        failed: How many did.
    """

    def __init__(self, seed: int, part: str, share: float) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a simulation
        self._part, self._share = part, share
        self.failed = 0

    def __call__(self, action: str, bucket: str, key: str) -> Callable[[], None] | None:
        """Let a request through, fail it, or return what happens after it took effect."""
        del bucket
        if self._part not in key or self._chance.random() > self._share:
            return None
        self.failed += 1
        match self._chance.choice(("500", "409", "lost", "unanswered")):
            case "500":
                raise S3Error(500, "InternalError")
            case "409" if action == "s3:PutObject":
                raise S3Error(409, "ConditionalRequestConflict")
            case "unanswered" if action == "s3:PutObject":
                return _unanswered
        raise NoAnswerError


def _unanswered() -> None:
    raise NoAnswerError
