"""What a task in a process of its own is asked about the statistics of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from glovebox.api.statistics import DistributionThresholds, PinStatistics
from glovebox.data.statistics import Asked
from glovebox.store.connection import Store
from glovebox.store.pin_documents import DocumentLocation
from glovebox.tasks.context import TaskContext
from glovebox.tasks.pinned_document import PinnedDocument
from glovebox.tasks.statistics import (
    Reference,
    StatisticsFound,
    StatisticsRequest,
    compute_statistics,
)
from glovebox.tasks.strict import Strict, store_name

_FOUND: Final = TypeAdapter(StatisticsFound)


class _ReferenceDocument(Strict):
    store: str
    document: DocumentLocation
    thresholds: dict[str, int]


class StatisticsQuestion(Strict):
    """Describe a dataset; see `StatisticsRequest`."""

    task: Literal["statistics"] = "statistics"
    dataset: PinnedDocument
    asked: dict[str, Any]
    held: bool
    reference: _ReferenceDocument | None
    objects: int
    bytes: int

    @classmethod
    def of(cls, request: StatisticsRequest) -> StatisticsQuestion:
        """Return the question of a request."""
        names = {store: store_name(place) for place, store in enumerate(request.stores)}
        other = request.reference
        return cls(
            dataset=PinnedDocument.of(request.dataset, names),
            asked=request.asked.rules,
            held=request.held,
            reference=_ReferenceDocument(
                store=names[other.store],
                document=other.document,
                thresholds=other.thresholds.model_dump(by_alias=True, mode="json"),
            )
            if other is not None
            else None,
            objects=request.objects,
            bytes=request.bytes,
        )

    async def perform(
        self, context: TaskContext, uid: str, stores: Mapping[str, Store]
    ) -> dict[str, Any]:
        """Do the work; return the answer, to be written down."""
        del uid
        asked = PinStatistics.model_validate(self.asked)
        other = self.reference
        request = StatisticsRequest(
            self.dataset.pinned(stores),
            Asked(asked.columns, asked.least_rows),
            self.held,
            Reference(
                stores[other.store],
                other.document,
                DistributionThresholds.model_validate(other.thresholds),
            )
            if other is not None
            else None,
            self.objects,
            self.bytes,
        )
        found = await compute_statistics(context, request)
        return {"statistics": _FOUND.dump_python(found, mode="json")}

    def answer(self, document: Mapping[str, Any]) -> StatisticsFound:
        """Return the answer that was written down.

        Raises:
            ValidationError, KeyError, TypeError: It is none.
        """
        found = _FOUND.validate_python(document["statistics"])
        is_compared = found.compared is not None
        if found.columns != len(self.asked["columns"]) or is_compared != bool(self.reference):
            raise TypeError("it is not about what was asked for")
        return found
