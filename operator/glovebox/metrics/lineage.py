"""What is counted of lineage: events written, deliveries, and what waits for each destination."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

EVENT_TYPES: Final = ("START", "COMPLETE", "FAIL", "ABORT")
DELIVERIES: Final = ("delivered", "failed", "refused")
DEAD: Final = ("refused", "size", "record")
_SECONDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)


class Waiting(NamedTuple):
    """What waits for a destination.

    Attributes:
        events: How many.
        oldest: Since when the oldest, as Unix time; None when none does.
        is_up: Whether the last attempt found it to be there.
        is_kept: Whether it had the last run that it was asked for; None where nothing is known.
    """

    events: int
    oldest: float | None
    is_up: bool
    is_kept: bool | None = None


class LineageMetrics:
    """What is counted while it happens.

    Args:
        registry: Where it is registered.
        destinations: The names that are configured.
    """

    def __init__(self, registry: CollectorRegistry, destinations: Iterable[str] = ()) -> None:
        self.events = Counter(
            "glovebox_lineage_events_total",
            "Events of lineage that were written beside the evidence.",
            ("event_type",),
            registry=registry,
        )
        self.deliveries = Counter(
            "glovebox_lineage_deliveries_total",
            "Attempts to deliver an event, by what became of it.",
            ("destination", "result"),
            registry=registry,
        )
        self.duration = Histogram(
            "glovebox_lineage_delivery_duration_seconds",
            "One attempt to deliver an event.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.dead = Counter(
            "glovebox_lineage_dead_letters_total",
            "Events that were given up for a destination.",
            ("destination", "reason"),
            registry=registry,
        )
        for event_type in EVENT_TYPES:
            self.events.labels(event_type)
        names = tuple(destinations)
        for labels in product(names, DELIVERIES):
            self.deliveries.labels(*labels)
        for labels in product(names, DEAD):
            self.dead.labels(*labels)


class LineageCollector(Collector):
    """Shows what waits, computed when somebody asks.

    Args:
        waiting: What waits for each destination, by its name.
    """

    def __init__(self, waiting: Callable[[], Mapping[str, Waiting]]) -> None:
        self._waiting = waiting

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield the families as they are at this moment."""
        events = GaugeMetricFamily(
            "glovebox_lineage_outbox_events",
            "Events that wait for a destination.",
            labels=("destination",),
        )
        oldest = GaugeMetricFamily(
            "glovebox_lineage_outbox_oldest_timestamp_seconds",
            "Since when the oldest of them waits; absent when none does.",
            labels=("destination",),
        )
        up = GaugeMetricFamily(
            "glovebox_lineage_destination_up",
            "1 when the last attempt found the destination to be there.",
            labels=("destination",),
        )
        kept = GaugeMetricFamily(
            "glovebox_lineage_run_kept",
            "1 when a destination had the last run that it was asked for; absent where none was.",
            labels=("destination",),
        )
        for name, waiting in self._waiting().items():
            events.add_metric((name,), waiting.events)
            if waiting.oldest is not None:
                oldest.add_metric((name,), waiting.oldest)
            up.add_metric((name,), float(waiting.is_up))
            if waiting.is_kept is not None:
                kept.add_metric((name,), float(waiting.is_kept))
        yield from (events, oldest, up, kept)
