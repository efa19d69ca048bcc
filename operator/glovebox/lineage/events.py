"""The events of an Experiment in OpenLineage's form: they follow from its status. Pure.

    START                  when the run's Job is recorded: all inputs
    COMPLETE, FAIL, ABORT  when the seal is recorded: all inputs, and what was sealed

Nothing is queued. What follows from the status and is not among `status.lineage.events` is still to
be written, so a process that dies loses nothing, and its successor makes the same bytes: all of an
event is taken from what never changes once it is recorded.

A run's id is made of the Experiment's UID, an attempt's of the UID and its number. The whole run is
attempt 0; pods are told in our own facet, because nobody knows which of them wrote what.

The objects are read as they are, without their schema: what no operator can read any more is sealed
and deleted all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX, canonical_json, is_digest
from glovebox.lineage import facets

# Of the ids of runs; any UUID does, as long as it never changes.
_NAMESPACE: Final = UUID("0f6a6a53-5f2e-5c0b-9d53-6f4f2b6d7c11")
START: Final = "START"
COMPLETE: Final = "COMPLETE"
FAIL: Final = "FAIL"
ABORT: Final = "ABORT"
# Runs that were ended on purpose.
_ABORTED: Final = frozenset({reasons.RUN_STOPPED, reasons.ABANDONED})
DATASET: Final = "DatasetPin"
_BEGIN: Final = "begin"
_END: Final = "end"
_STEPS: Final = frozenset({_BEGIN, _END})


@dataclass(frozen=True, slots=True)
class LineageEvent:
    """An event as it is written, locked and delivered.

    Attributes:
        type: `START`, `COMPLETE`, `FAIL` or `ABORT`.
        time: When what it tells of happened, RFC 3339.
        body: Its bytes.
    """

    type: str
    time: str
    body: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of its bytes."""
        return DIGEST_PREFIX + hashlib.sha256(self.body).hexdigest()


def run_id(uid: str, attempt: int = 0) -> str:
    """Return the id of a run, the same in each attempt to tell of it.

    Args:
        uid: Of the Experiment.
        attempt: 0 for the run as a whole, else the number of the pod.
    """
    return str(uuid5(_NAMESPACE, f"{uid} {attempt}"))


def job_name(team: str, name: str) -> str:
    """Return the name of the job: each experiment has one of its own."""
    return f"{team}.{name}"


def events_of(
    obj: Mapping[str, Any], namespace: str, *, unsealed: bool = False
) -> tuple[LineageEvent, ...]:
    """Return the events of an Experiment, in the order in which they happened.

    Of one that took over what another one did (`spec.adopts`) there are none: they are of that one.

    Args:
        obj: As the API server holds it.
        namespace: Of jobs, as the setting says; the recorded one counts.
        unsealed: Whether the end is told although there will be no seal.
    """
    status = obj.get("status") or {}
    if not is_digest(str(status.get("digest") or "")) or (obj.get("spec") or {}).get("adopts"):
        return ()
    namespace = str((status.get("lineage") or {}).get("namespace") or namespace)
    return tuple(_events(obj, status, namespace, unsealed=unsealed))


def outstanding(
    obj: Mapping[str, Any], namespace: str, *, unsealed: bool = False
) -> tuple[LineageEvent, ...]:
    """Return the events of which the status does not say that they are written."""
    written = {step_of(str(entry.get("type"))) for entry in recorded_events(obj)}
    if written >= _STEPS:
        return ()  # of most Experiments, at each look
    found = events_of(obj, namespace, unsealed=unsealed)
    return tuple(event for event in found if step_of(event.type) not in written)


