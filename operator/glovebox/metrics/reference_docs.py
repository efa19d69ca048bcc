"""The reference of metrics: `python -m glovebox.metrics.reference_docs [--check]`.

Name, type, labels and help are read from the collectors themselves; what a person should make of a
metric is in the table here. A test refuses a metric without an entry.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from glovebox.api import generated
from glovebox.metrics import engine, lineage, one_by_one, state
from glovebox.metrics.labels import REASONS
from glovebox.metrics.tally import StateTally

_MODULE: Final = "glovebox.metrics.reference_docs"
_REASONS: Final = ", ".join(f"`{reason}`" for reason in REASONS)
_INTRODUCTION: Final = f"""\
<!-- Made by `python -m {_MODULE}` from the collectors. Do not edit. -->
# Metrics

The operator serves Prometheus metrics at `/metrics` on its health port (8080); the chart brings a
ServiceMonitor (`metrics.serviceMonitor.enabled`). Every label value is from a short fixed list, but
for two groups. `glovebox_object_unhealthy` and `glovebox_distribution_worst_psi` are cut at
{state.MOST_OBJECT_SERIES} series each. What bears the name of an Experiment
(`glovebox_experiment_*` with
`resource_namespace` and `name`) is there where `operator.settings.experimentSeries` is more than 0:
of so many Experiments, those that are not sealed first, and of them the newest, and of
{one_by_one.MOST_INPUTS} inputs of each. The `reason` of an object or a condition is a word of the
[conditions page](conditions.md); that of `glovebox_reconcile_errors_total` is one of
{_REASONS}. A histogram has the usual `_bucket`,
`_sum` and `_count`; histograms and counters have a `_created` as well, since when they count.
"""

# What to make of each metric, by name.
WATCH: Final = {
    "glovebox_build": "Join it to see which version an instance runs.",
    "glovebox_objects": (
        "`status=Failed` above 0: somebody has to act. See the objects' conditions."
    ),
    "glovebox_orphan_namespaces": (
        "Above 0: somebody took a finalizer off. They are closed and sealed, which lasts no longer"
        " than a seal does: look for the Event `OrphanUnsealed` when it stays. When many appear at"
        " once a second sweep has to agree before any is closed, and none is deleted; the log says"
        " so."
    ),
    "glovebox_ledger_anchor_lag_entries": (
        "Above 0 for more than the interval of `spec.ledger.timestamps` (a witness: for minutes):"
        " the ObjectStore's condition `LedgerAnchored` says who does not answer."
    ),
    "glovebox_ledger_signed_timestamp_seconds": (
        "More than two hours ago: the ledger is not written; the ObjectStore's condition"
        " `LedgerWritten` says why."
    ),
    "glovebox_ledger_size": (
        "Falls when a new epoch begins. A bucket that was restored is not continued, and its size"
        " is not shown: see `glovebox_ledgers_went_back`."
    ),
    "glovebox_ledgers_went_back": (
        "Above 0: a bucket was restored, emptied or replaced; the ObjectStore's condition"
        " `LedgerWritten` says what was seen, and what is there."
    ),
    "glovebox_ledgers_unwritten": (
        "Above 0 for minutes: the ObjectStore's condition `LedgerWritten` says why."
    ),
    "glovebox_evidence_overdue": (
        "Above 0: the condition `EvidenceWritten` of the Experiment names the cause and the cure."
    ),
    "glovebox_last_listings_overdue": (
        "Above 0: the operator's log says why, at `a seal could not be listed once more yet`."
    ),
    "glovebox_records_lost": (
        "Above 0: a store was emptied or restored. See the ObjectStore's condition `RecordsFound`."
    ),
    "glovebox_records_without_experiment": (
        "Grows with each Experiment that is deleted. A jump: the cluster was restored; see"
        " docs/how-to/restore.md."
    ),
    "glovebox_orphans_closed_total": "Above 0: look in the log for who lost its finalizer.",
    "glovebox_objects_unobserved": (
        "Above 0 for minutes: the operator lags, or does not see a kind."
    ),
    "glovebox_object_unhealthy": "Lists what is behind `glovebox_objects`, with the reason.",
    "glovebox_metrics_series_left_out": "Above 0: `glovebox_object_unhealthy` is not complete.",
    "glovebox_experiments_isolated": (
        "`status=False` above 0: the network plugin does not keep an experiment isolated."
    ),
    "glovebox_experiments_left_out": (
        "Above 0: the dashboards of one and of several do not know all; `glovebox status` and"
        " `glovebox compare` do."
    ),
    "glovebox_experiment_info": "Join it to what others say of `target_namespace`.",
    "glovebox_experiment_step_timestamp_seconds": (
        "`RunEnded` without `Sealed` for long: see the condition `Sealed`."
    ),
    "glovebox_experiment_condition": "`status` other than expected: see the page of its `reason`.",
    "glovebox_experiment_input_bytes": "One `content` in several Experiments: they share data.",
    "glovebox_experiment_leakage": (
        "Above 0: data are shared. 0 with `level=Unknown`: nobody looked."
    ),
    "glovebox_experiment_attempts": "Above 1: pods failed, or lost their node.",
    "glovebox_experiment_drift_repairs": "Grows: somebody changes what is managed.",
    "glovebox_experiment_drift_outstanding": "Above 0: isolation may be incomplete.",
    "glovebox_experiment_tenant_pods": "Above 0: the run was not alone.",
    "glovebox_experiment_lineage_events": "0 after a run, where lineage is on: the store is late.",
    "glovebox_experiment_sealed_versions": "Absent before the seal.",
    "glovebox_experiment_sealed_bytes": "Absent before the seal.",
    "glovebox_experiment_seal_findings": "Above 0: read them in `status.seal.findings`.",
    "glovebox_reconcile_total": "The rate by result shows what the operator does.",
    "glovebox_reconcile_errors_total": (
        "A lasting rate: see the operator's log. `internal` is a bug."
    ),
    "glovebox_reconcile_duration_seconds": "A rising p95: a slow API server or store.",
    "glovebox_reconcile_in_progress": (
        "At the number of workers for long: the operator is saturated."
    ),
    "glovebox_reconciles_stuck": "Above 0: one reconciliation hangs; see the log for its key.",
    "glovebox_transient_errors_total": (
        "A rising rate, while conditions are still True: something is about to fail."
    ),
    "glovebox_events_dropped_total": "A rate above 0: Events are missing; conditions are not.",
    "glovebox_leader": "The sum over replicas is 1. 0 for more than a minute: nobody reconciles.",
    "glovebox_reflector_failures_total": (
        "A lasting rate: a kind cannot be watched; see the log for the reason."
    ),
    "glovebox_kube_requests_total": (
        "Codes 0, 429 and 5xx: the API server is unreachable or overloaded."
    ),
    "glovebox_kube_request_duration_seconds": "The API server's latency as the operator sees it.",
    "glovebox_object_store_operations_total": "`result=error` with a lasting rate: see the store.",
    "glovebox_object_store_operation_duration_seconds": "Grows with the data for pins and seals.",
    "glovebox_drift_detected_total": (
        "A lasting rate: somebody or something changes managed objects."
    ),
    "glovebox_drift_repairs_total": (
        "`deferred`: another writer changes the object back. `alerted`: left by policy."
    ),
    "glovebox_drift_repair_duration_seconds": "How long an isolation object was not as declared.",
    "glovebox_drift_outstanding": "Above 0: something differs now. Isolation may be incomplete.",
    "glovebox_experiment_time_to_ready_seconds": "What users wait for.",
    "glovebox_experiment_deletion_seconds": "Long tails: finalizers or pods that hold a namespace.",
    "glovebox_credential_rotations_total": (
        "`result=error`: runs lose their credentials when the current ones expire."
    ),
    "glovebox_credentials_earliest_expiry_timestamp_seconds": (
        "In the past, or less than five minutes ahead: rotation does not work."
    ),
    "glovebox_runs_total": "Runs started and how they ended.",
    "glovebox_probes_total": "`failed`: an isolation check found an open route.",
    "glovebox_seals_total": "`result=error` with a lasting rate: results stay unsealed.",
    "glovebox_signing_key_unusable": "1: seals wait for the key; see how-to/rotate-keys.md.",
    "glovebox_digest_checks_total": "`mismatch` or `missing`: pinned data changed in the store.",
    "glovebox_digest_checked_bytes_total": "The rate is the hashing throughput.",
    "glovebox_split_total": (
        "`result=none` grows fast: an embargo takes much of what is split by time."
    ),
    "glovebox_digest_mismatches": "Above 0: a pin does not match its store now.",
    "glovebox_pin_proofs_total": "`found`: pinned objects are not what they were.",
    "glovebox_pin_proof_bytes_total": "What proofs read; compare with the budgets of the stores.",
    "glovebox_pin_proof_requests_total": "The rate is what proofs ask the stores for.",
    "glovebox_pin_proof_findings_total": "Any increase: data rot, or somebody changes them.",
    "glovebox_pin_oldest_proof_timestamp_seconds": "Older than the longest interval of that level.",
    "glovebox_pins_by_proofs": "`ProofOverdue`; `WaitingForBudget` for days: the budget is small.",
    "glovebox_access_log_lines_total": (
        "`unparsed`: what is below `spec.accessLog` is no access log, or lines were cut off."
        " `repeated` lines count once."
    ),
    "glovebox_access_log_newest_line_timestamp_seconds": (
        "Far behind: the log does not arrive, or cannot be read; nothing is found meanwhile."
    ),
    "glovebox_unusual_reads_total": (
        "Any increase: somebody reads pinned data, or tries to; `status.reads` of the pins says"
        " who. `Denied` alone may be a mistake in a run."
    ),
    "glovebox_contract_rows_total": "The rate is what checks of contracts come through.",
    "glovebox_contract_violations_total": (
        "Any growth: data came in that is not what its users were promised; `status.contract` of"
        " the pin names file, column and count."
    ),
    "glovebox_feature_differences_total": (
        "Any growth: values were built otherwise than they are defined; `status.materialized` of"
        " the FeatureSetPin names feature, file and count."
    ),
    "glovebox_feature_sets": (
        "`state=Expired` with users, or `ExpiresSoon` that stays: nobody pinned a successor."
    ),
    "glovebox_pins_by_end": (
        "`RetentionEnded`: data are pinned that were to be kept no longer; `Retiring` of the pin"
        " says what keeps them. `None`: neither end is declared."
    ),
    "glovebox_pin_contract_violations": (
        "Which rules which pin breaks; its `status.contract` names columns, files and rows, which"
        " are named nowhere here. At most 500 series; see `glovebox_metrics_series_left_out`."
    ),
    "glovebox_pins_by_contract": "`Violated`: pins that no Experiment may use, until corrected.",
    "glovebox_statistics_rows_total": "The rate is what statistics of pins come through.",
    "glovebox_distribution_columns_total": (
        "Growth of `verdict=moved`: data came in that is unlike what was there before;"
        " `status.distribution` of the pin names the columns. Drift of objects in the cluster is"
        " `glovebox_drift_*`."
    ),
    "glovebox_pins_by_compatibility": (
        "`Breaking` rises: contracts change so that code for the superseded pin cannot use the new"
        " data; `status.evolution` of the pin names the columns."
    ),
    "glovebox_pins_by_distribution": "`Moved`: look at what became of the source.",
    "glovebox_distribution_worst_psi": (
        "How far the worst column moved. At most 500 pins have a series; see"
        " `glovebox_metrics_series_left_out`."
    ),
    "glovebox_pins_by_provenance": "`None` rises: data come in of which nobody says where from.",
    "glovebox_digest_oldest_check_timestamp_seconds": "Old: pins are not being checked.",
    "glovebox_experiments": "`state=Open` without runs: nobody sealed what is done.",
    "glovebox_datasets": (
        "`users=0` grows: data is pinned that nobody uses; `glovebox lineage` names users."
    ),
    "glovebox_broken_links": (
        "Above 0: what a pin was made from cannot be followed. `source`: `status.provenance.gaps`"
        " of the DatasetPin says which; `split`, `input`: its condition `Ready` does; `reference`:"
        " `DistributionStable` does."
    ),
    "glovebox_experiments_isolation_incomplete": (
        "Above 0: a repair was refused, for example by another policy of the cluster; the condition"
        " `NamespaceReady` says why."
    ),
    "glovebox_feature_sets_by_schema": "`Differs`: values that no Experiment may use.",
    "glovebox_expired_feature_sets_in_use": (
        "Above 0: Experiments go on with definitions whose validity has ended."
    ),
    "glovebox_datasets_in_opposed_roles": (
        "Above 0: what one Experiment is judged by, another one learns from. Within one Experiment"
        " that is refused."
    ),
    "glovebox_seal_oldest_waiting_timestamp_seconds": (
        "More than an hour ago: results stay unsealed; the Experiment's condition `Sealed` says"
        " why."
    ),
    "glovebox_store_authorities_earliest_expiry_timestamp_seconds": (
        "Within 14 days: renew `spec.tls.caBundle`, or the store cannot be spoken to."
    ),
    "glovebox_lineage_unwritten_experiments": (
        "Above 0 for minutes: the store does not take events; they are written once it does."
    ),
    "glovebox_lineage_events_total": "The rate of runs that begin and are sealed.",
    "glovebox_lineage_deliveries_total": (
        "`failed` with a lasting rate: the destination is away or misconfigured; the log says how"
        " it answers. Nothing is lost meanwhile."
    ),
    "glovebox_lineage_delivery_duration_seconds": "Near 20 s: a destination stalls.",
    "glovebox_lineage_dead_letters_total": (
        "Above 0: an event was given up; see the ConfigMaps `glovebox-undelivered-...`."
    ),
    "glovebox_lineage_outbox_events": "Growing: the destination does not keep up.",
    "glovebox_lineage_outbox_oldest_timestamp_seconds": (
        "More than an hour ago: a destination misses what happened since."
    ),
    "glovebox_lineage_run_kept": (
        "0: a destination answered 2xx to the end of a run, and does not know the run."
    ),
    "glovebox_lineage_destination_up": "0 for minutes: see the log for what it answers.",
    "glovebox_queue_depth": "Growing: the operator does not keep up.",
    "glovebox_queue_oldest_seconds": (
        "Above a minute: work is starved. Of a replica that does not lead it is 0."
    ),
    "glovebox_watch_last_contact_timestamp_seconds": (
        "Older than some minutes: the operator is blind for this kind."
    ),
    "glovebox_watch_canary_delay_seconds": (
        "Above 30: the process gets no events, and is not ready. Absent without a Lease."
    ),
    "glovebox_sweep_last_success_timestamp_seconds": (
        "Older than half an hour: missed deletions are not noticed."
    ),
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it is served."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


def metrics() -> list[Metric]:
    """Return every metric of the operator, by name."""
    return sorted((*_counted(), *_observed()), key=lambda metric: metric.name)


def metrics_page() -> str:
    """Return the page as Markdown."""
    return "\n".join((_INTRODUCTION, *_lines(metrics())))


def _counted() -> Iterator[Metric]:
    """Yield what is counted while it happens."""
    counted = (
        engine.EngineMetrics(CollectorRegistry()),
        lineage.LineageMetrics(CollectorRegistry()),
    )
    for metric in (metric for each in counted for metric in vars(each).values()):
        if isinstance(metric, MetricWrapperBase):
            suffix = "_total" if metric._type == "counter" else ""  # noqa: SLF001 - no public name
            yield Metric(
                metric._name + suffix,  # noqa: SLF001 - as above
                str(metric._type),  # noqa: SLF001 - as above
                tuple(metric._labelnames),  # noqa: SLF001 - as above
                metric._documentation,  # noqa: SLF001 - as above
            )
    yield Metric("glovebox_build", "info", ("version", "python"), "The running build.")


def _observed() -> Iterator[Metric]:
    """Yield what is computed when Prometheus asks."""

    def nothing() -> dict[str, Any]:
        return {}

    collector = state.StateCollector(
        StateTally(), queues=nothing, reflectors=nothing, sweeps=nothing, drifting=nothing
    )
    for family in (*collector.collect(), *lineage.LineageCollector(nothing).collect()):
        labels = tuple(getattr(family, "_labelnames", ()))
        yield Metric(family.name, family.type, labels, family.documentation)


def _lines(every: Iterable[Metric]) -> Iterator[str]:
    yield "| metric | type | labels | meaning | what to watch |"
    yield "|---|---|---|---|---|"
    for metric in every:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
        watch = WATCH.get(metric.name, "")
        served = f"{metric.name}_info" if metric.kind == "info" else metric.name
        yield f"| `{served}` | {metric.kind} | {labels} | {metric.help} | {watch} |"
    yield ""


def reference_files(folder: Path) -> dict[Path, str]:
    """Return the text of the page, by its path."""
    return {folder / "metrics.md": metrics_page()}


if __name__ == "__main__":
    sys.exit(generated.main(reference_files, Path("docs/reference"), module=_MODULE))
