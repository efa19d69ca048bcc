"""What is shown of Experiments one by one, for the dashboards of one and of several.

Read from their statuses when Prometheus asks. Bounded three times: so many Experiments, so many
inputs of each, and of everything else the fixed list of what a status can say. Tolerant: a status
of another version must not stop a scrape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily

from glovebox.metrics.moments import unix

# Of more inputs than this the first are shown; a status has 96 at most.
MOST_INPUTS: Final = 16
_FEATURES: Final = "features"
_DIGITS: Final = len("sha256:") + 12
# Who it is; every series has these.
_WHO: Final = ("resource_namespace", "name")
Json = Mapping[str, Any]


def families(experiments: Iterable[Json]) -> Iterator[GaugeMetricFamily]:
    """Yield the families of some Experiments."""
    info = _family(
        "info",
        "An Experiment: its own namespace, and the first 12 digits of its identity.",
        "target_namespace",
        "digest",
        "profile",
    )
    steps = _family(
        "step_timestamp_seconds", "When an Experiment came to a step of its life.", "step"
    )
    conditions = _family(
        "condition", "1 for each condition of an Experiment as it is.", "type", "status", "reason"
    )
    inputs = _family(
        "input_bytes",
        "Inputs of an Experiment by the first 12 digits of their content, with their size.",
        *("input", "role", "kind", "content", "pin_namespace", "pin"),
    )
    leaks = _family(
        "leakage",
        "What an Experiment's leakage sheet found shared, by how it is known.",
        "type",
        "level",
    )
    counts = {name: _family(name, text) for name, text in _COUNTS.items()}
    for each in experiments:
        metadata, spec = each["metadata"], each.get("spec") or {}
        status = each.get("status") or {}
        who = (metadata.get("namespace", ""), metadata["name"])
        info.add_metric(
            (
                *who,
                str(status.get("namespace") or ""),
                str(status.get("digest") or "")[:_DIGITS],
                str(spec.get("profile") or ""),
            ),
            1,
        )
        for step, time in _steps(metadata, status):
            steps.add_metric((*who, step), time)
        for entry in status.get("conditions") or ():
            conditions.add_metric(
                (*who, *(str(entry.get(name)) for name in ("type", "status", "reason"))), 1
            )
        for labels, size in _inputs(spec, status, who[0]):
            inputs.add_metric((*who, *labels), size)
        for entry in status.get("leakage") or ():
            leaks.add_metric(
                (*who, str(entry.get("type")), str(entry.get("level"))), entry.get("found") or 0
            )
        for name, value in _counts(status):
            counts[name].add_metric(who, value)
    yield from (info, steps, conditions, inputs, leaks, *counts.values())


_COUNTS: Final = {
    "attempts": "Pods that were started for the run of an Experiment.",
    "drift_repairs": "Differences in the namespace of an Experiment that were repaired.",
    "drift_outstanding": "Objects of an Experiment that differ now and are not repaired.",
    "tenant_pods": "Pods in the namespace of an Experiment that were not its run's.",
    "lineage_events": "Events of lineage that are written of an Experiment.",
    "sealed_versions": "Object versions in the seal of an Experiment.",
    "sealed_bytes": "Their size.",
    "seal_findings": "What the seal of an Experiment could not vouch for.",
}


def _counts(status: Json) -> Iterator[tuple[str, float]]:
    run, drift, seal = (status.get(name) or {} for name in ("run", "drift", "seal"))
    left = drift.get("outstanding") or {}
    yield "attempts", run.get("attempts") or 0
    yield "drift_repairs", drift.get("repairs") or 0
    yield "drift_outstanding", 0 if left.get("untilTime") else left.get("objects") or 0
    yield "tenant_pods", len((status.get("tenantPods") or {}).get("pods") or ())
    yield "lineage_events", len((status.get("lineage") or {}).get("events") or ())
    if seal:
        yield "sealed_versions", seal.get("objects") or 0
        yield "sealed_bytes", seal.get("bytes") or 0
        yield "seal_findings", len(seal.get("findings") or ())


def _steps(metadata: Json, status: Json) -> Iterator[tuple[str, float]]:
    run = status.get("run") or {}
    known = {
        "Declared": metadata.get("creationTimestamp"),
        "Bound": status.get("boundTime"),
        "Provisioned": (status.get("provisioned") or {}).get("time"),
        "RunStarted": run.get("startTime"),
        "RunEnded": run.get("completionTime"),
        "Closed": status.get("closedTime"),
        "Sealed": (status.get("seal") or {}).get("sealedTime"),
    }
    times = ((step, unix(text)) for step, text in known.items())
    yield from ((step, time) for step, time in times if time is not None)


def _inputs(spec: Json, status: Json, own: str) -> Iterator[tuple[tuple[str, ...], float]]:
    datasets = (spec.get("inputs") or {}).get("datasets") or ()
    roles = {entry.get("name"): str(entry.get("role")) for entry in datasets}
    for entry in (status.get("inputs") or ())[:MOST_INPUTS]:
        namespace, _, pin = str(entry.get("pinRef") or "").rpartition("/")
        name = str(entry.get("name"))
        labels = (
            name,
            roles.get(name, _FEATURES),
            str(entry.get("kind")),
            str(entry.get("digest") or "")[:_DIGITS],
            namespace or own,
            pin,
        )
        yield labels, entry.get("bytes") or 0


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"glovebox_experiment_{name}", text, labels=(*_WHO, *labels))
