"""A dataset that a task in a process of its own reads, as values."""

from __future__ import annotations

from collections.abc import Mapping

from glovebox.store.connection import Store
from glovebox.store.manifests import ManifestLocation
from glovebox.tasks.pinned_files import Pinned
from glovebox.tasks.source_document import AccessDocument, SourceDocument
from glovebox.tasks.strict import Strict


class PinnedDocument(Strict):
    """A dataset that is read; see `Pinned`."""

    name: str
    store: str
    source: SourceDocument
    manifest: ManifestLocation
    access: AccessDocument

    @classmethod
    def of(cls, pinned: Pinned, stores: Mapping[Store, str]) -> PinnedDocument:
        """Return the document of a dataset, with the name of its store."""
        access = AccessDocument.of(pinned.access)
        assert access is not None  # noqa: S101 - there is one, so there is a document
        return cls(
            name=pinned.name,
            store=stores[pinned.store],
            source=pinned.source,
            manifest=pinned.manifest,
            access=access,
        )

    def pinned(self, stores: Mapping[str, Store]) -> Pinned:
        """Return the dataset, by the store that has the name here."""
        return Pinned(
            self.name, stores[self.store], self.source, self.manifest, self.access.access()
        )
