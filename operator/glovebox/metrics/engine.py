"""All that is counted while it happens, in one object. Every label value is from a fixed list."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from glovebox.metrics.data import DataMetrics
from glovebox.metrics.experiments import ExperimentMetrics
from glovebox.metrics.reconciling import ReconcileMetrics
from glovebox.metrics.stores import StoreMetrics


class EngineMetrics(ReconcileMetrics, ExperimentMetrics, DataMetrics, StoreMetrics):
    """All metrics that are counted while they happen.

    Args:
        registry: Where they are registered; one a process, a fresh one a test.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        ReconcileMetrics.__init__(self, registry)
        ExperimentMetrics.__init__(self, registry)
        DataMetrics.__init__(self, registry)
        StoreMetrics.__init__(self, registry)
