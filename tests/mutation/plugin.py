"""Runs the tests that watch each door while it is away, in one process and on the same servers.

A door is noticed when a test that passes fails without it and passes again once it is back. So
neither a change that the API server has not taken up yet nor one that it has not let go of yet can
be mistaken for an answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from mutation.results import keep_doors, keep_each
from mutation.running import Runner, aloud
from mutation.watchers import Listener, Watched, candidates, is_of
from support.api import ApiError

if TYPE_CHECKING:
    from mutation.doors import Door
    from support.cluster import Cluster

# The API server looks for changed policies once a second.
_TAKE_UP_SECONDS: Final = 1.3
_RESTORE_SECONDS: Final = 30.0


class Mutator:
    """The plugin: hands pytest's loop over to the doors.

    Args:
        part: Which part of the doors it is, by the name of its test folder.
        find_doors: Returns the doors that a test folder watches, given the cluster it used.
        wanted: Which doors to take away; for trying one.
        say: Is told what happens.
        folder: Where to keep what the tests saw, so that another run need not learn it again, and
            what became of each door.
    """

    def __init__(
        self,
        part: str,
        find_doors: Callable[[Cluster], list[Door]],
        wanted: Callable[[Door], bool],
        say: Callable[[str], None],
        folder: Path,
    ) -> None:
        self.count = 0
        self.broken: list[str] = []
        self._part = part
        self._find_doors = find_doors
        self._wanted = wanted
        self._say = say
        self._folder = folder
        self._learnt = folder / f"{part}.json"
        self._listener = Listener()
        self._seen: dict[str, Watched] = {}
        self._runner = Runner()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all tests once to learn what they see, then those that matter once for each door."""
        items = list(session.items)
        self._say = aloud(session, self._say)
        with self._listener.listening():
            usable = self._learn(items)
            cluster = self._listener.current
            if cluster is None:
                raise RuntimeError("no test asked a cluster")
            doors = self._find_doors(cluster)
            keep_doors(self._folder, self._part, doors)
            spoken: dict[str, set[str]] = {}
            for door in doors:
                if not door.is_spoken:
                    spoken.setdefault(door.owner, set()).add(door.message)
                spoken.setdefault(door.owner, set())
            self.count = keep_each(
                self._folder,
                self._part,
                filter(self._wanted, doors),
                lambda door: self._take_away(cluster, door, usable, spoken),
                self._say,
            )
        session._setupstate.teardown_exact(None)
        return True

    def _learn(self, items: list[pytest.Item]) -> list[pytest.Item]:
        if self._learnt.exists():
            known = json.loads(self._learnt.read_text())
            self._seen = {name: Watched.read(entry) for name, entry in known.items()}
        usable = [item for item in items if item.nodeid in self._seen]
        for item in items:
            if item in usable:
                continue
            self._listener.now = watched = Watched()
            began = time.monotonic()
            passes = self._runner.passes(item)
            watched.seconds = time.monotonic() - began
            if passes:
                self._seen[item.nodeid] = watched
                usable.append(item)
            else:
                self.broken.append(item.nodeid)
                self._say(
                    f"fails with all doors in place: {item.nodeid}\n{self._runner.trouble[-600:]}"
                )
        # What lives for the folder is made now, not while a door is away: made by halves, it could
        # not be made again. The first request tells which cluster it is.
        by_fixtures: dict[frozenset[str], pytest.Item] = {}
        for item in usable:
            by_fixtures.setdefault(frozenset(item.fixturenames), item)  # type: ignore[attr-defined]
        for item in by_fixtures.values():
            self._runner.passes(item)
        # What is heard from now on speaks of a door that is away: nobody learns from it.
        self._listener.now = Watched()
        # Others may have been run by an earlier part.
        passing = {name: asdict(watched) for name, watched in self._seen.items()}
        self._learnt.write_text(json.dumps(passing, default=sorted))
        self._say(f"{len(usable)} tests pass with all doors in place")
        return usable

    def _take_away(
        self,
        cluster: Cluster,
        door: Door,
        items: list[pytest.Item],
        spoken: dict[str, set[str]],
    ) -> str | None:
        """Return the test that noticed."""
        original = cluster.api.get(door.path)
        watching = candidates(door, items, self._seen, spoken)
        while True:
            _put(cluster, door.path, {**door.mutant})
            time.sleep(_TAKE_UP_SECONDS)
            noticed = next((item for item in watching if self._notices(item, door)), None)
            _put(cluster, door.path, original)
            if noticed is None or self._passes_again(noticed):
                time.sleep(0 if noticed else _TAKE_UP_SECONDS)
                return noticed.nodeid if noticed else None
            # Not an answer: it failed for another reason than the door.
            self._say(
                f"fails although {door} is back: {noticed.nodeid}\n{self._runner.trouble[-600:]}"
            )
            self.broken.append(noticed.nodeid)
            items.remove(noticed)
            watching.remove(noticed)

    def _notices(self, item: pytest.Item, door: Door) -> bool:
        """Return whether a test fails because the door is away.

        One that cannot be run twice says nothing.
        """
        if self._runner.passes(item) or "already exists" in self._runner.trouble:
            return False
        says_so = is_of(door, self._runner.trouble)
        if not says_so:
            self._say(f"fails for another reason: {item.nodeid}\n{self._runner.trouble[-600:]}")
        return says_so

    def _passes_again(self, item: pytest.Item) -> bool:
        deadline = time.monotonic() + _RESTORE_SECONDS
        while not self._runner.passes(item):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True


def _put(cluster: Cluster, path: str, body: dict[str, Any]) -> None:
    """Replace the spec; the API server itself writes to policies and definitions in between."""
    for _ in range(20):
        current = cluster.api.get(path)
        try:
            cluster.api.replace(path, {**current, "spec": body["spec"]})
        except ApiError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise
        else:
            return
    raise RuntimeError(f"{path} changes all the time")
