"""State metrics, computed from the caches at scrape time: nothing to keep in step, nothing left behind by deleted objects."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.kube.kinds import CHILD_KINDS, CUSTOM_KINDS, DATASET_PIN, EXPERIMENT
from glovebox.kube.resources import Resources
from glovebox.status.kstatus import RESULTS, condition_of, kstatus

# More unhealthy objects than this get no series of their own: the totals still count them.
MOST_OBJECT_SERIES: Final = 500


class StateCollector(Collector):
    """Counts the custom resources by what a waiting program would think of them.

    Args:
        resources: The cache of custom resources.
        queues: Names and lengths of the work queues: ready keys, and age of the oldest in seconds.
        reflectors: When each child kind was last heard of, as a Unix time.
        sweeps: When each of our own kinds was last listed and compared whole, as a Unix time.
        drifting: The kinds of objects that differ now, one entry for each object.
    """

    def __init__(
        self,
        resources: Resources,
        *,
        queues: Callable[[], Mapping[str, tuple[int, float]]],
        reflectors: Callable[[], Mapping[str, float]],
        sweeps: Callable[[], Mapping[str, float]],
        drifting: Callable[[], Iterable[str]],
    ) -> None:
        self._resources = resources
        self._queues = queues
        self._reflectors = reflectors
        self._sweeps = sweeps
        self._drifting = drifting

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield the families as they are at this moment."""
        objects = GaugeMetricFamily(
            "glovebox_objects", "Custom resources by kstatus result.", labels=("kind", "status")
        )
        unobserved = GaugeMetricFamily(
            "glovebox_objects_unobserved",
            "Custom resources whose generation is not observed yet.",
            labels=("kind",),
        )
        unhealthy = GaugeMetricFamily(
            "glovebox_object_unhealthy",
            "1 for each object that is not Current.",
            labels=("kind", "resource_namespace", "name", "reason"),
        )
        dropped = 0
        series = 0
        for kind in CUSTOM_KINDS:
            results: Tally[str] = Tally()
            stale = 0
            for obj in self._resources.of_kind(kind):
                result = kstatus(obj)
                results[result] += 1
                stale += obj["metadata"].get("generation", 0) != (obj.get("status") or {}).get(
                    "observedGeneration", -1
                )
                if result == "Current":
                    continue
                if series >= MOST_OBJECT_SERIES:
                    dropped += 1
                    continue
                series += 1
                metadata = obj["metadata"]
                unhealthy.add_metric(
                    (kind.kind, metadata.get("namespace", ""), metadata["name"], _reason(obj)), 1
                )
            for result in RESULTS:
                objects.add_metric((kind.kind, result), results[result])
            unobserved.add_metric((kind.kind,), stale)
        yield from (objects, unobserved, unhealthy)
        yield GaugeMetricFamily(
            "glovebox_metrics_series_left_out",
            "Per-object series cut by the cap in this scrape.",
            value=dropped,
        )
        yield from self._experiments()
        yield from self._engine()

    def _experiments(self) -> Iterable[GaugeMetricFamily]:
        isolated = GaugeMetricFamily(
            "glovebox_experiments_isolated",
            "Experiments by what is proven of their isolation.",
            labels=("status",),
        )
        answers = Tally(_answer(obj, types.ISOLATED) for obj in self._resources.of_kind(EXPERIMENT))
        for answer in (types.TRUE, types.FALSE, types.UNKNOWN):
            isolated.add_metric((answer,), answers[answer])
        yield isolated
        outstanding = GaugeMetricFamily(
            "glovebox_drift_outstanding",
            "Objects that differ and are not repaired.",
            labels=("managed_kind",),
        )
        drifting = Tally(self._drifting())
        for kind in CHILD_KINDS:
            outstanding.add_metric((kind.kind,), drifting[kind.kind])
        yield outstanding
        expiries: list[float] = []
        for obj in self._resources.of_kind(EXPERIMENT):
            expire = ((obj.get("status") or {}).get("artifacts") or {}).get("credentialsExpireTime")
            if expire:
                expiries.append(datetime.fromisoformat(expire).timestamp())
        expiry = GaugeMetricFamily(
            "glovebox_credentials_earliest_expiry_timestamp_seconds",
            "The next credentials to expire.",
            labels=("type",),
        )
        if expiries:
            expiry.add_metric(("s3",), min(expiries))
        yield expiry
        mismatches = GaugeMetricFamily(
            "glovebox_digest_mismatches", "Pins whose objects do not match now.", labels=("kind",)
        )
        drifted = sum(
            _answer(obj, types.DRIFT_DETECTED) == types.TRUE
            for obj in self._resources.of_kind(DATASET_PIN)
        )
        mismatches.add_metric((DATASET_PIN.kind,), drifted)
        yield mismatches
        checks = GaugeMetricFamily(
            "glovebox_digest_oldest_check_timestamp_seconds",
            "When the least recently checked pin was checked.",
            labels=("kind",),
        )
        times = [
            (obj.get("status") or {}).get("listedTime")
            for obj in self._resources.of_kind(DATASET_PIN)
        ]
        known = [datetime.fromisoformat(time).timestamp() for time in times if time]
        if known:
            checks.add_metric((DATASET_PIN.kind,), min(known))
        yield checks

    def _engine(self) -> Iterable[GaugeMetricFamily]:
        depth = GaugeMetricFamily(
            "glovebox_queue_depth", "Keys ready to be worked on.", labels=("queue",)
        )
        oldest = GaugeMetricFamily(
            "glovebox_queue_oldest_seconds",
            "How long the oldest ready key waits.",
            labels=("queue",),
        )
        for name, (length, age) in self._queues().items():
            depth.add_metric((name,), length)
            oldest.add_metric((name,), age)
        contact = GaugeMetricFamily(
            "glovebox_watch_last_contact_timestamp_seconds",
            "When the API server last spoke on each watch.",
            labels=("managed_kind",),
        )
        for kind, time in self._reflectors().items():
            contact.add_metric((kind,), time)
        sweep = GaugeMetricFamily(
            "glovebox_sweep_last_success_timestamp_seconds",
            "When each kind was last listed and compared whole.",
            labels=("controller",),
        )
        for kind, time in self._sweeps().items():
            sweep.add_metric((kind.lower(),), time)
        yield from (depth, oldest, contact, sweep)


def _answer(obj: Mapping[str, Any], condition: str) -> str:
    entry = condition_of(obj.get("status") or {}, condition)
    return str(entry["status"]) if entry is not None else types.UNKNOWN


def _reason(obj: Mapping[str, Any]) -> str:
    entry = condition_of(obj.get("status") or {}, types.READY)
    return str(entry["reason"]) if entry is not None else reasons.PENDING
