"""What the ObjectStore says of those who are to know its ledger's heads. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.status.builder import StatusBuilder
from glovebox.status.object_store import OWN_ANCHORS, with_last, without_condition
from glovebox.status.outcome import Grace, Outcome

_ALL = "everybody who is to know the ledger's heads knows one: `status.ledger.anchors`"
_PENDING = "somebody was not asked with success yet"


def with_anchors(
    obj: Mapping[str, Any],
    status: Mapping[str, Any],
    anchors: Sequence[Mapping[str, Any]] | None,
    failures: Sequence[Outcome],
    grace: Grace,
    now: datetime,
    *,
    is_pending: bool,
) -> dict[str, Any]:
    """Return a status that says who knows a head of the ledger; nothing else of it changes.

    Args:
        obj: The store as it was read.
        status: As this look came to it.
        anchors: Who knows which head, but for the bucket and the status; None: as it was.
        failures: How asking went, of each that failed.
        grace: How long a failure that may pass changes no answer.
        now: The present time.
        is_pending: Whether somebody knows none.
    """
    generation = obj["metadata"].get("generation", 0)
    builder = StatusBuilder(obj.get("status"), generation, (types.LEDGER_ANCHORED,), now)
    telling = next((each for each in failures if not each.is_failed or each.definite), None)
    telling = telling or next((each for each in failures if each.is_lasting(grace)), None)
    if telling is not None:
        builder.mark_false(types.LEDGER_ANCHORED, telling.reason, telling.message)
    elif not is_pending and not failures:
        builder.mark_true(types.LEDGER_ANCHORED, reasons.LEDGER_ANCHORED, _ALL)
    elif builder.status_of(types.LEDGER_ANCHORED) == types.UNKNOWN:
        builder.mark_unknown(types.LEDGER_ANCHORED, reasons.PENDING, _PENDING)
    entry = builder.render()["conditions"][0]
    told = {**status, "conditions": with_last(_others(status), entry)}
    ledger = status.get("ledger")
    if ledger and anchors is not None:
        own = [each for each in ledger.get("anchors") or () if each["kind"] in OWN_ANCHORS]
        told["ledger"] = {**ledger, "anchors": [*own, *(dict(each) for each in anchors)]}
    return told


def without_anchors(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return a status that says nothing of whom nobody is to ask any more."""
    told = without_condition(status, types.LEDGER_ANCHORED)
    ledger = status.get("ledger")
    if ledger and ledger.get("anchors"):
        own = [each for each in ledger["anchors"] if each["kind"] in OWN_ANCHORS]
        told["ledger"] = {**ledger, "anchors": own}
    return told


def _others(status: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(without_condition(status, types.LEDGER_ANCHORED)["conditions"])
