"""Events for what a person needs to know: refusals, drift, failures of data. Never for what went as it should.

An Event is a courtesy: it is sent beside the work, bounded in number, and its failure is counted
    and forgotten. The same news
about the same object is not repeated within ten minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import structlog

from glovebox import names
from glovebox.errors import GloveboxError
from glovebox.kube.answers import AlreadyExists, NotFound
from glovebox.kube.client import Client
from glovebox.kube.kinds import EVENT

_REPEAT_SECONDS = 600.0
_MOST_PENDING = 100
_NOTE_MAX = 1024
log = structlog.get_logger(__name__)


class EventRecorder:
    """Posts Events about custom resources.

    Args:
        client: The connection.
        now: Wall clock, UTC.
        instance: Which operator process reports.
    """

    def __init__(self, client: Client, now: Callable[[], datetime], instance: str) -> None:
        self._client = client
        self._now = now
        self._instance = instance
        self._told: dict[tuple[str, str, str], datetime] = {}
        self._pending: set[asyncio.Task[None]] = set()

    def warn(self, obj: Mapping[str, Any], reason: str, note: str, *, action: str) -> None:
        """Tell of something that needs a person."""
        self._tell(obj, "Warning", reason, note, action)

    def tell(self, obj: Mapping[str, Any], reason: str, note: str, *, action: str) -> None:
        """Tell of something that a person may want to know."""
        self._tell(obj, "Normal", reason, note, action)

    async def flush(self) -> None:
        """Wait until what is pending was sent or given up."""
        await asyncio.gather(*self._pending, return_exceptions=True)

    def _tell(
        self,
        obj: Mapping[str, Any],
        severity: Literal["Normal", "Warning"],
        reason: str,
        note: str,
        action: str,
    ) -> None:
        now = self._now()
        metadata = obj["metadata"]
        news = (metadata["uid"], reason, note)
        self._told = {
            told: at
            for told, at in self._told.items()
            if (now - at).total_seconds() < _REPEAT_SECONDS
        }
        if news in self._told or len(self._pending) >= _MOST_PENDING:
            return
        self._told[news] = now
        # Events of cluster-scoped objects live in `default`, as everywhere in Kubernetes.
        namespace = metadata.get("namespace") or "default"
        event = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {
                "name": f"{metadata['name'][:200]}.{names.short_hash(*news, now.isoformat())}",
                "namespace": namespace,
            },
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": names.GROUP,
            "reportingInstance": self._instance,
            "action": action,
            "reason": reason,
            "type": severity,
            "note": note[:_NOTE_MAX],
            "regarding": {
                "apiVersion": obj["apiVersion"],
                "kind": obj["kind"],
                "name": metadata["name"],
                "namespace": metadata.get("namespace"),
                "uid": metadata["uid"],
                "resourceVersion": metadata.get("resourceVersion"),
            },
        }
        task = asyncio.create_task(self._post(event))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _post(self, event: dict[str, Any]) -> None:
        try:
            await self._client.create(EVENT, event)
        except (GloveboxError, NotFound, AlreadyExists) as error:
            log.warning("an Event could not be posted", reason=event["reason"], error=str(error))
