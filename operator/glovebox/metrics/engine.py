"""Counters and histograms of the engine. Every label value is from a short fixed list."""

from __future__ import annotations

import platform
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.metrics import MetricWrapperBase

import glovebox
from glovebox.api import reasons
from glovebox.api.contract import RULE_NAMES
from glovebox.api.materialized import DIFFERENCE_KINDS
from glovebox.api.statistics_status import VERDICTS
from glovebox.kube.kinds import (
    CHILD_KINDS,
    CUSTOM_KINDS,
    DATASET_PIN,
    EXPERIMENT,
    FEATURE_SET_PIN,
    JOB,
    OBJECT_STORE,
    POD,
)

FAST: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LIFE: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
DRIFT: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
RESULTS: Final = ("success", "waiting", "stalled", "error")
REASONS: Final = ("unavailable", "forbidden", "conflict", "internal")
CHANGES: Final = ("modified", "deleted", "unexpected")
OPERATIONS: Final = (
    "prove",
    "build_pin",
    "split",
    "contract",
    "statistics",
    "prove_pin",
    "features",
    "verify_pin",
    "compare_inputs",
    "issue_credentials",
    "seal",
    "lineage",
    "access_log",
)
GRANULARITIES: Final = ("Rows", "Objects")
SPLIT_RESULTS: Final = ("part", "none")
CHECKS: Final = ("match", "mismatch", "missing", "unreadable", "error")
PROVEN: Final = ("Head", "Sample", "Full")
PROOF_RESULTS: Final = ("passed", "found")
PROOF_FINDINGS: Final = ("changed", "missing", "unreadable", "weakened")
LOG_RESULTS: Final = ("taken", "unparsed", "repeated")
UNUSUAL_KINDS: Final = ("NotAnInput", "Burst", "Denied")
RUNS: Final = ("started", "succeeded", "failed")
PROBES: Final = ("passed", "failed", "unknown")
REPAIRS: Final = ("success", "deferred", "alerted")
QUEUES: Final = ("cluster", "data", "seal")
EVENT_CAUSES: Final = ("budget", "pending", "refused")
TRANSIENT_CLASSES: Final = ("api", "store", "forbidden", "conflict", "internal", "other")
_CLASS_OF_REASON: Final = {
    reasons.API_UNAVAILABLE: "api",
    reasons.FORBIDDEN: "forbidden",
    reasons.STORE_FORBIDDEN: "forbidden",
    reasons.STORE_CREDENTIALS_REFUSED: "forbidden",
    reasons.CONFLICT: "conflict",
    reasons.PRECONDITION_FAILED: "conflict",
    reasons.INTERNAL_ERROR: "internal",
    reasons.STORE_UNREACHABLE: "store",
    reasons.STORE_BUSY: "store",
    reasons.STORE_FAILED: "store",
    reasons.STORE_REJECTED: "store",
    reasons.STORE_NOT_READY: "store",
    reasons.CLOCK_SKEWED: "store",
    reasons.OBJECTS_UNREADABLE: "store",
}


def transient_class(reason: str) -> str:
    """Return the class under which a transient error is counted; one of TRANSIENT_CLASSES."""
    return _CLASS_OF_REASON.get(reason, "other")


