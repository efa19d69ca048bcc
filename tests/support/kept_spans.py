"""Keeps spans in a list instead of sending them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from glovebox import traces
from glovebox.traces import Attribute, Tell

Spans = list[tuple[str, dict[str, Attribute]]]


class _Kept:
    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, Attribute]) -> Iterator[Tell]:
        known = dict(attributes)
        try:
            yield known.update
        finally:
            self._spans.append((name, known))

    def life(
        self,
        trace: int,
        name: str,
        times: tuple[datetime, datetime],
        attributes: Mapping[str, Attribute],
    ) -> None:
        seconds = (times[1] - times[0]).total_seconds()
        self._spans.append((name, {**attributes, "trace": f"{trace:032x}", "seconds": seconds}))

    def context(self) -> str:
        return ""


@contextmanager
def kept_spans() -> Iterator[Spans]:
    """Keep the spans of a block, in the order in which they end."""
    spans: Spans = []
    traces.send_to(_Kept(spans))
    try:
        yield spans
    finally:
        traces.send_to(None)
