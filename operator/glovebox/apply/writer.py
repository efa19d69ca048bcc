"""The one door: every write to the cluster goes through here, by the table of managed objects.

Everything else holds a `Reader`. Each write is conditional (on a version, on a UID, or on a name
that only one identity can give), so that a process that died, that was answered late, or that is no
longer the leader loses to whatever was written meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from glovebox import names
from glovebox.api import reasons
from glovebox.apply.applier import Applier
from glovebox.apply.children import Children
from glovebox.apply.managed import Strategy, managed
from glovebox.desired.difference import fingerprint
from glovebox.desired.drift import Applied, Drift
from glovebox.errors import InvalidInput, Rejected
from glovebox.kube.answers import AlreadyExists, NotFound
from glovebox.kube.client import Client
from glovebox.kube.kinds import CONFIG_MAP, EVENT, NAMESPACE, POD, SECRET, Kind
from glovebox.kube.objects import ObjectKey, key_of
from glovebox.kube.resources import Key, Resources
from glovebox.kube.store import version_of

_GRACE_SECONDS: Final = 30


@contextmanager
def _rejecting(kind: Kind, name: str) -> Iterator[None]:
    """Turn "this object is invalid" into a refusal that is tried again: it is ours."""
    try:
        yield
    except InvalidInput as error:
        raise Rejected(
            reasons.REJECTED,
            f"the API server does not take {kind.kind} `{name}` as the operator writes it:"
            f" {error.message}",
        ) from None


def _on_version(obj: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object that loses to whoever wrote since the other was read."""
    seen = {key: live["metadata"][key] for key in ("uid", "resourceVersion")}
    return {**obj, "metadata": {**obj["metadata"], **seen}}


