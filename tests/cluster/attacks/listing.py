"""The committed lists of what is allowed: how they are read, written and compared.

A list says, by place, which verbs hold on which resources. `everywhere` holds for cluster-wide
kinds and in every namespace at once, so a namespace's own entry holds only what is added there;
likewise a name is given only where the right is for that name alone. What any authenticated user
may do is said once, in the list of that name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

from cluster.attacks.identities import Identity
from support.rights import PATHS, Cell

FOLDER: Final = Path(__file__).parent / "allowed"
EVERYWHERE: Final = "everywhere"
CURE: Final = (
    "if this is meant, write the lists and commit them: GLOVEBOX_GOLDEN=write .venv/bin/pytest"
    " tests/cluster/attacks/test_matrix.py"
)


def read(identity: Identity, places: Mapping[str, str], questions: Iterable[Cell]) -> set[Cell]:
    """Return the cells that the list of an identity allows.

    Rights everywhere are opened over the questions about namespaces.
    """
    path = FOLDER / f"{identity.name}.yaml"
    document = yaml.safe_load(path.read_text()) if path.exists() else {}
    listed = {
        cell
        for place, groups in (document.get("allowed") or {}).items()
        for cell in _cells(places[place], groups)
    }
    return listed | {cell for cell in questions if any(wider in listed for wider in _wider(cell))}


def write(identity: Identity, places: Mapping[str, str], cells: Iterable[Cell]) -> None:
    """Write the list of an identity."""
    found = set(cells)
    told = [cell for cell in found if not any(wider in found for wider in _wider(cell))]
    by_place = {
        place: _grouped(cell for cell in told if cell.namespace == namespace)
        for place, namespace in places.items()
    }
    allowed = {place: groups for place, groups in by_place.items() if groups}
    text = yaml.safe_dump({"allowed": allowed}, sort_keys=False, width=110, default_flow_style=None)
    (FOLDER / f"{identity.name}.yaml").write_text(f"# {identity.meaning}.\n{text}")


def differences(actual: set[Cell], expected: set[Cell], places: Mapping[str, str]) -> list[str]:
    """Return one line for each cell in which the two differ."""
    names = {namespace: place for place, namespace in places.items()}
    surplus = [
        f"allowed and not listed: {_shown(cell, names)}" for cell in sorted(actual - expected)
    ]
    missing = [
        f"listed and not allowed: {_shown(cell, names)}" for cell in sorted(expected - actual)
    ]
    return surplus + missing


def _wider(cell: Cell) -> Iterator[Cell]:
    """Return the cells whose yes goes without saying for this one as well.

    Without its name, in every namespace, or both.
    """
    for namespace in {cell.namespace, ""}:
        for name in {cell.name, _name(cell), ""}:
            # A namespace as seen from inside is always asked about by its name.
            wider = Cell(namespace, cell.resource, cell.verb, name)
            if wider != cell:
                yield wider


def _shown(cell: Cell, names: Mapping[str, str]) -> str:
    return f"{cell.verb} {_thing(cell)} in {names[cell.namespace]}"


def _name(cell: Cell) -> str:
    # The question about a namespace from inside it names it; the same question everywhere does not.
    return "" if cell.resource.startswith("core/namespaces") else cell.name


def _thing(cell: Cell) -> str:
    if cell.resource == PATHS:
        return cell.name
    return cell.resource + (f" named {_name(cell)}" if _name(cell) else "")


def _grouped(cells: Iterable[Cell]) -> dict[str, list[str]]:
    """Return the things by the verbs that hold on them."""
    verbs: dict[str, list[str]] = defaultdict(list)
    for cell in sorted(cells):
        verbs[_thing(cell)].append(cell.verb)
    groups: dict[str, list[str]] = defaultdict(list)
    for thing, may in sorted(verbs.items()):
        groups[" ".join(sorted(may))].append(thing)
    return dict(sorted(groups.items()))


def _cells(namespace: str, groups: Mapping[str, list[str]]) -> Iterator[Cell]:
    for verbs, things in groups.items():
        for thing in things:
            resource, _, name = (
                (PATHS, "", thing) if thing.startswith("/") else thing.partition(" named ")
            )
            if namespace and resource.startswith("core/namespaces"):
                name = namespace
            yield from (Cell(namespace, resource, verb, name) for verb in verbs.split())
