"""Makes one object be as intended, with the fewest requests that can do it.

An object that the cache knows to be right is not even asked about. A missing one is created by
POST; a different one is replaced by PUT on the version that was compared; one that cannot be
changed in place is deleted by its UID and made anew. Objects are owned *whole*, so whatever a rival
added goes with the replacement (docs/decisions/0003-owned-whole.md).

What the server answered to our own write is remembered as the accepted form of that intent: a field
    that a newer API server
fills in, or that a mutating policy adds, costs one write after a restart and never a fight.

It refuses to fight: an object that somebody else keeps changing back is repaired at growing
    intervals, and the report says who.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from glovebox.api import reasons
from glovebox.apply.children import Children
from glovebox.desired.difference import difference, fingerprint, writer_of
from glovebox.desired.replacement import replacement
from glovebox.errors import Conflict, Forbidden, InvalidInput, NotReady
from glovebox.kube.answers import AlreadyExists, NotFound
from glovebox.kube.client import Client
from glovebox.kube.kinds import Kind, kind_of
from glovebox.kube.objects import ObjectKey, key_of

Change = Literal["modified", "deleted", "unexpected"]
Outcome = Literal["unchanged", "created", "updated", "repaired", "removed", "alerted", "contended"]

# More repairs of one object than this within the window is a fight: from then on once per growing
# pause.
_FIGHT_REPAIRS = 5
_FIGHT_WINDOW_SECONDS = 60.0
_FIGHT_LONGEST_PAUSE_SECONDS = 120.0
_TRIES = 4
# The controller manager makes it as soon as it sees the namespace, mostly before we do: replacing
# saves two requests.
_MADE_BY_OTHERS = {("ServiceAccount", "default")}


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference between what was declared and what was found.

    Attributes:
        key: The object.
        change: What happened to it: modified, deleted, or unexpected (a foreign object that adds
            rights or routes).
        field: The first field that differs, empty for a whole object.
        manager: Who wrote that field last and when, as the object's managed fields say; empty when
            unknown.
    """

    key: ObjectKey
    change: Change
    field: str = ""
    manager: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done to one object, and why.

    Attributes:
        outcome: What was done.
        drift: What had been found wrong, if the object had been right before.
        retry_seconds: When to look again, for a contended object.
    """

    outcome: Outcome
    drift: Drift | None = None
    retry_seconds: float | None = None


def _anyone(live: Mapping[str, Any]) -> None:
    """Accept any object of the name: only namespaces have names that others could have taken."""


class Applier:
    """Writes intents through one client, guided by the cache.

    Args:
        client: The connection.
        children: What is known of the objects; told of each answer.
        clock: Monotonic seconds.
    """

    def __init__(self, client: Client, children: Children, clock: Callable[[], float]) -> None:
        self._client = client
        self._children = children
        self._clock = clock
        self._accepted: dict[ObjectKey, tuple[bytes, bytes]] = {}
        self._repairs: dict[ObjectKey, list[float]] = {}

    async def ensure(
        self,
        intent: Mapping[str, Any],
        *,
        established: bool,
        repair: bool = True,
        owns: Callable[[Mapping[str, Any]], None] = _anyone,
    ) -> Applied:
        """Make an object be as intended.

        Args:
            intent: The whole object, fully defaulted.
            established: Whether it stood once, so that its absence is drift and not the beginning.
            repair: False only reports a difference (drift policy Alert).
            owns: Raises when a live object of that name must not be touched.

        Raises:
            NotReady: Its namespace is being deleted.
            Conflict: Others wrote again and again in between.
            Forbidden, Unavailable, InvalidInput: As the API server answered.
        """
        kind = kind_of(dict(intent))
        key = key_of(kind, intent)
        content = fingerprint(intent)
        known = self._children.get(key)
        before = self._accepted.get(key)
        changed = before is not None and before[0] != content
        if known is not None and known.fingerprint in (
            content,
            before[1] if before and not changed else content,
        ):
            self._accept(key, content, known.fingerprint)
            return Applied("unchanged")
        self._children.want(key, content)
        if known is None and not established:
            if (kind.kind, key.name) in _MADE_BY_OTHERS:
                with suppress(NotFound):
                    return self._done(
                        kind, content, await self._client.replace(kind, dict(intent)), "created"
                    )
            try:
                return self._done(kind, content, await self._create(kind, intent), "created")
            except AlreadyExists:
                pass  # made by another controller (the default ServiceAccount), or by us before a crash
        return await self._converge(
            kind,
            key,
            dict(intent),
            established=established and not changed,
            repair=repair,
            owns=owns,
        )

    async def remove(self, kind: Kind, key: ObjectKey, *, drift: Drift | None = None) -> Applied:
        """Delete an object that should not be there, if it is still the one that was seen."""
        child = self._children.get(key)
        if child is None:
            return Applied("unchanged")
        self._children.want(key, None)
        self._accepted.pop(key, None)
        try:
            await self._client.delete(kind, key.namespace, key.name, uid=child.uid)
        except Conflict:
            return Applied("unchanged")  # another object by now: the watch tells
        self._children.forgot(key)
        return Applied("removed", drift)

    async def remove_unwatched(self, kind: Kind, key: ObjectKey) -> None:
        """Delete an object that no watch follows, if it is there: it is asked for first, because deletion needs its UID."""
        live = await self.read(kind, key)
        if live is not None:
            await self._client.delete(kind, key.namespace, key.name, uid=live["metadata"]["uid"])

    async def read(self, kind: Kind, key: ObjectKey) -> dict[str, Any] | None:
        """Return an object as it is now, managed fields included, or None."""
        try:
            return await self._client.get(kind, key.namespace, key.name)
        except NotFound:
            return None

    def forget(self, namespace: str) -> None:
        """Forget what was accepted in a namespace that is given up."""
        for key in [key for key in self._accepted if key.namespace == namespace]:
            del self._accepted[key]
            self._repairs.pop(key, None)

    async def _converge(
        self,
        kind: Kind,
        key: ObjectKey,
        intent: dict[str, Any],
        *,
        established: bool,
        repair: bool,
        owns: Callable[[Mapping[str, Any]], None],
    ) -> Applied:
        content = fingerprint(intent)
        for _ in range(_TRIES):
            live = await self.read(kind, key)
            if live is not None:
                owns(live)
            drift = _drift(key, intent, live, established=established)
            if live is not None and fingerprint(live) == content:
                return self._done(kind, content, live, "unchanged")
            if drift is not None and not repair:
                return Applied("alerted", drift)
            if drift is not None and (pause := self._fight_pause(key)) > 0:
                return Applied("contended", drift, pause)
            try:
                answer = await self._write(kind, key, intent, live)
            except (Conflict, NotFound, AlreadyExists):
                continue  # somebody was faster: compare again
            if drift is not None:
                self._repairs.setdefault(key, []).append(self._clock())
            outcome: Outcome = (
                "repaired" if drift is not None else "created" if live is None else "updated"
            )
            return self._done(kind, content, answer, outcome, drift)
        raise Conflict(
            reasons.WRITER_FIGHT,
            f"{kind.kind} `{key.name}` in `{key.namespace}` is being changed by others at this"
            " moment",
        )

    async def _write(
        self, kind: Kind, key: ObjectKey, intent: dict[str, Any], live: dict[str, Any] | None
    ) -> dict[str, Any]:
        if live is None:
            return await self._create(kind, intent)
        try:
            return await self._client.replace(kind, replacement(intent, live))
        except InvalidInput:
            # roleRef and immutable ConfigMaps cannot be changed in place.
            await self._client.delete(kind, key.namespace, key.name, uid=live["metadata"]["uid"])
            return await self._create(kind, intent)

    async def _create(self, kind: Kind, intent: Mapping[str, Any]) -> dict[str, Any]:
        for attempt in range(_TRIES):
            try:
                return await self._client.create(kind, dict(intent))
            except Forbidden as error:
                if "being terminated" in error.message:
                    where = intent["metadata"].get("namespace")
                    raise NotReady(
                        reasons.NAMESPACE_TERMINATING,
                        f"namespace `{where}` is being deleted; it is made anew when it is gone",
                    ) from None
                # A quota is counted behind: one made a moment ago is not counted yet, and lost
                # races and deletions still are.
                patience = (
                    "status unknown for quota" in error.message or "exceeded quota" in error.message
                )
                if not patience or attempt == _TRIES - 1:
                    raise
                await asyncio.sleep(0.05 * 2**attempt)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _done(
        self,
        kind: Kind,
        content: bytes,
        answer: Mapping[str, Any],
        outcome: Outcome,
        drift: Drift | None = None,
    ) -> Applied:
        child = self._children.wrote(kind, answer)
        self._accept(key_of(kind, answer), content, child.fingerprint)
        return Applied(outcome, drift)

    def _accept(self, key: ObjectKey, content: bytes, answer: bytes) -> None:
        self._accepted[key] = (content, answer)
        self._children.want(key, answer)

    def _fight_pause(self, key: ObjectKey) -> float:
        """Return how many seconds to leave a contended object alone; 0 when it may be repaired now."""
        now = self._clock()
        repairs = [
            at
            for at in self._repairs.get(key, [])
            if now - at < _FIGHT_WINDOW_SECONDS + _FIGHT_LONGEST_PAUSE_SECONDS
        ]
        if not repairs:
            self._repairs.pop(key, None)
            return 0.0
        self._repairs[key] = repairs
        recent = len(repairs) - _FIGHT_REPAIRS
        if recent < 0:
            return 0.0
        return max(0.0, repairs[-1] + min(2.0**recent, _FIGHT_LONGEST_PAUSE_SECONDS) - now)


def _drift(
    key: ObjectKey, intent: Mapping[str, Any], live: Mapping[str, Any] | None, *, established: bool
) -> Drift | None:
    if not established:
        return None
    if live is None:
        return Drift(key, "deleted")
    changes = difference(intent, live)
    if not changes:
        return None
    return Drift(key, "modified", changes[0].path, str(writer_of(live, changes[0].path) or ""))
