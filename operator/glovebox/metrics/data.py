"""What is counted of data: digests, proofs, reads, splits, contracts, statistics, features."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from glovebox.api.contract import RULE_NAMES
from glovebox.api.materialized import DIFFERENCE_KINDS
from glovebox.api.statistics_status import VERDICTS
from glovebox.kube.kinds import DATASET_PIN, FEATURE_SET_PIN
from glovebox.metrics.labels import (
    CHECKS,
    GRANULARITIES,
    LOG_RESULTS,
    PROOF_FINDINGS,
    PROOF_RESULTS,
    PROVEN,
    SPLIT_RESULTS,
    UNUSUAL_KINDS,
    start_at_zero,
)


class DataMetrics:
    """Work on pinned data, and what it found.

    Args:
        registry: Where they are registered; one a process, a fresh one a test.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
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
        self.unusual_reads = Counter(
            "glovebox_unusual_reads_total",
            "Readers of pins that an access log shows, and that nobody declared.",
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
        pins = (DATASET_PIN.kind, FEATURE_SET_PIN.kind)
        start_at_zero(self.digest_bytes, pins)
        start_at_zero(self.digest_checks, pins, CHECKS)
        start_at_zero(self.proofs, PROVEN, PROOF_RESULTS)
        start_at_zero(self.proof_bytes, PROVEN)
        start_at_zero(self.proof_requests, PROVEN)
        start_at_zero(self.proof_findings, PROVEN, PROOF_FINDINGS)
        start_at_zero(self.log_lines, LOG_RESULTS)
        start_at_zero(self.unusual_reads, UNUSUAL_KINDS)
        start_at_zero(self.split, GRANULARITIES, SPLIT_RESULTS)
        start_at_zero(self.contract_violations, RULE_NAMES)
        start_at_zero(self.distribution_columns, VERDICTS)
        start_at_zero(self.feature_differences, DIFFERENCE_KINDS)
