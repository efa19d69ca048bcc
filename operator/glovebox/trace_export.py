"""Sends spans by OpenTelemetry's protocol (OTLP over HTTP), with the libraries of that project."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import Final

import structlog
from opentelemetry.context import Context, attach, detach
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
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from glovebox.settings import Traces
from glovebox.traces import WHOLE, Attribute, Tell, begins, whole_of

_FLUSH_MILLIS: Final = 3_000
_NANOSECONDS: Final = 1_000_000_000
_PARENT: Final = "traceparent"
_W3C: Final = TraceContextTextMapPropagator()


class _Ids(RandomIdGenerator):
    """Random ids, but for the span above all others of an Experiment's trace."""

    def __init__(self) -> None:
        self.whole: ContextVar[int | None] = ContextVar("whole", default=None)

    def generate_trace_id(self) -> int:
        return self.whole.get() or super().generate_trace_id()

    def generate_span_id(self) -> int:
        trace = self.whole.get()
        return whole_of(trace) if trace is not None else super().generate_span_id()


class Export:
    """Takes spans and sends them in the background.

    Args:
        chosen: Where to, and how many.
        instance: What tells this process from other replicas, such as the pod's name.
        version: Of the operator.
        seconds: For how long a collector may take a batch.
        exporter: Instead of the real one; for tests.
    """

    def __init__(
        self,
        chosen: Traces,
        *,
        instance: str,
        version: str,
        seconds: float = 10.0,
        exporter: SpanExporter | None = None,
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
            exporter or OTLPSpanExporter(endpoint=chosen.endpoint, timeout=seconds)
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
            above = getattr(measured, "parent", None)
            if above is None or above.is_remote:
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

    def context(self) -> str:
        """Return the span that what begins now is below; see `glovebox.traces.context_for`."""
        written: dict[str, str] = {}
        if get_current_span().is_recording():
            _W3C.inject(written)
        return written.get(_PARENT, "")

    @contextlib.contextmanager
    def below(self, parent: str) -> Iterator[None]:
        """Have what begins inside be below a span of another process.

        Args:
            parent: As `context` wrote it there; what is not so written begins a trace of its own.
        """
        token = attach(_W3C.extract({_PARENT: parent}, context=Context()))
        try:
            yield
        finally:
            detach(token)

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
                trace, whole_of(trace), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
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
