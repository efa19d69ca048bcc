"""What happens to requests to the store: by chance, to all for a while, or at a death."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from simulation.object_store import NoAnswerError, S3Error
from simulation.story import Story


@dataclass(slots=True)
class StorePlan:
    """What goes wrong with the store in one run.

    Attributes:
        rate: The chance of each request to fail.
        ends: When such chance is over.
        seal_faults: How many writes of a seal fail.
        seal_part: Of which of its documents; empty: of any.
        away: From when until when nothing arrives.
        forbids: From when until when everything is refused.
        crash: Kills the process at its request of that number; 0: never.
        crash_arrives: Whether that request takes effect.
    """

    rate: float = 0.0
    ends: float = 0.0
    seal_faults: int = 0
    seal_part: str = ""
    away: tuple[float, float] = (0.0, 0.0)
    forbids: tuple[float, float] = (0.0, 0.0)
    crash: int = 0
    crash_arrives: bool = False

    def __str__(self) -> str:
        said = [
            *([f"store fails {self.rate:.0%}"] if self.rate else []),
            *([f"{self.seal_faults} faults of the seal"] if self.seal_faults else []),
            *([f"store away {_span(self.away)}"] if self.away[1] else []),
            *([f"store forbids {_span(self.forbids)}"] if self.forbids[1] else []),
        ]
        if self.crash:
            when = "after" if self.crash_arrives else "before"
            said.append(f"killed {when} store request {self.crash}")
        return ", ".join(said)


class StoreFaults:
    """Decides about each request to the store.

    Args:
        plan: What goes wrong.
        chance: The dice.
        time: Virtual seconds.
        story: Told of each fault.
        crash: Kills the process in the middle of its request.
    """

    def __init__(
        self,
        plan: StorePlan,
        chance: random.Random,
        time: Callable[[], float],
        story: Story,
        crash: Callable[[], None],
    ) -> None:
        self._plan, self._chance, self._time = plan, chance, time
        self._story, self._crash = story, crash
        self._requests = 0
        # Set when nothing is to go wrong any more.
        self.over = False

    def __call__(self, action: str, bucket: str, key: str) -> Callable[[], None] | None:
        """Let a request fail; return what is called once it took effect.

        Raises:
            S3Error: It is refused.
            NoAnswerError: It never arrives.
        """
        plan, now = self._plan, self._time()
        where = f"{action} {bucket}/{key[:60]}"
        if self.over:
            return None
        self._requests += 1
        if self._requests == plan.crash:
            self._tell("killed at a store request", where)
            self._crash()
            if not plan.crash_arrives:
                raise NoAnswerError
            return _unanswered
        if plan.away[0] <= now < plan.away[1]:
            self._tell("store away", where)
            raise NoAnswerError
        if plan.forbids[0] <= now < plan.forbids[1]:
            self._tell("store forbids", where)
            raise S3Error(403, "AccessDenied")
        is_seal = action == "s3:PutObject" and "/seals/" in key and plan.seal_faults > 0
        if is_seal and plan.seal_part in key:
            plan.seal_faults -= 1
        elif now >= plan.ends or self._chance.random() >= plan.rate:
            return None
        return self._fail(where)

    def _fail(self, where: str) -> Callable[[], None]:
        name = self._chance.choice(("refused 500", "refused 503", "lost", "unanswered"))
        self._tell(f"store {name}", where)
        match name:
            case "refused 500":
                raise S3Error(500, "InternalError")
            case "refused 503":
                raise S3Error(503, "SlowDown")
            case "lost":
                raise NoAnswerError
        return _unanswered

    def _tell(self, name: str, where: str) -> None:
        self._story.faults[name] += 1
        self._story.tell("the store", f"{where}: {name.removeprefix('store ').upper()}")


def _unanswered() -> None:
    raise NoAnswerError


def _span(span: tuple[float, float]) -> str:
    return f"from second {span[0] - 1000:.0f} to {span[1] - 1000:.0f}"
