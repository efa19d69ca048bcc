"""Whether two statuses say the same in other words. Pure.

A pod that waits, a pin that is read and a store that comes and goes change a message with every
look, and each change would be a write that wakes everybody who watches. So what differs in words
alone may wait a moment (`controllers/message_pace.py`), and so may the reason for which a run
waits; an answer, another reason, a generation or any other field never does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from glovebox.api import reasons
from glovebox.status.job_waits import WAITS

_OF_PODS: Final = frozenset({"attempts", "pods", "nodes"})


def differ_in_words_alone(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether only messages of conditions, or how far a run's pods have come, differ."""
    return before != after and _without_words(before) == _without_words(after)


def _without_words(status: Mapping[str, Any]) -> dict[str, Any]:
    rest = dict(status)
    rest["conditions"] = [
        {name: value for name, value in entry.items() if name != "message"}
        | ({"reason": reasons.RUN_PENDING} if entry.get("reason") in WAITS else {})
        for entry in status.get("conditions") or ()
    ]
    run = status.get("run")
    # How the run ended says how many attempts it took; until then it is the number of a pod. A log
    # that was kept is news at once: what is closed waits for its record.
    if run and not run.get("completionTime"):
        rest["run"] = {name: value for name, value in run.items() if name not in _OF_PODS}
        if "stages" in run:
            rest["run"]["stages"] = [
                {name: value for name, value in stage.items() if name != "attempts"}
                for stage in run["stages"]
            ]
        rest["run"]["logs"] = [
            (pod["uid"], container["name"], container["log"])
            for pod in run.get("pods") or ()
            for container in pod.get("containers") or ()
            if "log" in container
        ]
    return rest
