"""Keeps one object as intended, with the fewest requests that can do it.

An object that the store of objects knows to be right is not even asked about. A missing one is
created by POST; a different one is replaced by PUT on the version that was compared. Objects are
owned *whole*, so whatever a rival added goes with the replacement
(docs/decisions/0003-owned-whole.md).

Repair deletes nothing that it cannot surely create again. Only where the table of managed objects
names a field that nobody can change is an object deleted and created again, and only after a
dry-run POST said that the API server would take it. A refused repair leaves what is there.

What the server answered to our own write is remembered as the accepted form of that intent, with
the fields that a newer API server fills in, or that a mutating policy adds. Where nobody remembers,
it is asked before a difference is called drift (`as_stored.py`).

Deleted is what the API server says is gone, and nothing else: what a finalizer holds is in force,
and one 404 is no proof.

Fights are bounded (`fights.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from glovebox.api import reasons
from glovebox.apply.as_stored import AsStored
from glovebox.apply.children import Children
from glovebox.apply.fights import Fights
from glovebox.apply.managed import Managed, Strategy, managed
from glovebox.desired.difference import difference, fingerprint, writer_of
from glovebox.desired.drift import Applied, Drift, Result, describe_held
from glovebox.desired.replacement import replacement
from glovebox.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NamespaceGone,
    NotReady,
    Rejected,
)
from glovebox.kube.answers import AlreadyExists, NotFound, is_over_quota
from glovebox.kube.client import Client
from glovebox.kube.kinds import Kind, kind_of
from glovebox.kube.objects import ObjectKey, key_of
from glovebox.kube.store import holders_of, is_leaving

_TRIES: Final = 4
# The controller manager makes it as soon as it sees the namespace: mostly before we do, but mostly
# later where many namespaces are made at once. As it mostly was of late, it is tried first.
_MADE_BY_OTHERS: Final = {("ServiceAccount", "default")}
_OF_LATE: Final = 4


def _anyone(live: Mapping[str, Any]) -> None:
    """Accept any object of the name: only namespaces have names that others could have taken."""


class Applier:
    """Holds intents through one client, guided by the store of objects.

    Args:
        client: The connection.
        children: What is known of the objects; told of each answer.
        clock: Monotonic seconds.
    """

    def __init__(self, client: Client, children: Children, clock: Callable[[], float]) -> None:
        self._client = client
        self._children = children
        self.fights = Fights(clock)
        # By namespace, so that giving one up costs what is in it and no more.
        self._accepted: dict[str, dict[ObjectKey, tuple[bytes, bytes]]] = {}
        self._as_stored = AsStored(client)
        # Positive where others mostly were first.
        self._lead_of_others = 1

    async def ensure(
        self,
        intent: Mapping[str, Any],
        *,
        established: bool,
        policy: str = "Repair",
        owns: Callable[[Mapping[str, Any]], None] = _anyone,
    ) -> Applied:
        """Make an object be as intended.

        Args:
            intent: The whole object, fully defaulted.
            established: Whether it stood once, so that a difference is drift and not work to do.
            policy: What the profile says about drift: Repair, Alert or Ignore. Only drift is
                alerted or ignored: what was never there is created whatever the policy.
            owns: Raises when a live object of that name must not be touched.

        Raises:
            NotReady: Its namespace is being deleted.
            Conflict: Others wrote again and again in between.
            Rejected, Forbidden: The API server does not take the object; what is there stays.
            Unavailable: No answer.
        """
        kind = kind_of(dict(intent))
        row = managed(kind, Strategy.KEEP)
        key = key_of(kind, intent)
        content = fingerprint(intent)
        known = self._children.get(key)
        before = self._accepted.get(key.namespace, {}).get(key)
        changed = before is not None and before[0] != content
        accepted = before[1] if before is not None and not changed else content
        if known is not None and known.fingerprint in (content, accepted):
            self._accept(key, content, known.fingerprint)
            return Applied(key, "unchanged")
        self._children.want(key, content)
        established = established and not changed
        # A repair tells by itself what is accepted; what is left as it is has to be asked.
        asks = established and (before is None or policy != "Repair")
        if established and policy == "Ignore":
            return await self._ignore(kind, key, intent)
        if known is None and not established:
            created = await self._create_first(kind, key, intent, content)
            if created is not None:
                return created
        return await self._converge(
            row,
            key,
            dict(intent),
            established=established,
            asks=asks,
            alert=policy == "Alert",
            owns=owns,
        )

    async def remove(self, kind: Kind, key: ObjectKey, *, drift: Drift | None = None) -> Applied:
        """Delete an object that should not be there, if it is still the one that was seen.

        Args:
            kind: Its kind.
            key: The object.
            drift: Set for a foreign object: removing it again and again is a fight.

        Raises:
            Conflict: Another object has the name by now: look again.
        """
        row = managed(kind, Strategy.REMOVE)
        child = self._children.get(key)
        if child is None:
            return Applied(key, "unchanged")
        if child.finalizers:  # its deletion was asked for, and cannot be taken back
            self._children.want(key, None)
            return Applied(key, "held", drift, held_by=child.finalizers)
        if drift is not None and (pause := self.fights.pause(row, key)) > 0:
            return Applied(key, "contended", drift, pause)
        noticed = self._children.differing_since(key)
        self._children.want(key, None)
        self._accepted.get(key.namespace, {}).pop(key, None)
        held_by = await self.take_away(kind, key, child.uid, child.resource_version)
        if held_by:
            return Applied(key, "held", drift, held_by=held_by)
        if drift is not None:
            self.fights.note(key)
        return Applied(key, "removed", drift, noticed=noticed)

    async def take_away(
        self, kind: Kind, key: ObjectKey, uid: str, version: int
    ) -> tuple[str, ...]:
        """Delete the object with that UID; return the finalizers that hold it, if any does.

        Args:
            kind: Its kind.
            key: The object.
            uid: Which one.
            version: The state of it that is known.

        Raises:
            Conflict: Another object has the name, or it is there although a 404 said otherwise.
        """
        answer = await self._client.delete(kind, key.namespace, key.name, uid=uid)
        if answer is None:
            answer = await self.read(kind, key)
            if answer is not None and answer["metadata"]["uid"] == uid and not is_leaving(answer):
                raise Conflict(
                    reasons.CONFLICT,
                    f"{kind.kind} `{key.name}` in `{key.namespace}` is there although its deletion"
                    " was answered as if it was not; it is tried again",
                )
        held_by = _holders(answer, uid)
        if answer is not None and held_by:
            self._children.stayed(kind, answer)
        else:
            self._children.forgot(key, uid, version)
        return held_by

    async def read(self, kind: Kind, key: ObjectKey) -> dict[str, Any] | None:
        """Return an object as it is now, managed fields included, or None."""
        try:
            return await self._client.get(kind, key.namespace, key.name)
        except NotFound:
            return None

    def forget(self, namespace: str) -> None:
        """Forget what was accepted in a namespace that is given up."""
        self._accepted.pop(namespace, None)
        self.fights.forget(namespace)
        self._as_stored.forget(namespace)

    async def _create_first(
        self, kind: Kind, key: ObjectKey, intent: Mapping[str, Any], content: bytes
    ) -> Applied | None:
        """Create what was never there; None when something has its name after all."""
        if (kind.kind, key.name) in _MADE_BY_OTHERS:
            return await self._create_shared(kind, key, intent, content)
        try:
            return self._done(kind, key, content, await self._create(kind, intent), "created")
        except AlreadyExists:
            return None  # made by another controller, or by us before a crash or a lost answer

    async def _create_shared(
        self, kind: Kind, key: ObjectKey, intent: Mapping[str, Any], content: bytes
    ) -> Applied | None:
        """Create what another controller makes as well, or replace what it made."""
        likely = self._lead_of_others > 0
        for others_first in (likely, not likely):
            with suppress(NotFound, AlreadyExists, Conflict):
                if others_first:
                    answer = await self._client.replace(kind, dict(intent))
                else:
                    answer = await self._create(kind, intent)
                lead = self._lead_of_others + (1 if others_first else -1)
                self._lead_of_others = max(-_OF_LATE, min(lead, _OF_LATE))
                return self._done(kind, key, content, answer, "created")
        return None

    async def _ignore(self, kind: Kind, key: ObjectKey, intent: Mapping[str, Any]) -> Applied:
        """Leave a difference as it is; what the cluster itself adds is none."""
        known, content = self._children.get(key), fingerprint(intent)
        if known is None:
            return Applied(key, "ignored", Drift(key, "deleted"))
        if not self._as_stored.is_known_to_differ(key, content, known.fingerprint):
            asked = self._children.moment(kind)
            live = await self.read(kind, key)
            if live is None:
                return Applied(key, "ignored", Drift(key, "deleted"))
            if await self._as_stored.is_as_stored(kind, key, intent, live):
                return self._done(kind, key, content, live, "unchanged", asked)
        return Applied(key, "ignored", Drift(key, "modified"))

    async def _is_as_intended(
        self,
        kind: Kind,
        key: ObjectKey,
        intent: Mapping[str, Any],
        live: Mapping[str, Any],
        *,
        asks: bool,
    ) -> bool:
        """Whether nobody changed an object: what else differs the cluster itself adds."""
        if fingerprint(live) == fingerprint(intent):
            return True
        try:
            return asks and await self._as_stored.is_as_stored(kind, key, intent, live)
        except Conflict:
            return False  # changed meanwhile: so says the write as well

    async def _converge(
        self,
        row: Managed,
        key: ObjectKey,
        intent: dict[str, Any],
        *,
        established: bool,
        asks: bool,
        alert: bool,
        owns: Callable[[Mapping[str, Any]], None],
    ) -> Applied:
        kind, content = row.kind, fingerprint(intent)
        noticed = self._children.differing_since(key)
        for _ in range(_TRIES):
            asked = self._children.moment(kind)
            live = await self.read(kind, key)
            if live is not None:
                owns(live)
                if await self._is_as_intended(kind, key, intent, live, asks=asks):
                    return self._done(kind, key, content, live, "unchanged", asked)
            drift = _drift(key, intent, live) if established else None
            if drift is not None and alert:
                return Applied(key, "alerted", drift)
            if drift is not None and (pause := self.fights.pause(row, key)) > 0:
                return Applied(key, "contended", drift, pause)
            try:
                answer = await self._write(row, key, intent, live)
            except NamespaceGone:
                raise
            except (Conflict, NotFound, AlreadyExists):
                continue  # somebody was faster: compare again
            if drift is not None:
                self.fights.note(key)
            result: Result = "created" if live is None else "updated"
            if drift is None:
                return self._done(kind, key, content, answer, result)
            repaired = self._done(kind, key, content, answer, "repaired")
            return replace(repaired, drift=drift, noticed=noticed)
        raise Conflict(
            reasons.WRITER_FIGHT,
            f"{kind.kind} `{key.name}` in `{key.namespace}` is being changed by others right now",
        )

    async def _write(
        self, row: Managed, key: ObjectKey, intent: dict[str, Any], live: dict[str, Any] | None
    ) -> dict[str, Any]:
        if live is None:
            return await self._create(row.kind, intent)
        body = replacement(intent, live)
        try:
            return await self._client.replace(row.kind, body)
        except InvalidInput as error:
            if not _cannot_change_in_place(row, intent, live):
                raise _rejected(row.kind, key, error) from None
        try:
            await self._client.create(row.kind, intent, dry_run=True)
        except AlreadyExists:
            pass  # everything before storage said yes: it can surely be created again
        except InvalidInput as error:
            raise _rejected(row.kind, key, error) from None
        uid = live["metadata"]["uid"]
        answer = await self._client.delete(row.kind, key.namespace, key.name, uid=uid)
        if held_by := _holders(answer, uid):
            raise Rejected(reasons.DELETION_BLOCKED, describe_held(key, held_by))
        return await self._create(row.kind, intent)

    async def _create(self, kind: Kind, intent: Mapping[str, Any]) -> dict[str, Any]:
        for attempt in range(_TRIES):
            try:
                return await self._client.create(kind, dict(intent))
            except InvalidInput as error:
                raise _rejected(kind, key_of(kind, intent), error) from None
            except Forbidden as error:
                if "being terminated" in error.message:
                    where = intent["metadata"].get("namespace")
                    raise NotReady(
                        reasons.NAMESPACE_TERMINATING,
                        f"namespace `{where}` is being deleted; it is recreated when it is gone",
                    ) from None
                # A quota is counted behind: one made a moment ago is not counted yet, and lost
                # races and deletions still are.
                patience = "status unknown for quota" in error.message or is_over_quota(error)
                if not patience or attempt == _TRIES - 1:
                    raise
                await asyncio.sleep(0.05 * 2**attempt)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _done(
        self,
        kind: Kind,
        key: ObjectKey,
        content: bytes,
        answer: Mapping[str, Any],
        result: Result,
        asked: int | None = None,
    ) -> Applied:
        child = self._children.wrote(kind, answer, asked=asked)
        known = self._children.get(key)
        if known is None or known.uid != child.uid:
            # The answer was slower than a watch that told what became of the object.
            raise Conflict(
                reasons.CONFLICT, f"{kind.kind} `{key.name}` was deleted as it was written"
            )
        self._accept(key, content, child.fingerprint)
        return Applied(key, result)

    def _accept(self, key: ObjectKey, content: bytes, answer: bytes) -> None:
        # One and the same thirteen times in each namespace: nearly always what was asked for.
        content = answer if content == answer else content
        self._accepted.setdefault(key.namespace, {})[key] = (content, answer)
        self._children.want(key, answer)


def _holders(answer: Mapping[str, Any] | None, uid: str) -> tuple[str, ...]:
    """Return what holds the object with that UID, as the answer to its deletion says."""
    if answer is None or (answer.get("metadata") or {}).get("uid") != uid:
        return ()  # gone: what answers is no object, or another one
    return holders_of(answer)


def _cannot_change_in_place(
    row: Managed, intent: Mapping[str, Any], live: Mapping[str, Any]
) -> bool:
    """Return whether the difference is in a field that the API server lets nobody change."""
    paths = [change.path for change in difference(intent, live)]
    return any(path.startswith(field) for path in paths for field in row.recreate_for)


def _rejected(kind: Kind, key: ObjectKey, error: InvalidInput) -> Rejected:
    return Rejected(
        reasons.REJECTED,
        f"the API server does not take {kind.kind} `{key.name}` as the operator writes it:"
        f" {error.message}; look for a policy of the cluster that refuses it",
    )


def _drift(
    key: ObjectKey, intent: Mapping[str, Any], live: Mapping[str, Any] | None
) -> Drift | None:
    if live is None:
        return Drift(key, "deleted")
    changes = difference(intent, live)
    if not changes:
        return None
    return Drift(key, "modified", changes[0].path, str(writer_of(live, changes[0].path) or ""))
