"""The values of labels, each from a short fixed list, and the buckets of histograms."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Final

from prometheus_client.metrics import MetricWrapperBase

from glovebox.api import reasons

FAST: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LIFE: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
DRIFT: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
OUTCOMES: Final = ("success", "error")
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
    "conclusion",
    "hold_pin",
    "last_listing",
    "ledger",
    "ledger_anchor",
    "ledger_head",
    "read_uses",
    "take_use",
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


def start_at_zero(metric: MetricWrapperBase, *values: Iterable[str]) -> None:
    """Make each series of a metric appear; `values` are those of each of its labels.

    A counter that appears late hides its first increase from `increase()`.
    """
    for labels in product(*values):
        metric.labels(*labels)
