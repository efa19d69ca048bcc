"""What is told of queues: keys that a follower collects wait for nobody."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.controllers.assembly import queues_of


class Queue:
    def __len__(self) -> int:
        return 7

    def oldest_seconds(self) -> float:
        return 86_400.0


@pytest.mark.parametrize(
    ("elector", "told"),
    [
        pytest.param(None, (7, 86_400.0), id="alone"),
        pytest.param(SimpleNamespace(leads=True), (7, 86_400.0), id="it leads"),
        # Else a second replica would be alerted as starved for as long as it waits.
        pytest.param(SimpleNamespace(leads=False), (0, 0.0), id="it follows"),
    ],
)
def test_only_a_replica_that_works_tells_who_waits(elector: Any, told: tuple[int, float]) -> None:
    workers: Any = SimpleNamespace(queues={"cluster": Queue()})
    assert queues_of(workers, elector) == {"cluster": told}