def recorded_events(obj: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return what `status.lineage.events` says."""
    return tuple(((obj.get("status") or {}).get("lineage") or {}).get("events") or ())


def step_of(event_type: str) -> str:
    """Return which of the two steps an event tells of; a run ends once, however it does."""
    return _BEGIN if event_type == START else _END


def _events(
    obj: Mapping[str, Any], status: Mapping[str, Any], namespace: str, *, unsealed: bool
) -> Iterator[LineageEvent]:
    run, seal = status.get("run") or {}, status.get("seal") or {}
    started, ended = run.get("startTime"), run.get("completionTime")
    if not run and seal:
        # Work by hand: it began when its inputs were bound.
        started = status.get("boundTime") or obj["metadata"]["creationTimestamp"]
        ended = seal.get("sealedTime")
    if not started:
        return
    inputs = _inputs(obj, status, namespace)
    yield _event(obj, namespace, START, str(started), _run_facets(obj, status, START), inputs, [])
    if not ended or not (seal or unsealed):
        return
    kind = _end_of(run)
    place = _place_of(status)
    outputs = [_output(*place, seal)] if seal and place is not None else []
    yield _event(obj, namespace, kind, str(ended), _run_facets(obj, status, kind), inputs, outputs)


def _end_of(run: Mapping[str, Any]) -> str:
    if not run or run.get("outcome") == "Succeeded":
        return COMPLETE
    return ABORT if run.get("reason") in _ABORTED else FAIL


def _event(
    obj: Mapping[str, Any],
    namespace: str,
    kind: str,
    time: str,
    run_facets: dict[str, Any],
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
) -> LineageEvent:
    metadata = obj["metadata"]
    document = {
        "eventType": kind,
        "eventTime": time,
        "producer": facets.PRODUCER,
        "schemaURL": facets.EVENT_SCHEMA,
        "run": {"runId": run_id(str(metadata["uid"])), "facets": run_facets},
        "job": {
            "namespace": namespace,
            "name": job_name(str(metadata["namespace"]), str(metadata["name"])),
            "facets": _job_facets(obj, inputs, outputs),
        },
        "inputs": inputs,
        "outputs": outputs,
    }
    return LineageEvent(kind, time, canonical_json(document))


def _job_facets(
    obj: Mapping[str, Any], inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]
) -> dict[str, Any]:
    found = {"jobType": facets.job_type()}
    purpose = ((obj.get("status") or {}).get("purpose") or {}).get("description")
    if purpose:
        found["documentation"] = facets.documentation(str(purpose))
    code = (obj.get("spec") or {}).get("code") or {}
    if code.get("repository") and code.get("commit"):
        found["sourceCodeLocation"] = facets.source_code(
            str(code["repository"]), str(code["commit"])
        )
    if outputs:
        found[facets.LINEAGE] = facets.edges(outputs, inputs)
    return found


def _run_facets(obj: Mapping[str, Any], status: Mapping[str, Any], kind: str) -> dict[str, Any]:
    metadata, run = obj["metadata"], status.get("run") or {}
    about: dict[str, Any] = {
        "experiment": f"{metadata['namespace']}/{metadata['name']}",
        "uid": str(metadata["uid"]),
        "digest": str(status["digest"]),
    }
    if kind == START:
        return {facets.OURS + "experiment": facets.run_facet(about)}
    about["outcome"] = str(run.get("outcome") or "")
    about["attempts"] = [
        {
            "runId": run_id(str(metadata["uid"]), number),
            "pod": str(pod.get("name") or ""),
        }
        for number, pod in enumerate(run.get("pods") or (), 1)
    ]
    found = {facets.OURS + "experiment": facets.run_facet(about)}
    if kind != COMPLETE:
        reason, code = str(run.get("reason") or kind), run.get("exitCode")
        said = reason if code is None else f"{reason} (exit code {code})"
        found["errorMessage"] = facets.error_message(said)
    return found


def _inputs(
    obj: Mapping[str, Any], status: Mapping[str, Any], namespace: str
) -> list[dict[str, Any]]:
    team = str(obj["metadata"]["namespace"])
    return [_input(entry, team, namespace) for entry in status.get("inputs") or ()]


def _input(entry: Mapping[str, Any], team: str, namespace: str) -> dict[str, Any]:
    """Return a pin as a dataset: by the prefix that it is, else by its own name."""
    kind, digest = str(entry.get("kind") or DATASET), str(entry.get("digest") or "")
    root = str(entry.get("pinDigest") or "")
    reference = str(entry.get("pinRef") or entry["name"])
    pin = reference if "/" in reference else f"{team}/{reference}"
    bucket, prefix = str(entry.get("bucket") or ""), str(entry.get("prefix") or "")
    own = {"namespace": namespace, "name": pin.replace("/", ".", 1)}
    found: dict[str, Any] = (
        {"namespace": f"s3://{bucket}", "name": prefix.strip("/") or "/"} if bucket else own
    )
    about = {
        "input": str(entry["name"]),
        "kind": kind,
        "pin": pin,
        "uid": str(entry.get("uid") or ""),
        "contentRoot" if kind == DATASET else "digest": digest,
        "pinRoot": root,
        "manifestDigest": str((entry.get("manifest") or {}).get("digest") or ""),
    }
    found["facets"] = {
        "version": facets.version(root or digest),
        "datasetType": facets.dataset_type("FILE" if kind == DATASET else "FEATURES"),
        facets.OURS + "pin": facets.pin_facet({name: said for name, said in about.items() if said}),
    }
    if bucket:
        found["facets"]["symlinks"] = facets.symlink(namespace, own["name"], kind)
    if entry.get("bytes") is not None:
        found["inputFacets"] = {
            "inputStatistics": facets.input_statistics(
                int(entry["bytes"]), int(entry.get("objects") or 0)
            )
        }
    return found


def _output(bucket: str, prefix: str, seal: Mapping[str, Any]) -> dict[str, Any]:
    about = {
        "uri": str(seal.get("uri") or ""),
        "listDigest": str(seal.get("manifestDigest") or ""),
        "statementVersion": str(seal.get("attestationVersion") or ""),
        "keyId": str(seal.get("keyId") or ""),
    }
    return {
        "namespace": f"s3://{bucket}",
        "name": prefix,
        "facets": {
            "version": facets.version(about["listDigest"]),
            "datasetType": facets.dataset_type("FILE"),
            facets.OURS + "seal": facets.seal_facet(
                {name: said for name, said in about.items() if said}
            ),
        },
        "outputFacets": {
            "outputStatistics": facets.output_statistics(
                int(seal.get("bytes") or 0), int(seal.get("objects") or 0)
            )
        },
    }


def _place_of(status: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return bucket and prefix of the results, without the last `/`."""
    uri = str((status.get("artifacts") or {}).get("uri") or "")
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return (bucket, prefix.strip("/")) if bucket and prefix.strip("/") else None