class Writer:
    """Writes what the table allows, and keeps the stores of objects up to date with the answers.

    Args:
        client: The connection.
        children: The store of the objects in experiments' namespaces.
        resources: The store of our own kinds.
        clock: Monotonic seconds.
    """

    def __init__(
        self, client: Client, children: Children, resources: Resources, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._children = children
        self._resources = resources
        self._applier = Applier(client, children, clock)

    # KEEP

    async def ensure(
        self,
        intent: Mapping[str, Any],
        *,
        established: bool,
        policy: str = "Repair",
        owns: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Applied:
        """Make an object be as intended; see `Applier.ensure`."""
        if owns is None:
            return await self._applier.ensure(intent, established=established, policy=policy)
        return await self._applier.ensure(intent, established=established, policy=policy, owns=owns)

    # ONCE

    async def create_once(self, kind: Kind, obj: dict[str, Any]) -> dict[str, Any]:
        """Create an object under its fixed name; return it, or what has its name already.

        Raises:
            Rejected: The API server does not take it.
        """
        managed(kind, Strategy.ONCE)
        with _rejecting(kind, obj["metadata"]["name"]):
            return await self._client.create_or_get(kind, obj)

    # ROTATE

    async def rotate(
        self, secret: Mapping[str, Any], live: Mapping[str, Any] | None, *, watched: bool
    ) -> None:
        """Write a Secret of ours in the place of the one that was read.

        Args:
            secret: The whole Secret.
            live: What was read under its name (at least its metadata); None when nothing was there.
            watched: Whether the store of objects follows this Secret.

        Raises:
            Conflict: Somebody wrote in between, or a Secret of somebody else has the name.
        """
        managed(SECRET, Strategy.ROTATE)
        body = dict(secret)
        key = key_of(SECRET, body)
        if watched:
            self._children.want(key, fingerprint(body))
        with _rejecting(SECRET, key.name):
            answer = await self._rotate(body, live)
        if watched:
            self._children.wrote(SECRET, answer)

    async def _rotate(
        self, secret: dict[str, Any], live: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        metadata = secret["metadata"]
        if live is None:
            try:
                return await self._client.create(SECRET, secret)
            except AlreadyExists:
                live = await self._client.get(SECRET, metadata["namespace"], metadata["name"])
        try:
            return await self._client.replace(SECRET, _on_version(secret, live))
        except NotFound:
            return await self._client.create(SECRET, secret)
        except InvalidInput:
            if not await self._is_fixed(secret):
                raise
            uid = live["metadata"]["uid"]
            await self._client.delete(SECRET, metadata["namespace"], metadata["name"], uid=uid)
            return await self._client.create(SECRET, secret)

    async def _is_fixed(self, secret: dict[str, Any]) -> bool:
        """Whether a Secret can be recreated and not replaced: it would expire where it is.

        Raises:
            InvalidInput: It cannot be recreated either.
        """
        metadata = secret["metadata"]
        live = await self._client.get(SECRET, metadata["namespace"], metadata["name"])
        if not live.get("immutable") and live.get("type") == secret["type"]:
            return False
        # Everything before storage has to say yes, so that it can surely be created again.
        with suppress(AlreadyExists):
            await self._client.create(SECRET, secret, dry_run=True)
        return True

    # PATCH

    async def extend(self, obj: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
        """Write a ConfigMap that only grows in the place of the one that was read; return it.

        Raises:
            Conflict: Somebody wrote in between, or it is gone.
            Rejected: The API server does not take it.
        """
        managed(CONFIG_MAP, Strategy.PATCH)
        with _rejecting(CONFIG_MAP, live["metadata"]["name"]):
            return await self._client.replace(CONFIG_MAP, _on_version(obj, live))

    async def write_status(self, obj: Mapping[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        """Write the status of one of our own kinds on the version that was read; return the object.

        Nothing is sent when the status is what the object shows.

        Raises:
            Conflict: The object changed since it was read: look again.
            NotFound: It is gone.
        """
        if status == obj.get("status"):
            return dict(obj)
        key = Key.of(obj)
        managed(key.resource, Strategy.PATCH)
        # Only the status of it counts; the version makes it lose to whoever wrote in between.
        body = {**obj, "status": status}
        with _rejecting(key.resource, key.name):
            answer = await self._client.replace(key.resource, body, subresource="status")
        self._resources.wrote(answer)
        return answer

    async def write_finalizers(
        self,
        obj: Mapping[str, Any],
        finalizers: list[str],
        *,
        annotations: Mapping[str, str | None] | None = None,
    ) -> dict[str, Any]:
        """Set the finalizers of one of our own kinds, on the version that was read.

        Args:
            obj: The object as it was read.
            finalizers: All of them, foreign ones included.
            annotations: Annotations of ours to set with them; None removes one.

        Raises:
            Conflict: The object changed since it was read.
            NotFound: It is gone.
        """
        key = Key.of(obj)
        managed(key.resource, Strategy.PATCH)
        metadata: dict[str, Any] = {
            "finalizers": finalizers,
            "resourceVersion": obj["metadata"]["resourceVersion"],
        }
        if annotations:
            metadata["annotations"] = dict(annotations)
        with _rejecting(key.resource, key.name):
            answer = await self._client.merge(
                key.resource, key.namespace, key.name, {"metadata": metadata}
            )
        self._resources.wrote(answer)
        return answer

    async def set_state_label(
        self,
        namespace: Mapping[str, Any],
        state: str,
        *,
        annotations: Mapping[str, str | None] | None = None,
    ) -> None:
        """Set the state label of a namespace on the version that was read.

        Args:
            namespace: As it was read.
            state: The state.
            annotations: Annotations of ours to set with it; None removes one.

        Raises:
            Conflict: It changed since it was read.
        """
        managed(NAMESPACE, Strategy.PATCH)
        metadata = namespace["metadata"]
        notes = metadata.get("annotations") or {}
        wanted = {
            name: value for name, value in (annotations or {}).items() if notes.get(name) != value
        }
        if (metadata.get("labels") or {}).get(names.LABEL_STATE) == state and not wanted:
            return
        patch: dict[str, Any] = {
            "metadata": {
                "labels": {names.LABEL_STATE: state},
                "annotations": wanted,
                "resourceVersion": metadata["resourceVersion"],
            }
        }
        with _rejecting(NAMESPACE, metadata["name"]):
            await self._client.merge(NAMESPACE, None, metadata["name"], patch)

    # REMOVE

    async def remove(self, kind: Kind, key: ObjectKey, *, drift: Drift | None = None) -> Applied:
        """Delete an object that the store of objects knows; see `Applier.remove`."""
        return await self._applier.remove(kind, key, drift=drift)

    async def remove_live(self, kind: Kind, key: ObjectKey) -> tuple[str, ...]:
        """Delete whatever has this name now, by the UID that a live read finds.

        For last acts, which must not rely on a cache, and for what no watch follows.

        Returns:
            The finalizers that hold it, in force, until somebody takes them off; none when it is
            gone.

        Raises:
            Conflict: Another object has the name by now, or what is there is not known: whoever
                takes something away for good looks again.
        """
        managed(kind, Strategy.REMOVE)
        live = await self._applier.read(kind, key)
        known = self._children.get(key)
        if live is not None:
            uid, version = live["metadata"]["uid"], version_of(live)
        elif known is not None:
            # The read may be wrong, or the watch be behind: the deletion is answered by both.
            uid, version = known.uid, known.resource_version
        else:
            return ()
        self._children.want(key, None)
        return await self._applier.take_away(kind, key, uid, version)

    async def delete(self, kind: Kind, key: ObjectKey, *, uid: str) -> None:
        """Delete the object with that very UID; one that took its place stays.

        Raises:
            Conflict: Another object has the name now.
        """
        managed(kind, Strategy.REMOVE)
        await self._client.delete(kind, key.namespace, key.name, uid=uid)

    async def stop(self, pod: Mapping[str, Any]) -> None:
        """Delete a pod by its UID, so that it ends within 30 seconds whatever it asked for itself.

        What it says would hold else, and whoever deleted it before may have given it more.

        Raises:
            Conflict: Another pod has the name now.
        """
        managed(POD, Strategy.REMOVE)
        key = key_of(POD, pod)
        asked = pod.get("spec", {}).get("terminationGracePeriodSeconds", _GRACE_SECONDS)
        await self._client.delete(
            POD,
            key.namespace,
            key.name,
            uid=pod["metadata"]["uid"],
            # With 0 the API server would forget it while it runs.
            grace_seconds=min(max(asked, 1), _GRACE_SECONDS),
        )

    def contended_for(self, key: ObjectKey) -> float:
        """Return for how many seconds a Secret that somebody keeps changing is left alone."""
        return self._applier.fights.pause(managed(SECRET, Strategy.ROTATE), key)

    def note_repair(self, key: ObjectKey) -> None:
        """Count that a Secret of ours was written again because somebody had changed it."""
        self._applier.fights.note(key)

    # Beside the work

    async def post_event(self, event: dict[str, Any]) -> None:
        """Create an Event."""
        managed(EVENT, Strategy.ONCE)
        await self._client.create(EVENT, event)

    def forget(self, namespace: str) -> None:
        """Forget what was written in a namespace that is given up."""
        self._children.release(namespace)
        self._applier.forget(namespace)
