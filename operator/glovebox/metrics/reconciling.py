"""What is counted of reconciles, requests to the API server, watches and Events."""

from __future__ import annotations

import platform

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

import glovebox
from glovebox import traces
from glovebox.kube.kinds import CHILD_KINDS, CUSTOM_KINDS, EXPERIMENT, JOB, LEASE, OBJECT_STORE, POD
from glovebox.metrics.labels import (
    EVENT_CAUSES,
    FAST,
    QUEUES,
    REASONS,
    RESULTS,
    TRANSIENT_CLASSES,
    start_at_zero,
    transient_class,
)


class ReconcileMetrics:
    """The engine at work, whatever the kind.

    Args:
        registry: Where they are registered; one a process, a fresh one a test.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        build = Info("glovebox_build", "The running build.", registry=registry)
        build.info({"version": glovebox.__version__, "python": platform.python_version()})
        self.reconciles = Counter(
            "glovebox_reconcile_total",
            "Reconciliations.",
            ("controller", "result"),
            registry=registry,
        )
        self.errors = Counter(
            "glovebox_reconcile_errors_total",
            "Failed reconciliations by cause.",
            ("controller", "reason"),
            registry=registry,
        )
        self.duration = Histogram(
            "glovebox_reconcile_duration_seconds",
            "One reconciliation.",
            ("controller",),
            buckets=FAST,
            registry=registry,
        )
        self.in_progress = Gauge(
            "glovebox_reconcile_in_progress",
            "Reconciliations running now.",
            ("controller",),
            registry=registry,
        )
        self.stuck = Gauge(
            "glovebox_reconciles_stuck",
            "Reconciliations that have been running for more than ten minutes.",
            ("queue",),
            registry=registry,
        )
        self.transient = Counter(
            "glovebox_transient_errors_total",
            "Errors of Experiments and ObjectStores, retried, that no condition reports yet.",
            ("controller", "class"),
            registry=registry,
        )
        self.events_dropped = Counter(
            "glovebox_events_dropped_total",
            "Events that were not posted, by cause.",
            ("cause",),
            registry=registry,
        )
        self.api_requests = Counter(
            "glovebox_kube_requests_total",
            "Requests to the API server; code 0 means no answer.",
            ("verb", "resource", "code"),
            registry=registry,
        )
        self.api_duration = Histogram(
            "glovebox_kube_request_duration_seconds",
            "Requests to the API server.",
            ("verb",),
            buckets=FAST,
            registry=registry,
        )
        self.leader = Gauge(
            "glovebox_leader", "1 while this replica does the work.", registry=registry
        )
        self.reflector_failures = Counter(
            "glovebox_reflector_failures_total",
            "Failed lists and broken watches.",
            ("managed_kind",),
            registry=registry,
        )
        controllers = [kind.kind.lower() for kind in CUSTOM_KINDS]
        held_back = [kind.kind.lower() for kind in (EXPERIMENT, OBJECT_STORE)]
        watched = [kind.kind for kind in (*CHILD_KINDS, JOB, POD, LEASE)]
        self._of_api: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        start_at_zero(self.in_progress, controllers)
        start_at_zero(self.duration, controllers)
        start_at_zero(self.reconciles, controllers, RESULTS)
        start_at_zero(self.errors, controllers, REASONS)
        start_at_zero(self.transient, held_back, TRANSIENT_CLASSES)
        start_at_zero(self.events_dropped, EVENT_CAUSES)
        start_at_zero(self.stuck, QUEUES)
        start_at_zero(self.reflector_failures, watched)

    def reconcile_started(self, controller: str) -> None:
        """Count a reconcile as running."""
        self.in_progress.labels(controller).inc()

    def reconcile_ended(self, controller: str, result: str, seconds: float) -> None:
        """Count a reconcile as ended; `result` is one of RESULTS."""
        self.in_progress.labels(controller).dec()
        self.reconciles.labels(controller, result).inc()
        self.duration.labels(controller).observe(seconds, traces.exemplar())

    def reconcile_failed(self, controller: str, reason: str) -> None:
        """Count a failed reconcile; `reason` is one of REASONS."""
        self.errors.labels(controller, reason).inc()

    def reconciles_stuck(self, queue: str, number: int) -> None:
        """Set how many reconciles of a queue have been running for too long."""
        self.stuck.labels(queue).set(number)

    def problem_counter(self, reason: str, controller: str = "experiment") -> Counter:
        """Return the counter of a transient error that no condition reports yet.

        Args:
            reason: The error's reason word, as a condition would say it.
            controller: The kind in lower case.
        """
        return self.transient.labels(controller, transient_class(reason))

    def event_dropped(self, cause: str) -> None:
        """Count an Event that was not posted; `cause` is one of EVENT_CAUSES."""
        self.events_dropped.labels(cause).inc()

    def observe_api(self, verb: str, resource: str, code: int, seconds: float) -> None:
        """Count one answer of the API server."""
        # To look a child up by its labels takes longer than to count.
        children = self._of_api.get((verb, resource, code))
        if children is None:
            children = self._of_api[verb, resource, code] = (
                self.api_requests.labels(verb, resource, str(code)),
                self.api_duration.labels(verb),
            )
        requests, duration = children
        requests.inc()
        duration.observe(seconds, traces.exemplar())
