"""Sends spans by OpenTelemetry's protocol (OTLP over HTTP), with the libraries of that project."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import Final

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBasedTraceIdRatio
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from glovebox.settings import Traces
from glovebox.traces import WHOLE, Attribute, Tell, begins

_SPAN_BITS: Final = 64
_FLUSH_MILLIS: Final = 3_000
_NANOSECONDS: Final = 1_000_000_000


class _Ids(RandomIdGenerator):
    """Random ids, but for the span above all others of an Experiment's trace."""

    def __init__(self) -> None:
        self.whole: ContextVar[int | None] = ContextVar("whole", default=None)

    def generate_trace_id(self) -> int:
        return self.whole.get() or super().generate_trace_id()

    def generate_span_id(self) -> int:
        trace = self.whole.get()
        return _span_of(trace) if trace is not None else super().generate_span_id()


def _span_of(trace: int) -> int:
    return trace % (1 << _SPAN_BITS) or 1


class Export:
    """Takes spans and sends them in the background.

    Args:
        chosen: Where to, and how many.
        instance: What tells this process from other replicas, such as the pod's name.
        version: Of the operator.
        exporter: Instead of the real one; for tests.
    """

    def __init__(
        self, chosen: Traces, *, instance: str, version: str, exporter: SpanExporter | None = None
    ) -> None:
        resource = Resource.create(
            {
                "service.name": "glovebox",
                "service.version": version,
                "service.instance.id": instance,
            }
        )
        self._ids = _Ids()
        self._batches = BatchSpanProcessor(
            exporter or OTLPSpanExporter(endpoint=chosen.endpoint, timeout=10)
        )
        looks = TracerProvider(
            sampler=ParentBasedTraceIdRatio(chosen.ratio), resource=resource, shutdown_on_exit=False
        )
        lives = TracerProvider(
            sampler=ALWAYS_ON,
            resource=resource,
            shutdown_on_exit=False,
            id_generator=self._ids,
        )
        for provider in (looks, lives):
            provider.add_span_processor(self._batches)
        self._looks, self._lives = looks.get_tracer("glovebox"), lives.get_tracer("glovebox")

    @contextlib.contextmanager
    def span(self, name: str, attributes: Mapping[str, Attribute]) -> Iterator[Tell]:
        """Measure what is done inside; see `glovebox.traces.span`."""
        # What an exception says may be a tenant's, and long: its class is enough.
        with self._looks.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as measured:
            context = measured.get_span_context()
            known: dict[str, str] = {}
            if getattr(measured, "parent", None) is None:
                trace = f"{context.trace_id:032x}" if measured.is_recording() else ""
                begins(trace)
                known = {"trace_id": trace} if trace else {}
            with structlog.contextvars.bound_contextvars(**known):
                try:
                    yield measured.set_attributes
                except BaseException as error:
                    measured.set_attribute("error.type", type(error).__name__)
                    measured.set_status(StatusCode.ERROR)
                    raise

    def life(
        self,
        trace: int,
        name: str,
        times: tuple[datetime, datetime],
        attributes: Mapping[str, Attribute],
    ) -> None:
        """Send a span of the trace of an Experiment; see `glovebox.traces.tell_life`."""
        began, ended = (int(each.timestamp() * _NANOSECONDS) for each in times)
        context = Context()
        if name != WHOLE:
            above = SpanContext(
                trace, _span_of(trace), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
            )
            context = set_span_in_context(NonRecordingSpan(above), context)
        kept = self._ids.whole.set(trace if name == WHOLE else None)
        try:
            span = self._lives.start_span(
                name, context=context, attributes=attributes, start_time=began
            )
        finally:
            self._ids.whole.reset(kept)
        span.end(max(began, ended))

    def close(self) -> None:
        """Send what is left, for some seconds at most. Blocks."""
        self._batches.force_flush(_FLUSH_MILLIS)
        self._batches.shutdown()  # type: ignore[no-untyped-call]
