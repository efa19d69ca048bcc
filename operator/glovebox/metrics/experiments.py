"""What is counted of Experiments: drift, the way to Ready, runs, seals, orphans."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from glovebox.kube.kinds import CHILD_KINDS, POD
from glovebox.metrics.labels import (
    CHANGES,
    DRIFT,
    LIFE,
    OUTCOMES,
    PROBES,
    REPAIRS,
    RUNS,
    start_at_zero,
)


class ExperimentMetrics:
    """What becomes of Experiments and their namespaces.

    Args:
        registry: Where they are registered; one a process, a fresh one a test.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
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
        managed = [kind.kind for kind in CHILD_KINDS]
        start_at_zero(self.drift_duration, managed)
        start_at_zero(self.drift_detected, [*managed, POD.kind], CHANGES)
        start_at_zero(self.drift_repairs, [*managed, POD.kind], REPAIRS)
        start_at_zero(self.rotations, ("s3",), OUTCOMES)
        start_at_zero(self.runs, RUNS)
        start_at_zero(self.probes, PROBES)
        start_at_zero(self.seals, OUTCOMES)
