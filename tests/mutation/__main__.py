"""Takes every door away in turn: `python -m mutation [--only TEXT] [--no-page]`."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from glovebox.api.kinds import KINDS
from mutation.doors import ADMISSION, DEFINITIONS, Door, doors_of_definition, doors_of_policy
from mutation.plugin import Mutator, Verdict
from mutation.report import PAGE, page

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


PARTS: Final[tuple[tuple[str, Callable[[Cluster], list[Door]]], ...]] = (
    ("guards", guards),
    ("api", definitions),
)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is a program


def main() -> int:
    """Run; the exit code is 1 when a door is watched by nobody."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", default="", help="doors whose name has this pattern; no page then"
    )
    parser.add_argument(
        "--part", choices=[name for name, _ in PARTS], help="one part; no page then"
    )
    parser.add_argument("--learnt", type=Path, help="folder that keeps what tests saw")
    options = parser.parse_args()
    began = time.monotonic()
    verdicts: list[Verdict] = []
    broken: list[str] = []
    for folder, find in PARTS:
        if options.part not in {None, folder}:
            continue
        learnt = options.learnt and options.learnt / f"{folder}.json"
        mutator = Mutator(
            find, lambda door: re.search(options.only, str(door)) is not None, _say, learnt
        )
        arguments = [str(_TESTS / "cluster" / folder), "-q", "-p", "no:cacheprovider", "--tb=no"]
        pytest.main(arguments, plugins=[mutator])
        verdicts += mutator.verdicts
        broken += mutator.broken
    survivors = [verdict.door for verdict in verdicts if verdict.noticed_by is None]
    for door in survivors:
        _say(f"NOBODY NOTICED: {door}")
    _say(
        f"{len(verdicts)} doors, {len(survivors)} unwatched, {len(broken)} tests unusable,"
        f" {(time.monotonic() - began) / 60:.1f} minutes"
    )
    if not options.only and not options.part and not broken:
        PAGE.write_text(page(verdicts))
    return 1 if survivors or broken or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
