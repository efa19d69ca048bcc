"""What became of each door, kept in a folder so that a run can be made in parts.

For each part of the doors, `PART.doors.json` lists all of them and `PART.results.jsonl` has a line
for each one that was taken away; the last line of a door counts. What was kept speaks of the guards
and tests of that time: begin with an empty folder after they changed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from mutation.equivalents import reason_of


class AnyDoor(Protocol):
    """What is known of each door, whatever it is made of; `str` gives its whole name."""

    @property
    def owner(self) -> str:
        """Where it stands."""

    @property
    def part(self) -> str:
        """What sort of door it is."""


_Door = TypeVar("_Door", bound=AnyDoor)


@dataclass(frozen=True, slots=True)
class Result:
    """One door and what became of it.

    Attributes:
        owner: The policy's, definition's or module's name.
        part: `validation`, `condition`, `rule`; of a phase `check`, `effect` or `need`.
        door: Its whole name.
        was_run: Whether it was taken away at all.
        noticed_by: The test that noticed, None when nobody did.
    """

    owner: str
    part: str
    door: str
    was_run: bool = False
    noticed_by: str | None = None

    @property
    def equivalent(self) -> str | None:
        """Why nobody can notice; None when somebody did, or must."""
        return None if self.noticed_by else reason_of(self.door)

    @property
    def survives(self) -> bool:
        """Whether nobody noticed, for no good reason."""
        return self.was_run and self.noticed_by is None and self.equivalent is None


def keep_doors(folder: Path, part: str, doors: Iterable[AnyDoor]) -> None:
    """Write down which doors there are."""
    found = [asdict(Result(door.owner, door.part, str(door))) for door in doors]
    (folder / f"{part}.doors.json").write_text(json.dumps(found, indent=1))


def keep(folder: Path, part: str, door: AnyDoor, noticed_by: str | None) -> None:
    """Add what became of one door; several runs may write at once."""
    line = json.dumps({"door": str(door), "noticed_by": noticed_by})
    with (folder / f"{part}.results.jsonl").open("a") as file:
        file.write(f"{line}\n")


def keep_each(
    folder: Path,
    part: str,
    doors: Iterable[_Door],
    take_away: Callable[[_Door], str | None],
    say: Callable[[str], None],
) -> int:
    """Take doors away in turn, and keep and say what became of each; return how many there were.

    Args:
        folder: Where results are kept.
        part: Which part of the doors it is.
        doors: These.
        take_away: Takes one away, and returns the test that noticed.
        say: Is told.
    """
    number = 0
    for number, door in enumerate(doors, 1):
        began = time.monotonic()
        noticed = take_away(door)
        keep(folder, part, door, noticed)
        told = noticed or ("nobody can notice" if reason_of(str(door)) else "NOBODY NOTICED")
        say(f"{number:4} {time.monotonic() - began:6.1f} s {told:<60.60} {door}")
    return number


def kept(folder: Path, parts: Sequence[str]) -> list[Result]:
    """Return what became of all doors; those that are gone are left out."""
    return [result for part in parts for result in _of_part(folder, part)]


def _of_part(folder: Path, part: str) -> Iterable[Result]:
    doors = folder / f"{part}.doors.json"
    known: Mapping[str, str | None] = _known(folder / f"{part}.results.jsonl")
    for entry in json.loads(doors.read_text()) if doors.exists() else []:
        name = entry["door"]
        yield Result(entry["owner"], entry["part"], name, name in known, known.get(name))


def _known(path: Path) -> dict[str, str | None]:
    lines = path.read_text().splitlines() if path.exists() else []
    entries = [json.loads(line) for line in lines]
    return {entry["door"]: entry["noticed_by"] for entry in entries}
