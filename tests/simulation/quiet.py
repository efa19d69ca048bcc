"""Which writes a quiet cluster makes: those that a timer calls for, when it is time, and no other.

Five timers write: the lease is renewed, a session is issued again when a third of its life is left,
a pin and a store are checked, and a pin is proven, when their interval is over, and a sealed prefix
is listed once more when the last session has ended. Each writes what it is for and nothing beside.
Where tasks are Jobs, a check of a pin has one, which is created and deleted. A check that is due
and fails is told once, by the pin and by whoever is bound to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from glovebox import names
from glovebox.api import reasons
from glovebox.api.object_store import ObjectStoreSpec
from glovebox.api.pin_verification import Verification
from glovebox.controllers.experiment.session_secret import ROTATE_AT
from glovebox.kube.kinds import (
    CONFIG_MAP,
    DATASET_PIN,
    EXPERIMENT,
    JOB,
    LEASE,
    OBJECT_STORE,
    SECRET,
    Kind,
)
from glovebox.tasks.pin import VERIFY
from glovebox.tasks.proof import PROVE
from simulation.api_server import Change

Json = dict[str, Any]
# What a check of a pin or a store says.
_OF_CHECKS: Final = (
    "listedTime",
    "verifiedTime",
    "lastVerifiedTime",
    "conditions",
    "findings",
    "proofs",
    "verification",
    "budgetSpent",
)
# How far the clocks of an operator, of another replica and of the store may differ in all.
CLOCKS_DIFFER: Final = timedelta(seconds=300)


def is_due(change: Change, now: datetime) -> bool:
    """Return whether a timer called for a write, and it was time for it.

    Args:
        change: The write.
        now: The time of day when it was made.
    """
    if change.served.kind == JOB:
        return _is_of_a_check(change.last)
    if change.served.kind == CONFIG_MAP:
        # A note that a seal is to be listed once more goes when that was done.
        is_note = change.key[1].startswith(names.LAST_LISTING_PREFIX)
        return is_note and change.new is None
    judge = _JUDGES.get(change.served.kind)
    if judge is None or change.old is None or change.new is None:
        return False
    of_pins = change.served.kind in {DATASET_PIN, EXPERIMENT}
    return judge(change.old, change.new, now) or (
        of_pins and _tells_of_failing_checks(change.old, change.new)
    )


def _tells_of_failing_checks(old: Json, new: Json) -> bool:
    """Return whether nothing is news but that checks fail, which began when they were due."""
    before, after = (obj.get("status") or {} for obj in (old, new))
    passing = {"Reconciling"}
    was, is_now = (
        {entry["type"]: entry for entry in status.get("conditions") or ()}
        for status in (before, after)
    )
    news = [entry for name, entry in is_now.items() if entry != was.get(name)]
    rest = [
        {name: value for name, value in status.items() if name not in {"conditions", "progress"}}
        for status in (before, after)
    ]
    is_kept = was.keys() - passing == is_now.keys() - passing
    told = all(entry["reason"] == reasons.CHECKS_FAILING for entry in news)
    return bool(news) and told and is_kept and rest[0] == rest[1]


def _is_of_a_check(job: Json) -> bool:
    """Return whether a Job is of a check; that the check was due is seen where it is recorded."""
    notes = job["metadata"].get("annotations") or {}
    return notes.get(names.ANNOTATION_TASK) in {PROVE, VERIFY}


def _is_renewal(old: Json, new: Json, now: datetime) -> bool:
    del now
    return _spec_but(old, "renewTime") == _spec_but(new, "renewTime")


def _is_of_an_experiment(old: Json, new: Json, now: datetime) -> bool:
    return _is_expiry_alone(old, new, now) or _is_last_listing(old, new, now)


def _is_last_listing(old: Json, new: Json, now: datetime) -> bool:
    """Return whether the last listing was recorded, or that it is under way, when it was due."""
    before, after = (dict(obj.get("status") or {}) for obj in (old, new))
    ends = (before.get("seal") or {}).get("sessionsEndTime")
    if before.get("sealSupplement") or not ends:
        return False
    for status in (before, after):
        for name in ("sealSupplement", "conditions"):
            status.pop(name, None)
    return before == after and now >= datetime.fromisoformat(ends) - CLOCKS_DIFFER


def _is_expiry_alone(old: Json, new: Json, now: datetime) -> bool:
    """Return whether the session's end was recorded, which its Secret tells as well."""
    del now
    return _but_expiry(old) == _but_expiry(new) and _expiry(old) != _expiry(new)


