"""What is counted of object stores: work on them, their records, ledgers and access logs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from glovebox.metrics.labels import LIFE, OPERATIONS, OUTCOMES, start_at_zero


class StoreMetrics:
    """Object stores, as the operator works on them and finds them.

    Args:
        registry: Where they are registered; one a process, a fresh one a test.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.store_operations = Counter(
            "glovebox_object_store_operations_total",
            "Work done on object stores.",
            ("operation", "result"),
            registry=registry,
        )
        self.store_duration = Histogram(
            "glovebox_object_store_operation_duration_seconds",
            "Work done on object stores.",
            ("operation",),
            buckets=LIFE,
            registry=registry,
        )
        self.only_cluster = Gauge(
            "glovebox_records_lost",
            "Experiments whose run or seal a store does not have any more, by store.",
            ["store"],
            registry=registry,
        )
        self.only_store = Gauge(
            "glovebox_records_without_experiment",
            "Runs on record in a store that no Experiment in the cluster says of itself, by store.",
            ["store"],
            registry=registry,
        )
        self.ledger_size = Gauge(
            "glovebox_ledger_size",
            "Entries in the newest signed head of a store's ledger.",
            ["store"],
            registry=registry,
        )
        self.ledger_anchor_lag = Gauge(
            "glovebox_ledger_anchor_lag_entries",
            "Entries in the newest signed head of a store's ledger that a witness, or the"
            " authority that dates heads, does not know yet.",
            ["store", "anchor"],
            registry=registry,
        )
        self.ledger_signed = Gauge(
            "glovebox_ledger_signed_timestamp_seconds",
            "When the newest signed head of a store's ledger was learnt of, in Unix time.",
            ["store"],
            registry=registry,
        )
        self.log_newest = Gauge(
            "glovebox_access_log_newest_line_timestamp_seconds",
            "Time of the newest line of the access log of each ObjectStore.",
            ("store",),
            registry=registry,
        )
        start_at_zero(self.store_operations, OPERATIONS, OUTCOMES)

    @asynccontextmanager
    async def on_store(self, operation: str) -> AsyncIterator[None]:
        """Count and time one piece of work on a store; `operation` is one of OPERATIONS."""
        started = time.perf_counter()
        result = "error"
        try:
            yield
            result = "success"
        finally:
            self.store_operations.labels(operation, result).inc()
            self.store_duration.labels(operation).observe(time.perf_counter() - started)

    def forget_ledger(self, store: str) -> None:
        """Drop the series of a ledger that is not kept any more: its head would age for ever."""
        _forget(store, self.ledger_size, self.ledger_signed, self.ledger_anchor_lag)

    def forget_store(self, store: str) -> None:
        """Drop every series of a store that is gone: what they say would stay so for ever."""
        self.forget_ledger(store)
        _forget(store, self.only_cluster, self.only_store, self.log_newest)


def _forget(store: str, *gauges: Gauge) -> None:
    for gauge in gauges:
        series = [sample.labels for family in gauge.collect() for sample in family.samples]
        for labels in series:
            if labels["store"] == store:
                gauge.remove(*labels.values())
