"""What a task in a process of its own is asked about the inputs of an Experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from glovebox.data.overlap import Overlap
from glovebox.store.connection import Store
from glovebox.store.manifests import ManifestLocation
from glovebox.tasks.context import TaskContext
from glovebox.tasks.overlap import ComparedDataset, OverlapRequest, compare_datasets
from glovebox.tasks.strict import Strict, store_name

_OVERLAP: Final = TypeAdapter(Overlap)


class _ComparedDocument(Strict):
    name: str
    role: str
    store: str
    manifest: ManifestLocation
    column: str
    values: tuple[str, ...]


class OverlapQuestion(Strict):
    """Compare the inputs of an Experiment; see `OverlapRequest`."""

    task: Literal["overlap"] = "overlap"
    inputs: tuple[_ComparedDocument, ...]
    objects: int

    @classmethod
    def of(cls, request: OverlapRequest) -> OverlapQuestion:
        """Return the question of a request."""
        names = {store: store_name(place) for place, store in enumerate(request.stores)}
        return cls(
            inputs=tuple(
                _ComparedDocument(
                    name=each.name,
                    role=each.role,
                    store=names[each.store],
                    manifest=each.manifest,
                    column=each.column,
                    values=each.values,
                )
                for each in request.inputs
            ),
            objects=request.objects,
        )

    async def perform(
        self, context: TaskContext, uid: str, stores: Mapping[str, Store]
    ) -> dict[str, Any]:
        """Do the work; return the answer, to be written down."""
        del uid
        request = OverlapRequest(
            stores[store_name(0)],
            tuple(
                ComparedDataset(
                    each.name,
                    each.role,
                    stores[each.store],
                    each.manifest,
                    each.column,
                    each.values,
                )
                for each in self.inputs
            ),
            self.objects,
        )
        found = await compare_datasets(context, request)
        return {"overlap": _OVERLAP.dump_python(found, mode="json")}

    def answer(self, document: Mapping[str, Any]) -> Overlap:
        """Return the answer that was written down.

        Raises:
            ValidationError, KeyError, TypeError: It is none. One that says nothing of an input is
                none either: what was not looked at must not pass as not shared.
        """
        found = _OVERLAP.validate_python(document["overlap"])
        if set(found.objects) != {each.name for each in self.inputs}:
            raise TypeError("it is not about the inputs that were asked for")
        if set(found.groups) != {each.name for each in self.inputs if each.column}:
            raise TypeError("it is not about the groups that were asked for")
        return found