class EngineMetrics:
    """All metrics that are counted while they happen.

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
        self.drift_detected = Counter(
            "glovebox_drift_detected_total",
            "Differences found between declared and real.",
            ("managed_kind", "change"),
            registry=registry,
        )
        self.drift_repairs = Counter(
            "glovebox_drift_repairs_total",
            "What became of drift.",
            ("managed_kind", "result"),
            registry=registry,
        )
        self.drift_duration = Histogram(
            "glovebox_drift_repair_duration_seconds",
            "From noticing drift to its repair.",
            ("managed_kind",),
            buckets=DRIFT,
            registry=registry,
        )
        self.time_to_ready = Histogram(
            "glovebox_experiment_time_to_ready_seconds",
            "From creation of an Experiment to its first Ready.",
            buckets=LIFE,
            registry=registry,
        )
        self.deletion = Histogram(
            "glovebox_experiment_deletion_seconds",
            "From the request to delete an Experiment to its end.",
            buckets=LIFE,
            registry=registry,
        )
        self.rotations = Counter(
            "glovebox_credential_rotations_total",
            "Credentials issued for experiments.",
            ("type", "result"),
            registry=registry,
        )
        self.runs = Counter(
            "glovebox_runs_total", "Runs of experiments.", ("result",), registry=registry
        )
        self.probes = Counter(
            "glovebox_probes_total",
            "Verdicts on the isolation of experiments.",
            ("result",),
            registry=registry,
        )
        self.seals = Counter(
            "glovebox_seals_total",
            "Seals made over experiments' results.",
            ("result",),
            registry=registry,
        )
        self.signing_key_unusable = Gauge(
            "glovebox_signing_key_unusable",
            "1 while no seal can be signed: the key is lost, was replaced before, or is no key.",
            registry=registry,
        )
        self.digest_checks = Counter(
            "glovebox_digest_checks_total",
            "Pins checked against their store.",
            ("kind", "result"),
            registry=registry,
        )
        self.digest_bytes = Counter(
            "glovebox_digest_checked_bytes_total",
            "Bytes read to check digests.",
            ("kind",),
            registry=registry,
        )
        self.proofs = Counter(
            "glovebox_pin_proofs_total",
            "Proofs of pins that ended, by level.",
            ("level", "result"),
            registry=registry,
        )
        self.proof_bytes = Counter(
            "glovebox_pin_proof_bytes_total",
            "Bytes of pinned objects that proofs read again.",
            ("level",),
            registry=registry,
        )
        self.proof_requests = Counter(
            "glovebox_pin_proof_requests_total",
            "Requests of proofs for pinned objects.",
            ("level",),
            registry=registry,
        )
        self.proof_findings = Counter(
            "glovebox_pin_proof_findings_total",
            "Pinned objects that a proof found to be other than they were.",
            ("level", "finding"),
            registry=registry,
        )
        self.log_lines = Counter(
            "glovebox_access_log_lines_total",
            "Lines of access logs that were read.",
            ("result",),
            registry=registry,
        )
        self.log_newest = Gauge(
            "glovebox_access_log_newest_line_timestamp_seconds",
            "Time of the newest line of the access log of each ObjectStore.",
            ("store",),
            registry=registry,
        )
        self.unusual_reads = Counter(
            "glovebox_unusual_reads_total",
            "Readers of pins that an access log told of, and that nobody declared.",
            ("kind",),
            registry=registry,
        )
        self.split = Counter(
            "glovebox_split_total",
            "Rows or whole objects that SplitPins gave to a part, and those that belong to none.",
            ("granularity", "result"),
            registry=registry,
        )
        self.contract_rows = Counter(
            "glovebox_contract_rows_total",
            "Rows of pins whose contract was checked.",
            registry=registry,
        )
        self.contract_violations = Counter(
            "glovebox_contract_violations_total",
            "Violations of contracts that were found: one for each rule, file and column.",
            ("rule",),
            registry=registry,
        )
        self.statistics_rows = Counter(
            "glovebox_statistics_rows_total",
            "Rows of pins whose statistics were computed.",
            registry=registry,
        )
        self.distribution_columns = Counter(
            "glovebox_distribution_columns_total",
            "Columns of pins that were compared with another pin, by verdict: drift of data.",
            ("verdict",),
            registry=registry,
        )
        self.feature_differences = Counter(
            "glovebox_feature_differences_total",
            "Differences between features and their values: one for each kind, file and column.",
            ("kind",),
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
        self.orphans = Gauge(
            "glovebox_orphan_namespaces",
            "Namespaces that lost their Experiment and still wait for their end or seal.",
            registry=registry,
        )
        self.orphans_closed = Counter(
            "glovebox_orphans_closed_total",
            "Namespaces that were closed because their Experiment was gone.",
            registry=registry,
        )
        self._start_at_zero()

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

    def reconcile_started(self, controller: str) -> None:
        """Count a reconcile as running."""
        self.in_progress.labels(controller).inc()

    def reconcile_ended(self, controller: str, result: str, seconds: float) -> None:
        """Count a reconcile as ended; `result` is one of RESULTS."""
        self.in_progress.labels(controller).dec()
        self.reconciles.labels(controller, result).inc()
        self.duration.labels(controller).observe(seconds)

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
        self.api_requests.labels(verb, resource, str(code)).inc()
        self.api_duration.labels(verb).observe(seconds)

    def forget_ledger(self, store: str) -> None:
        """Drop the series of a ledger that is not kept any more: its head would age for ever."""
        _forget(store, self.ledger_size, self.ledger_signed, self.ledger_anchor_lag)

    def forget_store(self, store: str) -> None:
        """Drop every series of a store that is gone: what they say would stay so for ever."""
        self.forget_ledger(store)
        _forget(store, self.only_cluster, self.only_store, self.log_newest)

    def _start_at_zero(self) -> None:
        """A counter that appears late hides its first increase from `increase()`."""
        controllers = [kind.kind.lower() for kind in CUSTOM_KINDS]
        held_back = [kind.kind.lower() for kind in (EXPERIMENT, OBJECT_STORE)]
        managed = [kind.kind for kind in CHILD_KINDS]
        outcomes = ("success", "error")
        pins = (DATASET_PIN.kind, FEATURE_SET_PIN.kind)
        every: tuple[tuple[MetricWrapperBase, tuple[Iterable[str], ...]], ...] = (
            (self.in_progress, (controllers,)),
            (self.duration, (controllers,)),
            (self.reconciles, (controllers, RESULTS)),
            (self.errors, (controllers, REASONS)),
            (self.transient, (held_back, TRANSIENT_CLASSES)),
            (self.events_dropped, (EVENT_CAUSES,)),
            (self.stuck, (QUEUES,)),
            (self.reflector_failures, ([*managed, JOB.kind, POD.kind],)),
            (self.store_operations, (OPERATIONS, outcomes)),
            (self.drift_duration, (managed,)),
            (self.drift_detected, (managed, CHANGES)),
            (self.drift_repairs, (managed, REPAIRS)),
            (self.rotations, (("s3",), outcomes)),
            (self.runs, (RUNS,)),
            (self.probes, (PROBES,)),
            (self.seals, (outcomes,)),
            (self.digest_bytes, (pins,)),
            (self.digest_checks, (pins, CHECKS)),
            (self.proofs, (PROVEN, PROOF_RESULTS)),
            (self.proof_bytes, (PROVEN,)),
            (self.proof_requests, (PROVEN,)),
            (self.proof_findings, (PROVEN, PROOF_FINDINGS)),
            (self.log_lines, (LOG_RESULTS,)),
            (self.unusual_reads, (UNUSUAL_KINDS,)),
            (self.split, (GRANULARITIES, SPLIT_RESULTS)),
            (self.contract_violations, (RULE_NAMES,)),
            (self.distribution_columns, (VERDICTS,)),
            (self.feature_differences, (DIFFERENCE_KINDS,)),
        )
        for metric, values in every:
            for labels in product(*values):
                metric.labels(*labels)


def _forget(store: str, *gauges: Gauge) -> None:
    for gauge in gauges:
        series = [sample.labels for family in gauge.collect() for sample in family.samples]
        for labels in series:
            if labels["store"] == store:
                gauge.remove(*labels.values())
