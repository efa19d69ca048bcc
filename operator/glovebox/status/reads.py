"""ReadsExpected and AccessLogRead: what an access log tells, for those who may see it. Pure.

Whoever reads a pin learns of its readers what is theirs to know: an Experiment of the same
namespace by its name, an identity of the store as the log names it, and of a run in another
namespace that there was one. Nothing that a tenant can choose is shown: no key, and no user agent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.data.log_state import LogState
from glovebox.data.unusual_reads import KEPT_SECONDS, Finding, Reads
from glovebox.errors import GloveboxError
from glovebox.status.builder import StatusBuilder
from glovebox.status.object_store import with_last, without_condition
from glovebox.status.pin_gate import Gate, with_gate
from glovebox.status.text import format_time

WORDS: Final[Mapping[str, str]] = {
    "NotAnInput": "is not a run that has it among its inputs",
    "Burst": "read much more in an hour than there is",
    "Denied": "was denied",
}
_READERS: Final[Mapping[str, str]] = {
    "RunElsewhere": "a run of another namespace",
    "Anonymous": "somebody without credentials",
    "Others": "others",
}
_NAMED: Final = 3
# What the API server takes.
_MOST: Final = (1 << 63) - 1
NOT_READ_YET: Final = "the access log of the store was not read yet"
CANNOT_BE_READ: Final = (
    "the access log of the store cannot be read for more than an hour: `AccessLogRead` of the"
    " ObjectStore says why"
)
STORE_GONE: Final = "the ObjectStore is gone, and with it where its access log is"
TOO_MANY: Final = (
    "which objects the pin has is not known: they are listed one by one, and are more than are"
    " looked for in the access log, or their manifest cannot be read"
)


@dataclass(frozen=True, slots=True)
class LogDoubt:
    """Why a log that was read tells less than it seems to.

    Attributes:
        answer: What `AccessLogRead` says.
        reason: Why.
        message: The same in words.
        of_pins: What the pins say of which nothing was found.
    """

    answer: Answer
    reason: str
    message: str
    of_pins: str


def doubt_of(state: LogState, place: str, *, is_through: bool) -> LogDoubt | None:
    """Return why a log tells less than it seems to; None where it does not.

    Args:
        state: What was read of it.
        place: Where it is.
        is_through: Whether all that there was of it has been read.
    """
    if not state.is_understood:
        return LogDoubt(
            types.FALSE,
            reasons.ACCESS_LOG_NOT_UNDERSTOOD,
            f"most of the last lines of {place} are of no access log that is known:"
            " `spec.accessLog` has to name where nothing but the log is",
            "most of what the ObjectStore names as its access log is not one",
        )
    if not state.is_found and is_through:
        return LogDoubt(
            types.UNKNOWN,
            reasons.ACCESS_LOG_NOT_READ,
            f"there is no line of an access log in {place} yet: let the store write it there, or"
            " correct `spec.accessLog`",
            "there is no line of an access log yet where the ObjectStore says that it is",
        )
    if not is_through:
        return LogDoubt(
            types.UNKNOWN,
            reasons.ACCESS_LOG_NOT_READ,
            "the access log is being read: `status.accessLog.waiting` says how much is left",
            "the access log of the store was not read to its end yet",
        )
    return None


def reads_of(reads: Reads, readers: Collection[str], now: datetime) -> dict[str, Any] | None:
    """Return `status.reads` of a pin; None where nothing was read.

    Args:
        reads: What the log tells of it.
        readers: Who may read everything by now.
        now: The present time.
    """
    unusual = unusual_of(reads, readers, now)
    if not reads.requests and not unusual:
        return None
    told: dict[str, Any] = {
        "requests": min(reads.requests, _MOST),
        "bytes": min(reads.bytes, _MOST),
        "unusual": unusual,
    }
    if reads.last:
        told["lastTime"] = _time(reads.last)
    return {name: value for name, value in told.items() if value}


def unusual_of(reads: Reads, readers: Collection[str], now: datetime) -> list[dict[str, Any]]:
    """Return the findings that are told, the newest first."""
    since = now.timestamp() - KEPT_SECONDS
    told = [
        each
        for each in reads.findings.values()
        if each.last >= since and not _is_reader(each, readers)
    ]
    ordered = sorted(told, key=lambda each: (-each.last, each.kind, each.requester))
    return [_finding(each) for each in ordered]


def _is_reader(found: Finding, readers: Collection[str]) -> bool:
    # A namespace may be called as a reader is, and is none for that.
    return found.reader == "Identity" and any(
        found.requester == each or found.requester.startswith(f"{each}/") for each in readers
    )


def _finding(found: Finding) -> dict[str, Any]:
    told = {
        "kind": found.kind,
        "reader": found.reader,
        "requester": found.requester,
        "requests": min(found.requests, _MOST),
        "bytes": min(found.bytes, _MOST),
        "firstTime": _time(found.first),
        "lastTime": _time(found.last),
        "log": found.log[:1024],
    }
    return {name: value for name, value in told.items() if value}


def _time(seconds: int) -> str:
    return format_time(datetime.fromtimestamp(seconds, UTC))


def with_reads(
    obj: Mapping[str, Any],
    found: dict[str, Any] | None,
    reads: dict[str, Any] | None,
    now: datetime,
    *,
    unknown: str = "",
) -> dict[str, Any] | None:
    """Return the status of a pin that says what the log tells; nothing else of it changes.

    Args:
        obj: The pin.
        found: The status that was come to so far; None where that leaves what there is.
        reads: `status.reads`; None for none.
        now: The present time.
        unknown: Why nothing is known; empty where it is.
    """
    gate = _gate(reads or {}, unknown)
    status = with_gate(obj, found, gate, now)
    if status is None or status is found:
        return status
    told = {name: value for name, value in status.items() if name != "reads"}
    return told | ({"reads": reads} if reads is not None else {})


def without_reads(obj: Mapping[str, Any], found: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the status of a pin whose store names no log any more."""
    status = found if found is not None else obj.get("status") or {}
    entries = status.get("conditions") or ()
    if "reads" not in status and all(one["type"] != types.READS_EXPECTED for one in entries):
        return found
    told = {name: value for name, value in status.items() if name != "reads"}
    return without_condition(told, types.READS_EXPECTED)


