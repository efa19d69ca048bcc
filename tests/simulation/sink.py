"""A stand-in for a consumer of lineage: it takes events, or is away, or takes none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from glovebox.lineage.read_back import Kept
from glovebox.lineage.sending import SEND_SECONDS, Answer
from glovebox.settings import Lineage, LineageDestination

Json = dict[str, Any]
DESTINATION: Final = "consumer"
# What an operator is set to that tells one consumer.
TELLS: Final = Lineage(
    enabled=True,
    destinations=(LineageDestination(name=DESTINATION, url="https://lineage.invalid/v1"),),
)
# The same, and it is asked whether it has what it took.
READS_BACK: Final = TELLS.model_copy(
    update={
        "destinations": (
            TELLS.destinations[0].model_copy(
                update={"read_url": "https://lineage.invalid/runs/{run}"}
            ),
        )
    }
)


class Sink:
    """One consumer.

    Attributes:
        answers: What it says to an event; None: it hangs.
        received: The bytes that it took, in order; an event that was sent twice is here twice.
        asked: How often somebody tried.
        keeps: What it says when it is asked for a run.
        read_back: The runs that it was asked for.
    """

    def __init__(self) -> None:
        self.answers: Callable[[Json], Answer | None] = lambda _: Answer(201)
        self.received: list[bytes] = []
        self.asked = 0
        self.keeps: Callable[[str], Kept] = lambda _: "found"
        self.read_back: list[str] = []

    async def send(self, destination: LineageDestination, token: str, body: bytes) -> Answer:
        """Take an event."""
        del destination, token
        self.asked += 1
        await asyncio.sleep(0.05)
        answer = self.answers(json.loads(body))
        if answer is None:
            await asyncio.sleep(SEND_SECONDS)
            return Answer(0, words="TimeoutError")
        if answer.meaning == "delivered":
            self.received.append(body)
        # Whoever dies now has delivered it and does not know.
        await asyncio.sleep(0.05)
        return answer

    async def ask(self, destination: LineageDestination, token: str, run: str) -> Kept:
        """Say whether it has a run."""
        del token
        assert destination.read_url
        self.read_back.append(run)
        await asyncio.sleep(0.05)
        return self.keeps(run)

    def events(self) -> list[Json]:
        """Return the events that it has, each once, in the order in which they came."""
        return [json.loads(body) for body in dict.fromkeys(self.received)]

    def steps(self, name: str = "x") -> list[str]:
        """Return the types of the events of an experiment."""
        return [
            event["eventType"]
            for event in self.events()
            if event["job"]["name"].partition(".")[2] == name
        ]
