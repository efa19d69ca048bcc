"""How an Experiment is followed: over gaps, failures, and one that was created again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.cli.following import Deadline, follow
from glovebox.errors import Unavailable
from glovebox.kube.resources import Key

Json = dict[str, Any]
AWAY = Unavailable(reasons.API_UNAVAILABLE, "no answer")
GONE = Unavailable(reasons.API_UNAVAILABLE, "the API server said 410")
HIDDEN = Unavailable(reasons.REJECTED, "the API server said 403")


def at(version: int, uid: str = "u") -> Json:
    return {"metadata": {"uid": uid, "resourceVersion": str(version)}}


class Cluster:
    """Says what it was given, one read or watch after the other; each costs a second."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.now = 0.0
        self.watched: list[tuple[str, float]] = []

    def _next(self, kind: str) -> Any:
        self.now += 1
        asked, answer = self.answers.pop(0)
        assert asked == kind
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    def find(self, key: Key) -> Json | None:
        assert key == Key("Experiment", "a", "x")
        found: Json | None = self._next("read")
        return found

    def changes(
        self, namespace: str, name: str, version: str, seconds: float
    ) -> Iterator[Json | None]:
        assert (namespace, name) == ("a", "x")
        self.watched.append((version, seconds))
        for each in self._next("watch"):
            if isinstance(each, Unavailable):
                raise each
            yield each

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def seen(cluster: Cluster, seconds: float | None = None) -> list[Json | None]:
    deadline = Deadline(seconds, lambda: cluster.now)
    return list(follow(cluster, "a", "x", deadline, lambda _: 10.0, cluster.sleep))


@pytest.mark.parametrize(
    "break_", [[], [GONE], [AWAY]], ids=["it ends", "is too old", "is cut off"]
)
def test_what_happened_in_a_gap_is_read_and_the_watch_goes_on_from_there(break_: list[Any]) -> None:
    cluster = Cluster(
        ("read", at(1)),
        ("watch", [at(2), *break_]),
        ("read", at(5)),
        ("watch", [at(6), None]),
    )
    assert seen(cluster) == [at(1), at(2), at(5), at(6), None]
    assert cluster.watched == [("1", 10.0), ("5", 10.0)]


def test_a_deletion_in_a_gap_is_found_also_when_it_was_created_again() -> None:
    assert seen(Cluster(("read", at(1)), ("watch", []), ("read", None))) == [at(1), None]
    again = Cluster(("read", at(1)), ("watch", []), ("read", at(9, "v")))
    assert seen(again) == [at(1), None]


def test_a_server_that_is_away_for_a_while_is_waited_for() -> None:
    cluster = Cluster(
        ("read", at(1)), ("watch", AWAY), ("read", AWAY), ("read", at(2)), ("watch", [None])
    )
    assert seen(cluster) == [at(1), at(2), None]


def test_a_server_that_stays_away_is_told() -> None:
    cluster = Cluster(("read", at(1)), *[("watch", AWAY)], *[("read", AWAY)] * 100)
    with pytest.raises(Unavailable, match="no answer"):
        seen(cluster)
    assert 120 <= cluster.now < 130


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([("read", AWAY)], id="it was never there"),
        pytest.param([("read", HIDDEN)], id="it may not be read"),
        pytest.param([("read", at(1)), ("watch", HIDDEN)], id="it may not be watched"),
    ],
)
def test_what_waiting_does_not_help_against_is_told_at_once(answers: list[Any]) -> None:
    cluster = Cluster(*answers)
    with pytest.raises(Unavailable):
        seen(cluster)
    assert cluster.answers == []


def test_it_ends_at_the_deadline_and_no_watch_is_longer() -> None:
    cluster = Cluster(("read", at(1)), ("watch", []), ("read", at(1)), ("watch", []))
    assert seen(cluster, 5.0) == [at(1), at(1)]
    assert cluster.watched == [("1", 4.0), ("1", 1.0)]
    assert seen(Cluster(("read", at(1))), 0.0) == [at(1)]


def test_changes_without_end_do_not_outlast_the_deadline() -> None:
    class Restless(Cluster):
        def changes(
            self, namespace: str, name: str, version: str, seconds: float
        ) -> Iterator[Json | None]:
            del namespace, name, version, seconds
            while True:
                self.now += 1
                yield at(int(self.now))

    cluster = Restless(("read", at(1)))
    assert seen(cluster, 5.0) == [at(1), at(2), at(3), at(4), at(5)]
