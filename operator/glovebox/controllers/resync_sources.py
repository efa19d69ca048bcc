"""Our own kinds as sources of the resync: listed whole, and compared with the cache."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from glovebox.controllers.ports import Ports
from glovebox.engine.resync import Source
from glovebox.kube.kinds import CUSTOM_KINDS, Kind
from glovebox.kube.resources import Key


def sources(ports: Ports) -> list[Source[Key]]:
    """Return one source for each of our own kinds, named by it."""
    return [_source(ports, kind) for kind in CUSTOM_KINDS]


def _source(ports: Ports, kind: Kind) -> Source[Key]:
    def known() -> Mapping[Key, str]:
        return {Key.of(obj): obj["metadata"]["uid"] for obj in ports.resources.of_kind(kind)}

    async def listed() -> AsyncIterator[tuple[Key, bool]]:
        async for page in ports.reader.pages(kind):
            for item in page.get("items") or ():
                obj = {"apiVersion": kind.api_version, "kind": kind.kind, **item}
                yield Key.of(obj), ports.resources.seen(obj)

    def gone(key: Key, uid: str) -> None:
        now = ports.resources.get(key)
        # Deleted and created again while the list was read: the new object is not in the list.
        if now is not None and now["metadata"]["uid"] == uid:
            ports.resources.gone(key)

    return Source(kind.kind, known, listed, gone)
