"""Measurements name the trace that they are of, to whoever asks for OpenMetrics."""

from __future__ import annotations

import asyncio
import urllib.request
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from glovebox import traces
from glovebox.handlers.web import serve
from glovebox.metrics.engine import EngineMetrics
from glovebox.settings import Traces
from glovebox.trace_export import Export

OPEN = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
PLAIN = "text/plain;version=0.0.4"


@pytest.fixture
def metrics() -> tuple[EngineMetrics, CollectorRegistry]:
    registry = CollectorRegistry()
    return EngineMetrics(registry), registry


def measured(metrics: EngineMetrics, *, ratio: float | None) -> list[str]:
    """Reconcile once, with a request inside; return the ids of traces that were sent."""
    kept = InMemorySpanExporter()
    export = None
    if ratio is not None:
        chosen = Traces(endpoint="http://collector.example/v1/traces", ratio=ratio)
        export = Export(chosen, instance="one", version="1", exporter=kept)
    traces.send_to(export)
    try:
        with traces.span("reconcile"), traces.span("GET pods"):
            metrics.observe_api("GET", "pods", 200, 0.02)
        metrics.reconcile_started("experiment")
        metrics.reconcile_ended("experiment", "success", 0.3)
    finally:
        traces.send_to(None)
        if export is not None:
            export.close()
    return sorted({_trace(span) for span in kept.get_finished_spans()})


def _trace(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


async def page(registry: CollectorRegistry, accept: str) -> tuple[str, str]:
    """Return the page and its type, as a scrape gets it."""
    operator: Any = SimpleNamespace(
        registry=registry, unhealthy_reason=lambda: None, not_ready_reason=lambda: None
    )
    async with serve(operator, "127.0.0.1", 0) as port:

        def ask() -> tuple[str, str]:
            asked = urllib.request.Request(
                f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept}
            )
            with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - ours
                return answer.read().decode(), answer.headers["Content-Type"]

        return await asyncio.to_thread(ask)


def exemplars(text: str) -> dict[str, set[str]]:
    """Return the traces that each family names; the parser refuses what is no OpenMetrics."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            if sample.exemplar is not None:
                found.setdefault(family.name, set()).add(sample.exemplar.labels["trace_id"])
    return found


async def test_reconciles_and_requests_name_the_trace_that_they_are_of(
    metrics: tuple[EngineMetrics, CollectorRegistry],
) -> None:
    sent = measured(metrics[0], ratio=1.0)
    text, kind = await page(metrics[1], OPEN)
    assert kind.startswith("application/openmetrics-text")
    assert len(sent) == 1
    assert exemplars(text) == {
        "glovebox_reconcile_duration_seconds": set(sent),
        "glovebox_kube_request_duration_seconds": set(sent),
    }


@pytest.mark.parametrize("ratio", [None, 0.0], ids=["traces are off", "it was not sampled"])
async def test_no_trace_is_named_that_nobody_can_look_up(
    metrics: tuple[EngineMetrics, CollectorRegistry], ratio: float | None
) -> None:
    measured(EngineMetrics(CollectorRegistry()), ratio=1.0)  # of one before
    assert measured(metrics[0], ratio=ratio) == []
    text, _ = await page(metrics[1], OPEN)
    assert "glovebox_reconcile_duration_seconds_bucket" in text
    assert exemplars(text) == {}


async def test_who_asks_for_text_gets_text(
    metrics: tuple[EngineMetrics, CollectorRegistry],
) -> None:
    measured(metrics[0], ratio=1.0)
    for accept in (PLAIN, ""):
        text, kind = await page(metrics[1], accept)
        assert kind.startswith("text/plain; version=0.0.4")
        assert "trace_id" not in text
        assert "# EOF" not in text


def test_a_request_is_counted_by_all_that_it_was(
    metrics: tuple[EngineMetrics, CollectorRegistry],
) -> None:
    asked = [(verb, what, code) for verb in ("GET", "PUT") for what in "ab" for code in (200, 409)]
    for times, (verb, what, code) in enumerate(asked * 2):
        metrics[0].observe_api(verb, what, code, 0.01 * times)
    for verb, what, code in asked:
        labels = {"verb": verb, "resource": what, "code": str(code)}
        name = "glovebox_kube_requests_total"
        assert metrics[1].get_sample_value(name, labels) == 2, labels
    for verb in ("GET", "PUT"):
        name = "glovebox_kube_request_duration_seconds_count"
        assert metrics[1].get_sample_value(name, {"verb": verb}) == 8
