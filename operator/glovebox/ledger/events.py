"""The events of an Experiment: what the ledger has to tell of it follows from its status. Pure.

Nothing is queued. What follows from the status and is not among `status.ledger.entries` is still to
be written; a process that dies loses nothing, and another one comes to the same.

An event's id is made of the Experiment's UID, the kind, and what tells this one from others of its
kind (the Job, the version of the statement). Every attempt and every replica makes the same id, and
the writer of the ledger writes each id once.

The objects are read as they are, without their schema: one that no operator can read any more is
sealed and deleted all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from glovebox import names
from glovebox.api import reasons
from glovebox.data.digest import is_digest
from glovebox.data.field_managers import split_time
from glovebox.evidence.after_seal import CONCLUSION_NAME
from glovebox.ledger.entry import Event, Kind, StatedObject, Subject
from glovebox.ledger.stated import SEAL, SEALS

# Of the ids of events; any UUID does, as long as it never changes.
_NAMESPACE: Final = UUID("5b0c1f6e-3c1d-5a55-9d0e-6a3c0d7f4b21")
_ACTOR: Final = "system:operator"
_SUBJECT: Final = "Experiment"
# So many repairs are told one by one.
_EACH: Final = 10
# What a team can choose (the reason that a program ends with) must not keep an entry from being
# written: what is no word is left out.
_WORD: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
# What `desired/writers.py` says behind the name of a field manager.
_THROUGH: Final = re.compile(r" through [a-z]+$")


def events_of(obj: Mapping[str, Any]) -> tuple[Event, ...]:
    """Return what the ledger has to tell of an Experiment, in the order in which it happened.

    The statement of a seal is named by key and version; its SHA-256 and its lock are still to be
    read from the store (`with_statement`). Of an Experiment that took over what another one did
    (`spec.adopts`) the seal and the conclusion are told, as that one's, which may have been told
    already: an id is written once. The rest was told of that one.

    Args:
        obj: As the API server holds it.
    """
    status = obj.get("status") or {}
    digest = str(status.get("digest") or "")
    if not is_digest(digest):
        return ()
    if former := (obj.get("spec") or {}).get("adopts"):
        return tuple(_statements({**obj, "metadata": {"uid": former}}, status))
    found = [*_grants_used(obj, status), *_overlap(obj, status), _bind(obj, status)]
    found += _run(obj, status.get("run") or {})
    found += _statements(obj, status)
    drift = status.get("drift") or {}
    if drift.get("repairs") and drift.get("lastRepairTime"):
        found.append(_drift(obj, drift))
    left = drift.get("outstanding") or {}
    # Of a fight each repair is told: that the next one waits says nothing more.
    if left.get("times") and left.get("reason") != reasons.WRITER_FIGHT:
        found.append(_left(obj, left))
    if status.get("lostNamespace"):
        found.append(_namespace_lost(obj, status["lostNamespace"]))
    found += _beside_its_run(obj, status)
    deleted = obj["metadata"].get("deletionTimestamp")
    if deleted:
        lifecycle = (obj.get("spec") or {}).get("lifecycle") or {}
        details = {"deletionPolicy": str(lifecycle.get("deletionPolicy") or "Freeze")}
        found.append(_event(obj, Kind.DELETED, "", str(deleted), details))
    return tuple(found)


def outstanding(obj: Mapping[str, Any]) -> tuple[Event, ...]:
    """Return the events of which the status does not say where they stand in the ledger.

    Grants are told before the bind that uses them, and recorded together with it: a status has no
    room for each of hundreds, so that of the bind stands for them.
    """
    recorded = {str(entry.get("id")) for entry in recorded_entries(obj)}
    events = events_of(obj)
    is_bound = any(event.kind == Kind.BIND and event.id in recorded for event in events)
    return tuple(
        event
        for event in events
        if event.id not in recorded and not (is_bound and event.kind == Kind.GRANT_USED)
    )


def experiment_lost(uid: str, digest: str, time: datetime) -> Event:
    """Return the event that an Experiment went past the finalizer that was to hold it.

    Nothing of it is left but its namespace, so it is told of that.

    Args:
        uid: The Experiment's.
        digest: Its identity, as the snapshot in the namespace says; empty when nobody knows.
        time: When its namespace was found without it; the same in each attempt.
    """
    obj = {"metadata": {"uid": uid}, "status": {"digest": digest}}
    details = {"what": "ExperimentLost", "writer": "unknown"}
    return _event(obj, Kind.BREAK_GLASS, "lost", time.isoformat(), details)


def recorded_entries(obj: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return what `status.ledger.entries` says."""
    return tuple(((obj.get("status") or {}).get("ledger") or {}).get("entries") or ())