def _is_pin_check(old: Json, new: Json, now: datetime) -> bool:
    spec = Verification.model_validate(new["spec"].get("verification") or {})
    is_listing = _is_check(old, new, "listedTime", spec.list_interval_seconds)
    return is_listing or _is_proof(old, new, spec, now)


def _is_proof(old: Json, new: Json, spec: Verification, now: datetime) -> bool:
    """Return whether a proof was begun that was due, or what one came to was recorded."""
    if _said(old["status"]) != _said(new["status"]):
        return False
    intervals = {
        "Head": spec.head_interval_seconds,
        "Sample": spec.sample_interval_seconds,
        "Full": spec.full_interval_seconds,
    }
    before, after = _levels(old), _levels(new)
    for level, interval in intervals.items():
        was, is_now = before.get(level, {}), after.get(level, {})
        begins = is_now.get("current") and not was.get("current")
        if begins and not was.get("findings") and before.get("Sample", {}).get("result") != "Found":
            last = was.get("lastTime") or old["status"].get("verifiedTime")
            if last and now - datetime.fromisoformat(last) < timedelta(seconds=interval):
                return False
    return before != after


def _levels(obj: Json) -> dict[str, Json]:
    entries = obj["status"].get("verification") or ()
    return {entry["level"]: entry for entry in entries if entry["level"] != "List"}


def _is_store_check(old: Json, new: Json, now: datetime) -> bool:
    del now
    spec = ObjectStoreSpec.model_validate(new["spec"])
    return _is_check(old, new, "lastVerifiedTime", spec.verify_interval_seconds)


def _is_session_due(old: Json, new: Json, now: datetime) -> bool:
    if new["metadata"]["name"] not in (names.CREDENTIALS_SECRET, names.INPUTS_CREDENTIALS_SECRET):
        return False
    ended, ends = (
        datetime.fromisoformat(
            obj["metadata"]["annotations"][names.ANNOTATION_CREDENTIALS_EXPIRE_TIME]
        )
        for obj in (old, new)
    )
    return ends - ended >= (ends - now) * ROTATE_AT - CLOCKS_DIFFER


def _is_check(old: Json, new: Json, field: str, interval: int) -> bool:
    """Return whether a check was recorded that was due: its moment, and what it found."""
    before, after = old["status"], new["status"]
    if field not in before or field not in after or _said(before) != _said(after):
        return False
    earlier, later = (datetime.fromisoformat(status[field]) for status in (before, after))
    return later - earlier >= timedelta(seconds=interval)


def _said(status: Mapping[str, Any]) -> Json:
    """Return a status without what a check says."""
    return {name: value for name, value in status.items() if name not in _OF_CHECKS}


def _spec_but(obj: Json, field: str) -> Json:
    return {name: value for name, value in obj["spec"].items() if name != field}


def _expiry(obj: Json) -> Any:
    return ((obj.get("status") or {}).get("artifacts") or {}).get("credentialsExpireTime")


def _but_expiry(obj: Json) -> tuple[Json, Json]:
    status = dict(obj.get("status") or {})
    status["artifacts"] = {
        name: value
        for name, value in (status.get("artifacts") or {}).items()
        if name not in ("credentialsExpireTime", "sessionsEndTime")
    }
    return obj["spec"], status


_JUDGES: Final[Mapping[Kind, Callable[[Json, Json, datetime], bool]]] = {
    LEASE: _is_renewal,
    SECRET: _is_session_due,
    EXPERIMENT: _is_of_an_experiment,
    DATASET_PIN: _is_pin_check,
    OBJECT_STORE: _is_store_check,
}
