"""Takes each door of the phases away and runs the tests that come to it, in one process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from mutation import switch
from mutation.equivalents import reason_of
from mutation.results import keep_doors, keep_each
from mutation.running import Runner, aloud

if TYPE_CHECKING:
    from mutation.phase_doors import PhaseDoor

# Of a door to which hundreds of tests come: after so many seconds of the processor nobody will
# notice.
_MOST_SECONDS: Final = 150.0
# And of one that nobody can notice, as is known.
_EQUIVALENT_SECONDS: Final = 10.0
# How files of tests call what a phase does, where that is not its name.
_CALLED: Final = {
    "prove": "checked",
    "retire": "delet",
    "present": "unclaimed",
    "claim": "unclaimed",
}
# What a table costs; a scene of the simulation costs more.
_NOTHING_SECONDS: Final = 0.02


class PhaseMutator:
    """The plugin: hands pytest's loop over to the doors.

    Args:
        part: By which name results are kept.
        doors: All of them.
        wanted: Which to take away; for trying one.
        say: Is told what happens.
        folder: Where to keep which tests come to which door, and what became of each.
    """

    def __init__(
        self,
        part: str,
        doors: Sequence[PhaseDoor],
        wanted: Callable[[PhaseDoor], bool],
        say: Callable[[str], None],
        folder: Path,
    ) -> None:
        self.count = 0
        self.broken: list[str] = []
        self._part = part
        self._doors = doors
        self._wanted = wanted
        self._say = say
        self._folder = folder
        self._learnt = folder / f"{part}.json"
        self._seconds: dict[str, float] = {}
        self._comes_to: dict[str, set[str]] = {}
        self._runner = Runner()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all tests once to learn where they come, then those that matter for each door."""
        items = {item.nodeid: item for item in session.items}
        say = aloud(session, self._say)
        self._learn(items, say)
        keep_doors(self._folder, self._part, self._doors)
        self.count = keep_each(
            self._folder,
            self._part,
            filter(self._wanted, self._doors),
            lambda door: self._take_away(door, items),
            say,
        )
        session._setupstate.teardown_exact(None)
        return True

    def _learn(self, items: dict[str, pytest.Item], say: Callable[[str], None]) -> None:
        names = {door.number: str(door) for door in self._doors}
        known = json.loads(self._learnt.read_text()) if self._learnt.exists() else {}
        for nodeid, item in items.items():
            if nodeid not in known:
                switch.reached.clear()
                began = time.monotonic()
                if not self._runner.passes(item):
                    self.broken.append(nodeid)
                    say(f"fails with all doors in place: {nodeid}\n{self._runner.trouble[-600:]}")
                    continue
                doors = sorted(names[number] for number in switch.reached)
                known[nodeid] = (time.monotonic() - began, doors)
            self._seconds[nodeid] = known[nodeid][0]
            for door in known[nodeid][1]:
                self._comes_to.setdefault(door, set()).add(nodeid)
        self._learnt.write_text(json.dumps(known))
        say(f"{len(self._seconds)} tests pass with all doors in place")

    def _take_away(self, door: PhaseDoor, items: dict[str, pytest.Item]) -> str | None:
        """Return the test that noticed."""
        most = _EQUIVALENT_SECONDS if reason_of(str(door)) else _MOST_SECONDS
        until = time.process_time() + most
        for nodeid in self._likeliest(door, items):
            if time.process_time() > until:
                break
            switch.away.add(door.number)
            noticed = not self._runner.passes(items[nodeid])
            switch.away.clear()
            if noticed and self._runner.passes(items[nodeid]):
                return nodeid
        return None

    def _likeliest(self, door: PhaseDoor, items: dict[str, pytest.Item]) -> list[str]:
        """Return the tests that come to a door: tables first, they cost nothing.

        Then those of files that are named like its phase. Then the fastest of each file, and the
        next ones: what one file does not watch another one may, though its tests are slower.
        """
        called = _called(door)
        turns: dict[str, int] = {}
        ranked: list[tuple[bool, int, float, str]] = []
        watching = self._comes_to.get(str(door), set()) & items.keys()
        for nodeid in sorted(watching, key=lambda each: self._seconds[each]):
            file = Path(nodeid.partition("::")[0]).stem
            turns[file] = turns.get(file, 0) + 1
            seconds = self._seconds[nodeid]
            is_first = seconds < _NOTHING_SECONDS or any(name in file for name in called)
            ranked.append((not is_first, 0 if is_first else turns[file], seconds, nodeid))
        return [nodeid for *_, nodeid in sorted(ranked)]


def _called(door: PhaseDoor) -> list[str]:
    """Return by which words a file of tests is likely to watch a door."""
    phases = [Path(door.owner).stem.rstrip("s")]
    if door.part == "need":
        phases = door.name.rpartition(": ")[2].split(" waits for ")
    return [_CALLED.get(phase, phase) for phase in phases]
