"""What a task in a process of its own is asked about the inputs of an Experiment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from glovebox.data.overlap import Overlap
from glovebox.store.connection import Store
from glovebox.store.manifests import ManifestLocation
from glovebox.tasks.context import TaskContext
from glovebox.tasks.overlap import ComparedDataset, OverlapRequest, compare_datasets
from glovebox.tasks.rows import Rows
from glovebox.tasks.source_document import AccessDocument, SourceDocument
from glovebox.tasks.strict import Strict, store_name

_OVERLAP: Final = TypeAdapter(Overlap)


class _RowsDocument(Strict):
    key: tuple[str, ...]
    source: SourceDocument
    access: AccessDocument

    @classmethod
    def of(cls, rows: Rows | None) -> _RowsDocument | None:
        access = AccessDocument.of(rows.access) if rows is not None else None
        if rows is None or access is None:
            return None
        return cls(key=rows.key, source=rows.source, access=access)

    def rows(self) -> Rows:
        return Rows(self.key, self.source, self.access.access())


class _ComparedDocument(Strict):
    name: str
    role: str
    store: str
    manifest: ManifestLocation
    column: str
    values: tuple[str, ...]
    rows: _RowsDocument | None = None
    texts: _RowsDocument | None = None

    def dataset(self, stores: Mapping[str, Store]) -> ComparedDataset:
        return ComparedDataset(
            self.name,
            self.role,
            stores[self.store],
            self.manifest,
            self.column,
            self.values,
            self.rows.rows() if self.rows is not None else None,
            self.texts.rows() if self.texts is not None else None,
        )


class OverlapQuestion(Strict):
    """Compare the inputs of an Experiment; see `OverlapRequest`."""

    task: Literal["overlap"] = "overlap"
    inputs: tuple[_ComparedDocument, ...]
    objects: int
    # Whose rows, and whose texts, are to be spoken of.
    keyed: tuple[str, ...] = ()
    worded: tuple[str, ...] = ()

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
                    rows=_RowsDocument.of(each.rows),
                    texts=_RowsDocument.of(each.texts),
                )
                for each in request.inputs
            ),
            objects=request.objects,
            keyed=tuple(each.name for each in request.keyed),
            worded=tuple(each.name for each in request.worded),
        )

    async def perform(
        self, context: TaskContext, uid: str, stores: Mapping[str, Store]
    ) -> dict[str, Any]:
        """Do the work; return the answer, to be written down."""
        del uid
        request = OverlapRequest(
            stores[store_name(0)],
            tuple(each.dataset(stores) for each in self.inputs),
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
        if not _is_about(self.keyed, found.rows, found.unreadable):
            raise TypeError("it is not about the rows that were asked for")
        if not _is_about(self.worded, found.texts, found.textless):
            raise TypeError("it is not about the texts that were asked for")
        return found


def _is_about(asked: Iterable[str], read: Iterable[str], unreadable: Collection[str]) -> bool:
    spoken_of, wanted = {*read, *unreadable}, set(asked)
    return spoken_of <= wanted and (bool(unreadable) or spoken_of == wanted)
