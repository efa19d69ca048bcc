"""Where `glovebox ui` shows what: addresses below that of its first page. Pure.

Names are quoted, whoever chose them: none of them changes where an address leads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import quote, urlencode

from glovebox.api.kinds import BY_NAME
from glovebox.lineage.tree import Node

FLEET: Final = "experiments"
PINS: Final = "pins"
LINEAGE: Final = "lineage"
COMPARE: Final = "compare"
OBJECT: Final = "object"


def with_query(path: str, query: Mapping[str, str], kept: Collection[str] = ()) -> str:
    """Return an address with what is asked for.

    Args:
        path: The address.
        query: Names and values; what is empty is left out.
        kept: Names whose value counts although it is empty.
    """
    asked = urlencode({name: value for name, value in query.items() if value or name in kept})
    return f"{path}?{asked}" if asked else path


def of(kind: str, namespace: str, name: str) -> str:
    """Return the address of the page about an object; empty where there is none.

    Args:
        kind: Its kind.
        namespace: Its namespace; empty for none.
        name: Its name.
    """
    known = BY_NAME.get(kind)
    if known is None or known.namespaced != bool(namespace) or not name:
        return ""
    parts = (known.singular, *([namespace] if namespace else []), name)
    return "/".join((OBJECT, *(quote(each, safe="") for each in parts)))


def named(kind: str, name: str) -> str:
    """Return the same of what is called `NAMESPACE/NAME`, or `NAME`."""
    namespace, _, short = name.rpartition("/")
    return of(kind, namespace, short)


def lineage_of(what: str) -> str:
    """Return the address of the lineage of something."""
    return with_query(LINEAGE, {"of": what})


def compared_with(name: str) -> str:
    """Return the address where an Experiment, `NAMESPACE/NAME`, can be compared with others."""
    return with_query(COMPARE, {"of": name})


def thing(node: Node) -> str:
    """Return the address of the page about a thing of a lineage; empty where there is none."""
    match node.kind:
        case "experiment":
            return named("Experiment", node.about.get("experiment", ""))
        case "pin":
            return named(node.id.partition(" ")[0], node.about.get("pin", ""))
        case "bytes":
            return lineage_of(node.id)
        case _:
            return ""
