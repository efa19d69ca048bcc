"""What the documents of tasks say of a source, and of who may read it."""

from __future__ import annotations

from glovebox.store.source_access import SourceAccess
from glovebox.store.sources import (
    ManifestSource,
    ObjectsSource,
    PartSource,
    PrefixSource,
    SealSource,
)
from glovebox.tasks.strict import Strict

# In this order: the fields of each tell it from the others.
SourceDocument = PrefixSource | ManifestSource | ObjectsSource | PartSource | SealSource


class AccessDocument(Strict):
    """What a namespace may read of a store; see `SourceAccess`."""

    namespace: str
    store: str
    locations: tuple[tuple[str, str], ...]
    artifacts: str
    reserved: tuple[tuple[str, str], ...]
    role_arn: str
    key_ids: tuple[str, ...] = ()
    parts: bool = False

    @classmethod
    def of(cls, access: SourceAccess | None) -> AccessDocument | None:
        """Return the document of what is granted; None where nothing limits it."""
        if access is None:
            return None
        said = access.document
        return cls(
            namespace=said["namespace"],
            store=said["store"],
            locations=tuple((bucket, prefix) for bucket, prefix in said["locations"]),
            artifacts=said["artifacts"],
            reserved=tuple((bucket, store) for bucket, store in said["reserved"]),
            role_arn=said["role_arn"],
            key_ids=tuple(said["key_ids"]),
            parts=said["parts"],
        )

    def access(self) -> SourceAccess:
        """Return what it says."""
        return SourceAccess.of(self.model_dump())