def _gate(reads: Mapping[str, Any], unknown: str) -> Gate:
    unusual = reads.get("unusual") or ()
    if unusual:
        return Gate(types.READS_EXPECTED, types.FALSE, reasons.UNUSUAL_READS, message_of(unusual))
    if unknown:
        return Gate(types.READS_EXPECTED, types.UNKNOWN, reasons.ACCESS_LOG_NOT_READ, unknown)
    message = "the access log shows no read that nobody declared"
    return Gate(types.READS_EXPECTED, types.TRUE, reasons.READS_EXPECTED, message)


def message_of(unusual: Sequence[Mapping[str, Any]]) -> str:
    """Return who did what, for a person; without counts, which change with each look."""
    said = list(dict.fromkeys(f"{_who(each)} {WORDS[each['kind']]}" for each in unusual))
    more = f"; and {len(said) - _NAMED} more" if len(said) > _NAMED else ""
    return f"of those who read it: {'; '.join(said[:_NAMED])}{more}: see `status.reads`"


def _who(found: Mapping[str, Any]) -> str:
    if found["reader"] == "Run":
        return f"Experiment {found['requester']}"
    return _READERS.get(found["reader"]) or f"`{found.get('requester', '')}`"


def news_of(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[Mapping[str, Any]]:
    """Return the findings of which nothing was told before."""
    known = {_identity(each) for each in (before or {}).get("unusual") or ()}
    return [each for each in (after or {}).get("unusual") or () if _identity(each) not in known]


def _identity(found: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(found["kind"]), str(found["reader"]), str(found.get("requester", ""))


def log_status(
    state: LogState, waiting: int, readers: Collection[str], now: datetime
) -> dict[str, Any]:
    """Return `status.accessLog` of an ObjectStore."""
    told: dict[str, Any] = {
        "objects": state.read_objects,
        "waiting": waiting,
        "lines": state.lines,
        "unparsed": state.unparsed,
        "repeated": state.repeated,
        "unreadable": state.unreadable,
        "former": state.seen.former,
        "denied": unusual_of(state.seen.store, readers, now),
    }
    if state.seen.newest:
        told["throughTime"] = _time(state.seen.newest)
    return {name: value for name, value in told.items() if value} | {"readTime": format_time(now)}


def with_access_log(
    obj: Mapping[str, Any],
    found: dict[str, Any] | None,
    log: Mapping[str, Any] | None,
    error: GloveboxError | None,
    now: datetime,
    doubt: LogDoubt | None = None,
) -> dict[str, Any] | None:
    """Return the status of an ObjectStore that says how reading its log goes.

    Args:
        obj: The store as it was read.
        found: The status that was come to so far; None where that leaves what there is.
        log: `status.accessLog` from now on; None leaves it as it is.
        error: Why the log cannot be read; None where nothing failed.
        now: The present time.
        doubt: Why what was read tells less than it seems to.
    """
    before: Mapping[str, Any] = obj.get("status") or {}
    status = found if found is not None else before
    if not status.get("conditions"):
        return found  # not looked at yet: nothing is said of it alone
    generation = obj["metadata"].get("generation", 0)
    builder = StatusBuilder(before, generation, (types.ACCESS_LOG_READ,), now)
    if error is not None:
        builder.mark_unknown(types.ACCESS_LOG_READ, reasons.ACCESS_LOG_NOT_READ, error.message)
    elif log is not None and doubt is not None:
        builder.mark(types.ACCESS_LOG_READ, doubt.answer, doubt.reason, doubt.message)
    elif log is not None:
        message = "what there is of the access log is read: `status.accessLog` says how far"
        builder.mark_true(types.ACCESS_LOG_READ, reasons.ACCESS_LOG_READ, message)
    elif all(one["type"] != types.ACCESS_LOG_READ for one in before.get("conditions") or ()):
        builder.mark_unknown(types.ACCESS_LOG_READ, reasons.ACCESS_LOG_NOT_READ, NOT_READ_YET)
    entry = builder.render()["conditions"][0]
    told = {**status, "accessLog": _news(status, log)} if log is not None else status
    others = without_condition(status, types.ACCESS_LOG_READ)["conditions"]
    return {**told, "conditions": with_last(others, entry)}


def _news(status: Mapping[str, Any], log: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is recorded of a log; that it was looked at again is no news."""
    recorded: Mapping[str, Any] = status.get("accessLog") or {}
    moment = recorded.get("readTime")
    is_same = {**log, "readTime": moment} == recorded
    return {**log, "readTime": moment} if is_same else dict(log)


def without_access_log(
    obj: Mapping[str, Any], found: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Return the status of an ObjectStore that names no log any more."""
    status = found if found is not None else obj.get("status") or {}
    entries = status.get("conditions") or ()
    if "accessLog" not in status and all(one["type"] != types.ACCESS_LOG_READ for one in entries):
        return found
    told = {name: value for name, value in status.items() if name != "accessLog"}
    return without_condition(told, types.ACCESS_LOG_READ)
