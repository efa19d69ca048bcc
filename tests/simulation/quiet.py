"""Which writes a quiet cluster makes: those that a timer calls for, when it is time, and no other.

Four timers write: the lease is renewed, a session is issued again when a third of its life is left,
and a pin and a store are checked when their interval is over. Each writes what it is for and
nothing beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from glovebox import names
from glovebox.api.dataset_pin import Verification
from glovebox.api.object_store import ObjectStoreSpec
from glovebox.controllers.experiment.session_secret import ROTATE_AT
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT, LEASE, OBJECT_STORE, SECRET
from simulation.api_server import Change

Json = dict[str, Any]
# How far the clocks of an operator, of another replica and of the store may differ in all.
_CLOCKS_DIFFER: Final = timedelta(seconds=300)


def is_due(change: Change, now: datetime) -> bool:
    """Return whether a timer called for a write, and it was time for it.

    Args:
        change: The write.
        now: The time of day when it was made.
    """
    old, new = change.old, change.new
    if old is None or new is None:
        return False
    match change.served.kind:
        case kind if kind == LEASE:
            return _spec_but(old, "renewTime") == _spec_but(new, "renewTime")
        case kind if kind == SECRET:
            return change.key[1] == names.CREDENTIALS_SECRET and _is_session_due(old, new, now)
        case kind if kind == EXPERIMENT:
            # The session's end, which its Secret tells as well.
            return _but_expiry(old) == _but_expiry(new) and _expiry(old) != _expiry(new)
        case kind if kind == DATASET_PIN:
            return _is_check(old, new, "listedTime", _list_interval(new))
        case kind if kind == OBJECT_STORE:
            return _is_check(old, new, "lastVerifiedTime", _verify_interval(new))
    return False


def _is_session_due(old: Json, new: Json, now: datetime) -> bool:
    ended, ends = (
        datetime.fromisoformat(
            obj["metadata"]["annotations"][names.ANNOTATION_CREDENTIALS_EXPIRE_TIME]
        )
        for obj in (old, new)
    )
    return ends - ended >= (ends - now) * ROTATE_AT - _CLOCKS_DIFFER


def _is_check(old: Json, new: Json, field: str, interval: timedelta) -> bool:
    """Return whether a check was recorded that was due, and found what the last one had found."""
    before, after = old["status"], new["status"]
    if field not in before or field not in after or _said(before) != _said(after):
        return False
    times = (datetime.fromisoformat(status[field]) for status in (before, after))
    earlier, later = times
    return later - earlier >= interval


def _said(status: Mapping[str, Any]) -> Json:
    """Return a status without the moments and the words of its checks."""
    rest = {
        name: value
        for name, value in status.items()
        if name not in ("listedTime", "verifiedTime", "lastVerifiedTime")
    }
    rest["conditions"] = [
        {name: value for name, value in entry.items() if name != "message"}
        for entry in status.get("conditions") or ()
    ]
    rest["proofs"] = {entry["name"]: entry["outcome"] for entry in status.get("proofs") or ()}
    return rest


def _spec_but(obj: Json, field: str) -> Json:
    return {name: value for name, value in obj["spec"].items() if name != field}


def _expiry(obj: Json) -> Any:
    return ((obj.get("status") or {}).get("artifacts") or {}).get("credentialsExpireTime")


def _but_expiry(obj: Json) -> tuple[Json, Json]:
    status = dict(obj.get("status") or {})
    status["artifacts"] = {
        name: value
        for name, value in (status.get("artifacts") or {}).items()
        if name != "credentialsExpireTime"
    }
    return obj["spec"], status


def _list_interval(pin: Json) -> timedelta:
    spec = Verification.model_validate(pin["spec"].get("verification") or {})
    return timedelta(seconds=spec.list_interval_seconds)


def _verify_interval(store: Json) -> timedelta:
    return timedelta(seconds=ObjectStoreSpec.model_validate(store["spec"]).verify_interval_seconds)