def with_statement(event: Event, sha256: str, retain_until_time: str) -> Event:
    """Return the event of a seal with what was read of its statement.

    Args:
        event: As `events_of` has it.
        sha256: Of the statement's bytes, hex.
        retain_until_time: When its lock ends, RFC 3339 in whole seconds; empty without one.
    """
    stated = tuple(
        replace(each, sha256=sha256, retain_until_time=retain_until_time) for each in event.objects
    )
    return replace(event, objects=stated)


def _grants_used(obj: Mapping[str, Any], status: Mapping[str, Any]) -> list[Event]:
    """Tell of each grant by which an input is used: which use of it that is, and of what.

    Two inputs of the same content are one use of a grant.
    """
    time = status.get("boundTime") or obj["metadata"]["creationTimestamp"]
    found: dict[str, Event] = {}
    for entry in status.get("inputs") or ():
        for grant in entry.get("grants") or ():
            root = str(grant.get("contentRoot") or entry.get("digest") or "")
            details = {
                "contentRoot": root,
                "grant": str(grant.get("uid") or ""),
                "grantDigest": str(grant.get("digest") or ""),
                "use": str(grant.get("use") or 0),
                "uses": str(grant.get("uses") or 0),
            }
            which = f"{grant.get('grantRef')} {root}"
            event = _event(obj, Kind.GRANT_USED, which, str(time), details)
            found.setdefault(event.id, event)
    return list(found.values())


def _overlap(obj: Mapping[str, Any], status: Mapping[str, Any]) -> list[Event]:
    """Tell that leaks were allowed with a reason; the reasons are in the snapshot.

    Only what was found and would have been refused: a reason for nothing approves nothing.
    """
    rows = [row for row in status.get("leakage") or () if row.get("allowedBecause")]
    if not rows:
        return []
    time = status.get("boundTime") or obj["metadata"]["creationTimestamp"]
    details = {"what": "Overlap", "types": "+".join(sorted(str(row.get("type")) for row in rows))}
    event = _event(obj, Kind.APPROVAL, "overlap", str(time), details)
    return [replace(event, document=str(status["digest"]))]


def _concluded(obj: Mapping[str, Any], conclusion: Mapping[str, Any]) -> Event:
    """Tell of the signed statement of a conclusion: who concluded it, and why, is in there."""
    version = str(conclusion.get("attestationVersion") or "")
    said = (obj.get("spec") or {}).get("conclusion") or {}
    details = {
        "what": "Conclusion",
        "verdict": str(said.get("verdict") or ""),
        "keyId": str(conclusion.get("keyId") or ""),
    }
    which = f"conclusion {version}"
    event = _event(obj, Kind.APPROVAL, which, str(conclusion["signedTime"]), details)
    key = f"{SEALS}{obj['metadata']['uid']}/{CONCLUSION_NAME}"
    return replace(event, objects=(StatedObject(key, version, ""),))


def _namespace_lost(obj: Mapping[str, Any], lost: Mapping[str, Any]) -> Event:
    uid = str(lost.get("uid") or "")
    details = {"what": "NamespaceDeleted", "namespaceUid": uid, "writer": "unknown"}
    return _event(obj, Kind.BREAK_GLASS, f"namespace {uid}", str(lost["time"]), details)


def _bind(obj: Mapping[str, Any], status: Mapping[str, Any]) -> Event:
    # An Experiment that was bound before that was recorded is no younger than it says.
    time = status.get("boundTime") or obj["metadata"]["creationTimestamp"]
    # The digest is the SHA-256 of the snapshot's canonical JSON: it is the document.
    event = _event(obj, Kind.BIND, "", str(time), {"inputs": str(len(status.get("inputs") or ()))})
    return replace(event, document=str(status["digest"]))


def _run(obj: Mapping[str, Any], run: Mapping[str, Any]) -> list[Event]:
    job, found = str(run.get("jobUid") or ""), []
    started, ended = run.get("startTime"), run.get("completionTime")
    if job and (started or ended):
        found.append(_event(obj, Kind.RUN_STARTED, job, str(started or ended), {"jobUid": job}))
    if ended:
        details = {
            "jobUid": job,
            "outcome": str(run.get("outcome") or ""),
            "reason": str(run.get("reason") or ""),
            "attempts": str(run.get("attempts") or 0),
            "exitCode": str(run["exitCode"]) if run.get("exitCode") is not None else "",
        }
        found.append(_event(obj, Kind.RUN_ENDED, job, str(ended), details))
    return found


