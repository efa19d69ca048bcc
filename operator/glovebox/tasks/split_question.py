"""What a task in a process of its own is asked about a split."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from glovebox.data.split_result import SplitFound
from glovebox.data.splits import Rule
from glovebox.store.connection import Store
from glovebox.store.manifests import ManifestLocation, ManifestLock
from glovebox.tasks.context import TaskContext
from glovebox.tasks.source_document import AccessDocument, SourceDocument
from glovebox.tasks.split import SplitRequest, split_dataset
from glovebox.tasks.strict import Strict, store_name

_FOUND: Final = TypeAdapter(SplitFound)


class SplitQuestion(Strict):
    """Divide a dataset; see `SplitRequest`."""

    task: Literal["split"] = "split"
    source: SourceDocument
    manifest: ManifestLocation
    access: AccessDocument
    artifacts_bucket: str
    locked: bool
    retain_until: datetime | None
    rule: Rule
    parts: tuple[str, ...]
    digest: str
    namespace: str
    objects: int

    @classmethod
    def of(cls, request: SplitRequest) -> SplitQuestion:
        """Return the question of a request."""
        access, lock = AccessDocument.of(request.access), request.lock
        assert access is not None  # noqa: S101 - there is one, so there is a document
        return cls(
            source=request.source,
            manifest=request.manifest,
            access=access,
            artifacts_bucket=request.artifacts_bucket,
            locked=lock is not None,
            retain_until=lock.retain_until if lock is not None else None,
            rule=request.rule,
            parts=request.parts,
            digest=request.digest,
            namespace=request.namespace,
            objects=request.objects,
        )

    async def perform(
        self, context: TaskContext, uid: str, stores: Mapping[str, Store]
    ) -> dict[str, Any]:
        """Do the work; return the answer, to be written down."""
        del uid
        request = SplitRequest(
            stores[store_name(0)],
            self.source,
            self.manifest,
            self.access.access(),
            self.artifacts_bucket,
            ManifestLock(retain_until=self.retain_until) if self.locked else None,
            self.rule,
            self.parts,
            self.digest,
            self.namespace,
            self.objects,
        )
        found = await split_dataset(context, request)
        return {"split": _FOUND.dump_python(found, mode="json")}

    def answer(self, document: Mapping[str, Any]) -> SplitFound:
        """Return the answer that was written down.

        Raises:
            ValidationError, KeyError, TypeError: It is none.
        """
        found = _FOUND.validate_python(document["split"])
        if tuple(part.name for part in found.parts) != self.parts:
            raise TypeError("it is not about the parts that were asked for")
        return found
