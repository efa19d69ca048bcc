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
        listing = ports.resources.table(kind).listing()
        version = 0
        async for page in ports.reader.pages(kind):
            version = int(page["metadata"]["resourceVersion"])
            for key, news in listing.page(version, page.get("items") or ()).items():
                yield key, news
        # What the list did not hold is gone now, by the rules of the store; whoever refers to it is
        # enqueued by the change.
        listing.end(version)

    def gone(key: Key, uid: str) -> None:
        """Do nothing: the end of the list said so."""

    return Source(kind.kind, known, listed, gone)