def _statements(obj: Mapping[str, Any], status: Mapping[str, Any]) -> list[Event]:
    """Tell of what was signed."""
    found = []
    if status.get("seal"):
        found.append(_sealed(obj, status["seal"], status.get("run") or {}))
    if status.get("conclusion"):
        found.append(_concluded(obj, status["conclusion"]))
    return found


def _sealed(obj: Mapping[str, Any], seal: Mapping[str, Any], run: Mapping[str, Any]) -> Event:
    version = str(seal.get("attestationVersion") or "")
    details = {
        "listDigest": str(seal.get("manifestDigest") or ""),
        "objects": str(seal.get("objects") or 0),
        "bytes": str(seal.get("bytes") or 0),
        "findings": str(len(seal.get("findings") or ())),
        "keyId": str(seal.get("keyId") or ""),
        "outcome": str(run.get("outcome") or ""),
    }
    event = _event(obj, Kind.SEALED, version, str(seal["sealedTime"]), details)
    key = f"{SEALS}{obj['metadata']['uid']}/{SEAL}"
    return replace(event, objects=(StatedObject(key, version, ""),))


def _drift(obj: Mapping[str, Any], drift: Mapping[str, Any]) -> Event:
    """Tell of repairs of isolation: each of the first ten, then whenever they are ten times more.

    Somebody who fights the operator for a year so makes a dozen entries, and no million.
    """
    repairs, last = int(drift["repairs"]), drift.get("last") or {}
    which = _told_of(repairs)
    details = {
        "repairs": str(repairs),
        "pods": str(drift.get("pods") or ""),
        "kind": str(last.get("kind") or ""),
        "change": str(last.get("change") or ""),
        "writer": _writer(last),
        # When it was written, as the API server has it: how long it was so, with the entry's time.
        "since": _manager(last)[1],
    }
    return _event(obj, Kind.ISOLATION_DRIFT, str(which), str(drift["lastRepairTime"]), details)


def _left(obj: Mapping[str, Any], left: Mapping[str, Any]) -> Event:
    """Tell that something differs and is not put right: as seldom as of repairs."""
    times, first = int(left["times"]), left.get("first") or {}
    details = {
        "times": str(times),
        "reason": str(left.get("reason") or ""),
        "kind": str(first.get("kind") or ""),
        "change": str(first.get("change") or ""),
        "writer": _writer(first),
        "since": _manager(first)[1],
    }
    which = f"outstanding {_told_of(times)}"
    return _event(obj, Kind.ISOLATION_DRIFT, which, str(left["sinceTime"]), details)


def _beside_its_run(obj: Mapping[str, Any], status: Mapping[str, Any]) -> list[Event]:
    """Tell of pods of others where there is a run: the guards let a break-glass group alone in."""
    pods = (status.get("tenantPods") or {}).get("pods") or ()
    times = [str(pod["creationTime"]) for pod in pods if pod.get("creationTime")]
    if not times or not (obj.get("spec") or {}).get("stages"):
        return []
    details = {"what": "PodsBesideRun", "pods": str(len(pods)), "writer": "unknown"}
    return [_event(obj, Kind.BREAK_GLASS, f"pods {_told_of(len(pods))}", max(times), details)]


def _told_of(number: int) -> int:
    """Return by which number something that happens again and again is told."""
    return number if number <= _EACH else 10 ** (len(str(number)) - 1)


def _writer(last: Mapping[str, Any]) -> str:
    """Return whether somebody else is known to have written what was repaired; never who.

    The API server records field managers, which are names that clients give themselves, and not
    users or groups: broken glass looks like any other way past the guards. Nothing is recorded of
    who deleted an object. What is unexpected is no object of the operator's.
    """
    if last.get("change") == "Unexpected":
        return "other"
    manager, _ = _manager(last)
    if not manager:
        return "unknown"
    return "operator" if manager == names.FIELD_MANAGER else "other"


def _manager(last: Mapping[str, Any]) -> tuple[str, str]:
    """Return the field manager that is recorded, and the time; each is empty when none is."""
    writer, time = split_time(str(last.get("manager") or ""))
    return _THROUGH.sub("", writer), time


def _event(
    obj: Mapping[str, Any], kind: Kind, which: str, time: str, details: Mapping[str, str]
) -> Event:
    uid = str(obj["metadata"]["uid"])
    return Event(
        id=str(uuid5(_NAMESPACE, f"{uid} {kind} {which}")),
        kind=kind,
        time=datetime.fromisoformat(time),
        actor=_ACTOR,
        subject=Subject(_SUBJECT, uid, str(obj["status"]["digest"])),
        details={name: word for name, word in details.items() if _WORD.fullmatch(word)},
    )
