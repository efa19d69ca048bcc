"""What a task in a process of its own is asked about the values of features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from glovebox.data.feature_schema import FeaturesFound, Schema
from glovebox.store.connection import Store
from glovebox.tasks.context import TaskContext
from glovebox.tasks.features import FeaturesRequest, check_features
from glovebox.tasks.pinned_document import PinnedDocument
from glovebox.tasks.strict import Strict, store_name

_FOUND: Final = TypeAdapter(FeaturesFound)


class FeaturesQuestion(Strict):
    """Compare values with their definitions; see `FeaturesRequest`."""

    task: Literal["features"] = "features"
    dataset: PinnedDocument
    # Its name would be one of the base class.
    asked: Schema
    objects: int
    bytes: int

    @classmethod
    def of(cls, request: FeaturesRequest) -> FeaturesQuestion:
        """Return the question of a request."""
        return cls(
            dataset=PinnedDocument.of(request.dataset, {request.store: store_name(0)}),
            asked=request.schema,
            objects=request.objects,
            bytes=request.bytes,
        )

    async def perform(
        self, context: TaskContext, uid: str, stores: Mapping[str, Store]
    ) -> dict[str, Any]:
        """Do the work; return the answer, to be written down."""
        del uid
        request = FeaturesRequest(self.dataset.pinned(stores), self.asked, self.objects, self.bytes)
        found = await check_features(context, request)
        return {"features": _FOUND.dump_python(found, mode="json")}

    def answer(self, document: Mapping[str, Any]) -> FeaturesFound:
        """Return the answer that was written down.

        Raises:
            ValidationError, KeyError: It is none.
        """
        return _FOUND.validate_python(document["features"])
