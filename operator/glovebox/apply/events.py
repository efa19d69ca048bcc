"""Events for what a person looks for: refusals, drift, failures of data, steps of Experiments.

An Event is a courtesy: it is posted beside the work with the lowest urgency, bounded in number, and
its failure is counted and forgotten. The same news about the same object is not repeated within ten
minutes, whatever times its text holds, and each object has a budget: two writers that fight over an
object cannot produce hundreds of Events.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import structlog

from glovebox import names
from glovebox.data.printable import sentence
from glovebox.kube.gate import urgency
from glovebox.kube.kinds import EVENT

REPEAT_SECONDS: Final = 600.0
MOST_PENDING: Final = 100
# What one object may say at once, and how long it takes until it may say one thing more.
BURST: Final = 10
REFILL_SECONDS: Final = 60.0
# Behind all requests of reconciles, whatever reconcile the Event came from.
URGENCY: Final = 100
# The API server counts bytes, and refuses an Event with one more.
_NOTE_BYTES: Final = 1024
_NAME_MAX: Final = 200
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?"  # a moment
    r"|\d+(\.\d+)? ?(ms|s|m|min|h|d|seconds?|minutes?|hours?|days?)\b"  # a duration
)
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Budget:
    tokens: float
    at: float


class EventRecorder:
    """Posts Events about custom resources.

    Args:
        post: Creates one Event; may raise anything.
        now: Wall clock, UTC: what an Event shows.
        instance: Which operator process reports.
        dropped: Takes the cause (`budget`, `pending`, `refused`) of each Event not posted.
        monotonic: Seconds, for what expires; the running loop's when it is left out.
    """

    def __init__(
        self,
        post: Callable[[dict[str, Any]], Awaitable[object]],
        now: Callable[[], datetime],
        instance: str,
        *,
        dropped: Callable[[str], None],
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._post = post
        self._now = now
        self._instance = instance
        self._dropped = dropped
        self._monotonic = monotonic or _loop_time
        # Oldest first, so that what has expired is at the front.
        self._recent: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._budgets: OrderedDict[str, _Budget] = OrderedDict()
        self._pending: set[asyncio.Task[None]] = set()

    def warning(self, obj: Mapping[str, Any], reason: str, note: str, *, action: str) -> None:
        """Report what needs a person."""
        self._record(obj, "Warning", reason, note, action)

    def normal(self, obj: Mapping[str, Any], reason: str, note: str, *, action: str) -> None:
        """Report a step that a person may want to see."""
        self._record(obj, "Normal", reason, note, action)

    async def flush(self) -> None:
        """Wait until what is pending was posted or given up."""
        await asyncio.gather(*self._pending, return_exceptions=True)

    def _record(
        self,
        obj: Mapping[str, Any],
        severity: Literal["Normal", "Warning"],
        reason: str,
        note: str,
        action: str,
    ) -> None:
        moment = self._monotonic()
        uid = obj["metadata"]["uid"]
        news = (uid, reason, _TIME.sub("", note))
        self._expire(moment)
        if news in self._recent:
            return
        if len(self._pending) >= MOST_PENDING:
            self._dropped("pending")
            return
        if not self._spend(uid, moment):
            self._dropped("budget")
            return
        self._recent[news] = moment
        task = asyncio.create_task(self._send(self._render(obj, severity, reason, note, action)))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    def _expire(self, moment: float) -> None:
        while self._recent:
            news, at = next(iter(self._recent.items()))
            if moment - at < REPEAT_SECONDS:
                break
            del self._recent[news]
        while self._budgets:
            uid, budget = next(iter(self._budgets.items()))
            # The least recently used one; after this time it is as full as a new one.
            if moment - budget.at < BURST * REFILL_SECONDS:
                break
            del self._budgets[uid]

    def _spend(self, uid: str, moment: float) -> bool:
        budget = self._budgets.get(uid)
        if budget is None:
            budget = self._budgets[uid] = _Budget(BURST, moment)
        self._budgets.move_to_end(uid)
        earned = (moment - budget.at) / REFILL_SECONDS
        budget.tokens, budget.at = min(BURST, budget.tokens + earned), moment
        if budget.tokens < 1:
            return False
        budget.tokens -= 1
        return True

    def _render(
        self, obj: Mapping[str, Any], severity: str, reason: str, note: str, action: str
    ) -> dict[str, Any]:
        now = self._now()
        metadata = obj["metadata"]
        hashed = names.short_hash(metadata["uid"], reason, note, now.isoformat())
        # `kubectl describe` orders Events by `lastTimestamp`, which those of this API version have
        # not: what is left is the order of their names.
        moment = int(now.timestamp() * 1_000_000)
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {
                # No part of a name ends in a dash, and none is empty.
                "name": f"{metadata['name'][:_NAME_MAX].rstrip('.-')}.{moment:016x}.{hashed}",
                # Events of cluster-scoped objects live in `default`, as everywhere in Kubernetes.
                "namespace": metadata.get("namespace") or "default",
            },
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": names.GROUP,
            "reportingInstance": self._instance,
            "action": action,
            "reason": reason,
            "type": severity,
            "note": sentence(note).encode()[:_NOTE_BYTES].decode(errors="ignore"),
            "regarding": {
                "apiVersion": obj["apiVersion"],
                "kind": obj["kind"],
                "name": metadata["name"],
                "namespace": metadata.get("namespace"),
                "uid": metadata["uid"],
                "resourceVersion": metadata.get("resourceVersion"),
            },
        }

    async def _send(self, event: dict[str, Any]) -> None:
        # A task has its own context: the reconcile that it came from keeps its urgency.
        urgency.set(URGENCY)
        try:
            await self._post(event)
        except Exception as error:  # noqa: BLE001 - a courtesy never becomes a failure
            self._dropped("refused")
            log.warning("an Event could not be posted", reason=event["reason"], error=str(error))


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
