"""For each alert: the series of its fault, and those for which it stays quiet.

A blip is the fault for half as long as the alert waits. Where a ratio has a floor, one object that
fails all the time is quiet.
"""

from __future__ import annotations

from typing import Final

from glovebox.metrics.rules import alerts
from support.promtool import Calm, Case, Fault, seconds

_LASTS: Final = {alert.name: seconds(alert.lasts) for alert in alerts()}
_SHORT: Final = 180
_LONG: Final = 7200


def _step(lasts: int) -> int:
    if lasts <= _SHORT:
        return 10
    return 60 if lasts <= _LONG else 3600


def _list(*runs: tuple[float, int]) -> str:
    return " ".join(" ".join([f"{value:g}"] * times) for value, times in runs)


def gauge(name: str, series: str, *, bad: float = 1, good: float = 0) -> Case:
    """Return the case of an alert on a value: bad for ever, good for ever, bad for a moment."""
    lasts = _LASTS[name]
    step = _step(lasts)
    steps = lasts // step
    half = max(1, steps // 2)
    return Case(
        Fault({series: _list((bad, steps + 10))}, at=(steps + 5) * step),
        {
            "healthy": Calm({series: _list((good, steps + 20))}),
            "blip": Calm(
                {series: _list((good, 5), (bad, half), (good, steps + 10))},
                pending=(4 + half) * step,
            ),
        },
        step=step,
    )


def age(name: str, series: str, limit: int, step: int = 60) -> Case:
    """Return the case of an alert on a moment that is too long ago."""
    late, steps = limit // step, _LASTS[name] // step
    many = late + steps + 10
    resumed = late + max(2, steps // 2)
    again = f"{resumed * step}+{step}x{steps + 10}"
    return Case(
        Fault({series: f"0x{many}"}, at=(late + steps + 3) * step),
        {
            "healthy": Calm({series: f"0+{step}x{many}"}),
            "blip": Calm({series: f"0x{resumed - 1} {again}"}, pending=(late + 1) * step),
        },
        step=step,
    )


def counted(series: str, *, at: int, fault: str = "0+1x90", calm: str = "0 0 0 2x60") -> Case:
    """Return the case of an alert on growth: on and on, never, and once a little."""
    return Case(
        Fault({series: fault}, at=at),
        {"healthy": Calm({series: "7x90"}), "few": Calm({series: calm})},
    )


_TOTAL: Final = 'glovebox_reconcile_total{controller="experiment", result="success"}'
_ERRORS: Final = 'glovebox_reconcile_errors_total{controller="experiment", reason="unavailable"}'
_OK: Final = 'glovebox_kube_requests_total{verb="GET", resource="pods", code="200"}'
_LOST: Final = 'glovebox_kube_requests_total{verb="GET", resource="pods", code="0"}'
_SLOW: Final = "glovebox_reconcile_duration_seconds_bucket"
_READY: Final = "glovebox_experiment_time_to_ready_seconds"
_EXPERIMENTS: Final = 'glovebox_objects{kind="Experiment", status="%s"}'
_UNHEALTHY: Final = (
    'glovebox_object_unhealthy{kind="Experiment", resource_namespace="t", name="%s", reason="%s"}'
)
_WORK: Final = 'glovebox_object_store_operations_total{operation="seal", result="%s"}'
_SEALS: Final = 'glovebox_seals_total{result="%s"}'
_RUNS: Final = 'glovebox_runs_total{result="%s"}'
_RECORDS: Final = 'glovebox_records_without_experiment{store="a"}'
_DELETED: Final = "glovebox_experiment_deletion_seconds_count"


def _built() -> dict[str, Case]:
    build, leads = 'glovebox_build_info{version="1"}', 'glovebox_leader{pod="%s"}'
    canary = 'glovebox_watch_canary_delay_seconds{pod="%s"}'
    gauges = {
        "ReconcileStuck": 'glovebox_reconciles_stuck{queue="data"}',
        "GenerationNotObserved": 'glovebox_objects_unobserved{kind="Experiment"}',
        "SeriesLeftOut": "glovebox_metrics_series_left_out",
        "ObjectsFailed": 'glovebox_objects{kind="DatasetPin", status="Failed"}',
        "OrphanFound": "glovebox_orphan_namespaces",
        "IsolationIncomplete": "glovebox_experiments_isolation_incomplete",
        "DriftDetected": 'glovebox_drift_outstanding{managed_kind="ConfigMap"}',
        "ProbeFailed": 'glovebox_experiments_isolated{status="False"}',
        "PinnedDataDiffer": 'glovebox_digest_mismatches{kind="DatasetPin"}',
        "ProofOverdue": 'glovebox_pins_by_proofs{state="ProofOverdue"}',
        "WaitingForBudget": 'glovebox_pins_by_proofs{state="WaitingForBudget"}',
        "ContractViolated": 'glovebox_pins_by_contract{state="Violated"}',
        "DistributionMoved": 'glovebox_pins_by_distribution{state="Moved"}',
        "SchemaDiffers": 'glovebox_feature_sets_by_schema{state="Differs"}',
        "Expired": "glovebox_expired_feature_sets_in_use",
        "ExpiresSoon": 'glovebox_feature_sets{state="ExpiresSoon"}',
        "RetentionEnded": 'glovebox_pins_by_end{state="RetentionEnded"}',
        "RetentionEndsSoon": 'glovebox_pins_by_end{state="RetentionEndsSoon"}',
        "ProvenanceGaps": 'glovebox_pins_by_provenance{level="None"}',
        "BrokenLink": 'glovebox_broken_links{link="source"}',
        "OpposedRoles": "glovebox_datasets_in_opposed_roles",
        "SigningKeyLost": "glovebox_signing_key_unusable",
        "LedgerNotWitnessed": 'glovebox_ledger_anchor_lag_entries{store="a", anchor="w"}',
        "RecordsLost": 'glovebox_records_lost{store="a"}',
        "StoreNotReady": 'glovebox_objects{kind="ObjectStore", status="InProgress"}',
        "LineageUnwritten": "glovebox_lineage_unwritten_experiments",
    }
    watch = 'glovebox_watch_last_contact_timestamp_seconds{managed_kind="Secret"}'
    waiting = 'glovebox_lineage_outbox_oldest_timestamp_seconds{destination="d"}'
    ages = {
        "DeafWatch": (watch, 300),
        "SweepStale": (
            'glovebox_sweep_last_success_timestamp_seconds{controller="experiment"}',
            1800,
        ),
        "SealOverdue": ("glovebox_seal_oldest_waiting_timestamp_seconds", 3600),
        "LedgerUnavailable": ('glovebox_ledger_signed_timestamp_seconds{store="a"}', 7200),
        "LineageWaiting": (waiting, 3600),
    }
    errors = 'glovebox_reconcile_errors_total{controller="experiment", reason="%s"}'
    repairs = 'glovebox_drift_repairs_total{managed_kind="Secret", result="%s"}'
    sessions = 'glovebox_credential_rotations_total{type="s3", result="%s"}'
    dropped = 'glovebox_events_dropped_total{cause="budget"}'
    drifted = 'glovebox_drift_detected_total{managed_kind="Secret", change="modified"}'
    letters = 'glovebox_lineage_dead_letters_total{destination="d", reason="size"}'
    transient = 'glovebox_transient_errors_total{controller="experiment", class="store"}'
    expiry = 'glovebox_credentials_earliest_expiry_timestamp_seconds{type="s3"}'
    authorities = "glovebox_store_authorities_earliest_expiry_timestamp_seconds"
    findings = 'glovebox_pin_proof_findings_total{level="Full", finding="changed"}'
    reads = 'glovebox_unusual_reads_total{kind="%s"}'
    size, back = 'glovebox_ledger_size{store="a"}', "glovebox_ledgers_went_back"
    cases = {name: gauge(f"Glovebox{name}", series) for name, series in gauges.items()}
    cases |= {name: age(f"Glovebox{name}", *given) for name, given in ages.items()}
    return cases | {
        "PinChecksStale": age(
            "GloveboxPinChecksStale",
            'glovebox_digest_oldest_check_timestamp_seconds{kind="DatasetPin"}',
            172800,
            step=900,
        ),
        "Alive": Case(
            Fault({leads % "a": "0x9", leads % "b": "1x9"}, at=60),
            {
                "nobody leads": Calm({leads % "a": "0x9"}),
                "nobody is there": Calm({"up": "1x9"}),
                "who leads is deaf": Calm(
                    {
                        leads % "a": "0x9",
                        leads % "b": "1x9",
                        canary % "a": "0x9",
                        canary % "b": "120x9",
                    }
                ),
            },
        ),
        "Deaf": Case(
            Fault({canary % "a": "0x9", canary % "b": "0 0 35+60x9"}, at=240),
            {
                "healthy": Calm({canary % "b": "0 1 0 2x20"}),
                "a watch broke": Calm({canary % "b": "0 0 40 0x20"}, pending=120),
            },
        ),
        "Down": Case(
            Fault({"up": "1x20"}, at=480),
            {
                "healthy": Calm({build: "1x20"}),
                "blip": Calm({build: "1 1 1 stale _ _ 1x15"}, pending=240),
            },
        ),
        "NoLeader": gauge("GloveboxNoLeader", leads % "a", bad=0, good=1),
        "LeaderFlapping": Case(
            Fault({leads % "a": "0 1 " * 12}, at=1200),
            {"one takes over": Calm({leads % "a": "1x9 0x30", leads % "b": "0x9 1x30"})},
        ),
        "QueueStarved": gauge(
            "GloveboxQueueStarved",
            'glovebox_queue_oldest_seconds{queue="cluster"}',
            bad=400,
            good=2,
        ),
        "ReconcileErrors": Case(
            Fault(
                {_TOTAL: "0+10x60", _ERRORS: "0+2x60"}, at=2400, labels='controller="experiment"'
            ),
            {
                "one object of few": Calm({_TOTAL: "0+1x60", _ERRORS: "0+1x60"}),
                "one object of many": Calm({_TOTAL: "0+100x60", _ERRORS: "0+1x60"}),
                "blip": Calm({_TOTAL: "0+10x60", _ERRORS: "0x20 20x40"}, pending=1620),
            },
        ),
        "InternalError": counted(errors % "internal", at=1800),
        "Forbidden": counted(errors % "forbidden", at=1800),
        "ReconcileSlow": Case(
            Fault(
                {
                    f'{_SLOW}{{controller="datasetpin", le="10"}}': "0+1x90",
                    f'{_SLOW}{{controller="datasetpin", le="30"}}': "0+10x90",
                    f'{_SLOW}{{controller="datasetpin", le="+Inf"}}': "0+10x90",
                },
                at=3600,
            ),
            {
                "healthy": Calm(
                    {
                        f'{_SLOW}{{controller="datasetpin", le="10"}}': "0+10x90",
                        f'{_SLOW}{{controller="datasetpin", le="+Inf"}}': "0+10x90",
                    }
                )
            },
        ),
        "ApiUnavailable": Case(
            Fault({_OK: "0+100x60", _LOST: "0+50x60"}, at=1500),
            {
                "nothing is asked": Calm({_OK: "0+1x60", _LOST: "0+1x60"}),
                "blip": Calm({_OK: "0+100x60", _LOST: "0x9 0+50x3 150x40"}, pending=780),
            },
        ),
        "ApiErrorBudget": Case(
            # A tenth fails for five hours: too little for `ApiUnavailable`, too much for a month.
            # An hour after its end the six hours before are still above; it is over all the same.
            Fault(
                {_OK: "0+90x300 27000+100x90", _LOST: "0+10x300 3000x90"},
                at=18_000,
                resolved=21_600,
            ),
            {
                "nothing is asked": Calm({_OK: "0+0.2x400", _LOST: "0+0.2x400"}),
                "within the objective": Calm({_OK: "0+98x400", _LOST: "0+2x400"}),
                "all of five minutes": Calm(
                    {_OK: "0+100x60 6000x5 6000+100x300", _LOST: "0x60 0+100x5 500x300"}
                ),
            },
        ),
        "EventsDropped": counted(dropped, at=4200, fault="0+5x90", calm="0 0 0 30x90"),
        "FailedSurge": Case(
            Fault({_EXPERIMENTS % "Failed": "10x30", _EXPERIMENTS % "Current": "20x30"}, at=900),
            {
                "few of few": Calm(
                    {_EXPERIMENTS % "Failed": "4x30", _EXPERIMENTS % "Current": "4x30"}
                ),
                "some of many": Calm(
                    {_EXPERIMENTS % "Failed": "10x30", _EXPERIMENTS % "Current": "90x30"}
                ),
                "blip": Calm(
                    {
                        _EXPERIMENTS % "Failed": "0x5 10x5 0x30",
                        _EXPERIMENTS % "Current": "20x45",
                    },
                    pending=600,
                ),
            },
        ),
        "ObjectsStuck": Case(
            Fault({_UNHEALTHY % ("a", "Provisioning"): "1x90"}, at=4200),
            {
                "another one each time": Calm(
                    {
                        _UNHEALTHY % ("a", "Provisioning"): "1x25 stale",
                        _UNHEALTHY % ("b", "Provisioning"): "_x26 1x25 stale",
                        _UNHEALTHY % ("c", "Provisioning"): "_x52 1x25 stale",
                    }
                ),
                "suspended": Calm({_UNHEALTHY % ("a", "Suspended"): "1x90"}),
            },
        ),
        "ProvisioningSlow": Case(
            Fault(
                {
                    f'{_READY}_bucket{{le="60"}}': "0x120",
                    f'{_READY}_bucket{{le="900"}}': "0+1x120",
                    f'{_READY}_bucket{{le="+Inf"}}': "0+1x120",
                    f"{_READY}_count": "0+1x120",
                },
                at=3600,
            ),
            {
                "one was slow": Calm(
                    {
                        f'{_READY}_bucket{{le="60"}}': "0x120",
                        f'{_READY}_bucket{{le="900"}}': "0 0 1x120",
                        f'{_READY}_bucket{{le="+Inf"}}': "0 0 1x120",
                        f"{_READY}_count": "0 0 1x120",
                    }
                )
            },
        ),
        "RunsFailing": Case(
            Fault({_RUNS % "failed": "0+1x60", _RUNS % "succeeded": "0+1x60"}, at=1800),
            {
                "some of many": Calm({_RUNS % "failed": "0+1x60", _RUNS % "succeeded": "0+9x60"}),
                "few": Calm({_RUNS % "failed": "0 0 4x60", _RUNS % "succeeded": "0x60"}),
            },
        ),
        "DriftSurge": counted(drifted, at=4500, fault="0+1x90", calm="0 0 15x90"),
        "WriterFight": Case(
            Fault({repairs % "deferred": "0+1x60"}, at=1500),
            {
                "repaired": Calm({repairs % "success": "0+5x60", repairs % "deferred": "0x60"}),
                "few": Calm({repairs % "deferred": "0 0 0 1x60"}),
            },
        ),
        "ProofFound": Case(
            Fault({findings: "0x10 3x20"}, at=900), {"healthy": Calm({findings: "3x60"})}
        ),
        "UnusualReads": Case(
            Fault({reads % "Burst": "0x10 1x20"}, at=900),
            {
                "told long ago": Calm({reads % "Burst": "3x60"}),
                "a run's mistake": Calm({reads % "Denied": "0+1x60"}),
            },
        ),
        "SealsFailing": Case(
            Fault({_SEALS % "error": "0+1x60", _SEALS % "success": "4x60"}, at=1800),
            {
                "others are sealed": Calm(
                    {_SEALS % "error": "0+1x60", _SEALS % "success": "0+1x60"}
                ),
                "few": Calm({_SEALS % "error": "0 0 0 2x60", _SEALS % "success": "0x60"}),
            },
        ),
        "LedgerUnwritten": Case(
            Fault({"glovebox_ledgers_unwritten": "0 0 0 1x60"}, at=2400),
            {"for a moment": Calm({"glovebox_ledgers_unwritten": "0 0 1x20 0x60"})},
        ),
        "EvidenceOverdue": Case(
            Fault(
                {
                    "glovebox_evidence_overdue": "0x60",
                    "glovebox_last_listings_overdue": "0 0 0 2x60",
                },
                at=900,
            ),
            {
                "healthy": Calm(
                    {
                        "glovebox_evidence_overdue": "0x60",
                        "glovebox_last_listings_overdue": "0x60",
                    }
                )
            },
        ),
        "LedgerWentBack": Case(
            Fault({back: "0 0 0 1x20"}, at=300),
            # A new epoch begins with no entries.
            {"another key": Calm({back: "0x60", size: "10x20 3x40"})},
        ),
        "OrphanOutputs": Case(
            Fault({_RECORDS: "5x70 40x40", _DELETED: "3x110"}, at=4800),
            {
                "deleted": Calm({_RECORDS: "5x70 40x40", _DELETED: "3x70 40x40"}),
                "slowly": Calm({_RECORDS: "5x70 7x40", _DELETED: "3x110"}),
            },
        ),
        "StoreFailed": Case(
            Fault({_WORK % "error": "0+2x60", _WORK % "success": "0+5x60"}, at=2400),
            {
                "one of many": Calm({_WORK % "error": "0+1x60", _WORK % "success": "0+99x60"}),
                "few": Calm({_WORK % "error": "0 0 0 4x60", _WORK % "success": "0x60"}),
            },
        ),
        "TransientErrors": counted(transient, at=2400, fault="0+3x90", calm="0 0 0 15x60"),
        "CredentialsExpiring": Case(
            Fault({expiry: "600x60"}, at=540),
            {
                "renewed in time": Calm({expiry: "900+10x200"}),
                # Of many with the shortest sessions, one is always about to be renewed.
                "the shortest sessions": Calm({expiry: "280+10x200"}),
                "renewed late": Calm({expiry: "340x14 1000+10x60"}, pending=130),
            },
            step=10,
        ),
        "CredentialRotationFailing": counted(sessions % "error", at=1800, calm="0 0 0 1x60"),
        "AuthorityExpiring": Case(
            Fault({authorities: "1209600x90"}, at=4200),
            {"for long": Calm({authorities: "1300000x90"})},
        ),
        "LineageUndelivered": Case(
            Fault({letters: "0x10 1x20"}, at=900), {"healthy": Calm({letters: "1x60"})}
        ),
        "LineageNotKept": gauge(
            "GloveboxLineageNotKept",
            'glovebox_lineage_run_kept{destination="d"}',
            bad=0,
            good=1,
        ),
        "LineageDestinationDown": gauge(
            "GloveboxLineageDestinationDown",
            'glovebox_lineage_destination_up{destination="d"}',
            bad=0,
            good=1,
        ),
    }


CASES: Final = {f"Glovebox{name}": case for name, case in _built().items()}
