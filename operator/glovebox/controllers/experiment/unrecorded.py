"""Repairs that no status tells of yet: of a look that could not be recorded the next one tells.

What was repaired is right by then, so the next look finds nothing wrong, and somebody who can make
the write of the status fail would leave no trace. Kept in the process: one that dies in between has
repaired what it never tells of, unless it is still to be seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from glovebox.controllers.experiment.scope import Outcomes
from glovebox.controllers.ports import Ports, Unrecorded
from glovebox.kube.resources import Key
from glovebox.status.outcome import done

# Of one Experiment; somebody may fight while the API server takes no status.
_MOST: Final = 100
_EARLIER: Final = "unrecorded"


def with_earlier(ports: Ports, obj: Mapping[str, Any], outcomes: Outcomes) -> Outcomes:
    """Return the outcomes of a look with the repairs of earlier ones that were not recorded.

    They are kept until `recorded` is called.

    Args:
        ports: The outside world.
        obj: The Experiment as it was looked at.
        outcomes: Of the phases.
    """
    key = Key.of(obj)
    repairs = int(((obj.get("status") or {}).get("drift") or {}).get("repairs") or 0)
    noted = ports.unrecorded.get(key)
    # A write whose answer was lost may have recorded them.
    earlier = noted.applied if noted is not None and noted.repairs == repairs else ()
    now = tuple(
        one
        for outcome in outcomes.values()
        for one in outcome.applied
        if one.drift is not None and one.stands
    )
    if earlier or now:
        ports.unrecorded[key] = Unrecorded(repairs, (*earlier, *now)[-_MOST:])
    return Outcomes({_EARLIER: done(applied=earlier), **outcomes}) if earlier else outcomes


def recorded(ports: Ports, key: Key) -> None:
    """Forget what the status tells of by now."""
    ports.unrecorded.pop(key, None)
