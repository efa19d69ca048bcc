"""What the conditions of a SplitPin say: facts in, status out. Pure.

What was divided stays divided: a store or a pin that cannot be reached afterwards changes nothing
of it. The pins of the parts look after their objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.data.counting import counted
from glovebox.data.split_result import PartFound, SplitFound
from glovebox.data.splits import time_of
from glovebox.status.builder import StatusBuilder
from glovebox.status.outcome import Outcome
from glovebox.status.summary import summarise
from glovebox.status.text import format_time

CONDITIONS: Final = (types.READY,)
SPLITTING: Final = "the dataset is being divided; `status.progress` says how far it is"


def compute_status(
    obj: Mapping[str, Any], outcome: Outcome, fields: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Return the status that one look at a split comes to.

    Args:
        obj: The SplitPin as it was read.
        outcome: How the look ended; its message says what Ready says when it is done.
        fields: What the status records beside the conditions; None takes a field away.
        now: The present time.
    """
    generation = obj["metadata"].get("generation", 0)
    builder = StatusBuilder(obj.get("status"), generation, CONDITIONS, now)
    if outcome.reason == reasons.SPLITTING:
        builder.mark_false(types.READY, outcome.reason, outcome.message)
        builder.mark_true(types.RECONCILING, outcome.reason, outcome.message)
    else:
        summarise(builder, outcome, (), (reasons.SPLIT_DONE, outcome.message))
    builder.set(**fields)
    return builder.render()


def ready_message(parts: Mapping[str, int], left_out: int, what: str) -> str:
    """Return what Ready says: how much each part has.

    Args:
        parts: How many rows or objects, by name.
        left_out: How many belong to none.
        what: `row` or `object`.
    """
    said = ", ".join(f"{counted(number, what)} in `{name}`" for name, number in parts.items())
    return f"{said}; {counted(left_out, what)} in none" if left_out else said


def recorded_part(part: PartFound) -> dict[str, Any]:
    """Return an entry of `status.parts`."""
    found: dict[str, Any] = {
        "name": part.name,
        "digest": part.content,
        "pinDigest": part.pin,
        "objects": part.objects,
        "bytes": part.bytes,
        "shards": part.shards,
        "manifest": {
            "bucket": part.bucket,
            "key": part.key,
            "versionId": part.version_id,
            "digest": part.digest,
            "bytes": part.manifest_bytes,
        },
        "rows": part.rows,
        "keys": part.keys,
        "keysDigest": part.keys_digest or None,
        "firstTime": format_time(time_of(int(part.first))) if part.first else None,
        "lastTime": format_time(time_of(int(part.last))) if part.last else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def recorded_split(found: SplitFound) -> dict[str, Any]:
    """Return what the status records of a split that was made."""
    return {
        "parts": [recorded_part(part) for part in found.parts],
        "leftOut": found.left_out,
        "progress": None,
    }
