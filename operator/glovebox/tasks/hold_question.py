"""The question to hold the versions of a pin; see `HoldRequest`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from glovebox.store.connection import Store
from glovebox.store.holding import Held
from glovebox.store.manifests import ManifestLocation
from glovebox.store.source_access import Location, SourceAccess
from glovebox.tasks.context import TaskContext
from glovebox.tasks.hold import HoldRequest, hold_dataset
from glovebox.tasks.source_document import AccessDocument
from glovebox.tasks.strict import Strict, store_name

_HELD: Final = TypeAdapter(Held)


class HoldQuestion(Strict):
    """Hold the versions of a pin; see `HoldRequest`."""

    task: Literal["hold"] = "hold"
    manifest: ManifestLocation
    holder: str
    words: str
    locations: tuple[tuple[str, str], ...]
    access: AccessDocument
    objects: int | None

    @classmethod
    def of(cls, request: HoldRequest) -> HoldQuestion:
        """Return the question of a request."""
        return cls.model_validate(
            {
                "manifest": request.manifest,
                "holder": request.holder,
                "words": request.words,
                "locations": tuple((each.bucket, each.prefix) for each in request.locations),
                "access": AccessDocument.of(request.access),
                "objects": request.objects,
            }
        )

    async def perform(
        self, context: TaskContext, uid: str, stores: Mapping[str, Store]
    ) -> dict[str, Any]:
        """Do the work; return the answer, to be written down."""
        del uid
        access: SourceAccess = self.access.access()
        request = HoldRequest(
            stores[store_name(0)],
            self.manifest,
            self.holder,
            self.words,
            tuple(Location(bucket, prefix) for bucket, prefix in self.locations),
            access,
            self.objects,
        )
        return {"held": _HELD.dump_python(await hold_dataset(context, request), mode="json")}

    def answer(self, document: Mapping[str, Any]) -> Held:
        """Return the answer that was written down.

        Raises:
            ValidationError, KeyError: It is none.
        """
        return _HELD.validate_python(document["held"])
