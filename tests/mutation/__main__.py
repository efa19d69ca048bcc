"""Takes every door away in turn: `python -m mutation [--part PART] [--only PATTERN] [--kept DIR]`.

A run of everything takes an hour. With `--kept` it can be made in parts, also at once, each
with a pattern of its own: what they kept is one page. Before a door is taken away, all tests that
may watch it are run once: `--files` names some, for a few doors whose tests are known.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from glovebox.api.kinds import KINDS
from mutation.doors import ADMISSION, DEFINITIONS, Door, doors_of_definition, doors_of_policy
from mutation.equivalents import without_door
from mutation.phase_doors import import_with_doors
from mutation.phase_plugin import PhaseMutator
from mutation.plugin import Mutator
from mutation.report import PAGE, page
from mutation.results import kept

if TYPE_CHECKING:
    from support.cluster import Cluster

_TESTS: Final = Path(__file__).parents[1]
_OURS: Final = "app.kubernetes.io/name=glovebox"


def guards(cluster: Cluster) -> list[Door]:
    """Return the doors of the guards that are installed."""
    policies = cluster.api.list(ADMISSION, labelSelector=_OURS)
    return [door for policy in policies for door in doors_of_policy(policy)]


def definitions(cluster: Cluster) -> list[Door]:
    """Return the doors of the definitions that are installed."""
    found = [cluster.api.get(f"{DEFINITIONS}/{kind.crd_name}") for kind in KINDS]
    return [door for definition in found for door in doors_of_definition(definition)]


# On a real API server.
SERVED: Final[tuple[tuple[str, Callable[[Cluster], list[Door]]], ...]] = (
    ("guards", guards),
    ("api", definitions),
)
PHASES: Final = "phases"
PARTS: Final = (PHASES, *(name for name, _ in SERVED))
_TESTS_OF_PHASES: Final = ("unit/controllers", "simulation")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is a program


def main() -> int:
    """Run; the exit code is 1 when nobody noticed that a door was away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="doors whose name has this pattern")
    parser.add_argument("--part", choices=PARTS, help="one part")
    parser.add_argument("--files", default="", help="files of tests whose name has this pattern")
    parser.add_argument("--kept", type=Path, help="folder that keeps what tests saw, and results")
    parser.add_argument("--page", action="store_true", help="only write the page of what was kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.kept or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        broken = [] if options.page else _run(folder, options.part, options.only, options.files)
        results = kept(folder, PARTS)
        wanted = [r for r in results if re.search(options.only, r.door)]
    is_whole = options.page or not (options.only or options.part or options.files)
    stale = without_door({result.door for result in results}) if is_whole else []
    for name in stale:
        _say(f"NO SUCH DOOR: {name}")
    if is_whole and not broken:
        PAGE.write_text(page(results, in_parts=options.page))
    survivors = [result for result in wanted if result.survives]
    for result in survivors:
        _say(f"NOBODY NOTICED: {result.door}")
    return 1 if broken or stale or survivors or not wanted else 0


def files_of_tests(folders: Iterable[str], pattern: str) -> list[str]:
    """Return what pytest is given: the folders, or the files in them whose name has a pattern."""
    found = (_TESTS / name for name in folders)
    if not pattern:
        return [str(each) for each in found]
    files = (file for folder in found for file in sorted(folder.rglob("test_*.py")))
    return [str(each) for each in files if re.search(pattern, each.name)]


def _run(folder: Path, part: str | None, only: str, files: str) -> list[str]:
    """Take the doors away; return the tests that said nothing because they fail anyway."""
    began = time.monotonic()
    broken: list[str] = []
    if part in {None, PHASES}:
        broken += _run_phases(folder, only, files)
    for name, find in SERVED:
        if part not in {None, name}:
            continue
        mutator = Mutator(
            name, find, lambda door: re.search(only, str(door)) is not None, _say, folder
        )
        watching = files_of_tests([f"cluster/{name}"], files)
        arguments = [*watching, "-q", "-p", "no:cacheprovider", "--tb=no"]
        pytest.main(arguments, plugins=[mutator])
        broken += mutator.broken
        _say(f"{name}: {mutator.count} doors taken away")
    _say(f"{len(broken)} tests unusable, {(time.monotonic() - began) / 60:.1f} minutes")
    return broken


def _run_phases(folder: Path, only: str, files: str) -> list[str]:
    """Do the same with the phases of an Experiment, whose code is imported here first."""
    doors = import_with_doors()
    mutator = PhaseMutator(
        PHASES, doors, lambda door: re.search(only, str(door)) is not None, _say, folder
    )
    watching = files_of_tests(_TESTS_OF_PHASES, files)
    arguments = [*watching, "-q", "-p", "no:cacheprovider", "--tb=short", "-m", "not slow"]
    pytest.main(arguments, plugins=[mutator])
    _say(f"{PHASES}: {mutator.count} of {len(doors)} doors taken away")
    return mutator.broken


if __name__ == "__main__":
    sys.exit(main())
