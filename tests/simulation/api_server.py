"""A stand-in for kube-apiserver: objects, versions, deletion, lists and watches.

It goes as far as the operator relies on them.

`conformance/test_api_server.py` holds it to the real one. Objects are never changed in place: what
was handed out stays as it was. Everything is synchronous; who asks, and what goes wrong on the way,
is the business of `api_transport.py`.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from glovebox.kube.kinds import CONFIG_MAP, JOB, LEASE, NAMESPACE, POD, SECRET, Kind
from simulation.api_content import (
    Json,
    PatchTestError,
    custom_kinds,
    field_matcher,
    json_patch,
    label_matcher,
)
from simulation.api_kinds import SERVED, Served
from support.examples import merged

ADMINISTRATOR: Final = "administrator"
_NAMESPACE_FINALIZER: Final = "kubernetes"
Key = tuple[str, str]


class Refused(Exception):  # noqa: N818 - an answer, as an API server gives it
    """An answer that is no success."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        retry_after: int | None = None,
        about: Json | None = None,
    ) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code, self.reason, self.message = code, reason, message
        self.retry_after = retry_after
        self.about = about or {}

    @property
    def status(self) -> Json:
        """The body of the answer."""
        details = dict(self.about)
        if self.retry_after is not None:
            details["retryAfterSeconds"] = self.retry_after
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": details,
            "code": self.code,
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as admission sees it.

    Attributes:
        verb: As RBAC calls it: get, list, watch, create, update, patch, delete, deletecollection.
        new: The object as it would be stored; None of a deletion or a read.
        old: The object as it is stored; None of a creation.
    """

    user: str
    verb: str
    kind: Kind
    namespace: str
    name: str
    subresource: str = ""
    new: Json | None = None
    old: Json | None = None

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.verb} {self.kind.plural} {where}" + (
            f" {self.subresource}" if self.subresource else ""
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One write that took effect."""

    version: int
    user: str
    served: Served
    old: Json | None
    new: Json | None
    # What a watch shows of a deletion: the last state, at the version of the deletion.
    last: Json

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return key_of(self.last)


def key_of(obj: Json) -> Key:
    """Return namespace (empty for cluster-scoped objects) and name."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


@dataclass(frozen=True, slots=True)
class Backup:
    """All objects of a cluster at one moment; objects are never changed in place."""

    version: int
    objects: dict[Kind, dict[Key, Json]]


class ApiServer:
    """All objects of one cluster.

    Args:
        now: Time of day.
        make_uid: Gives a UID that was never given before.
    """

    def __init__(self, now: Callable[[], datetime], make_uid: Callable[[], str]) -> None:
        self._now, self._make_uid = now, make_uid
        self.version = 100
        self._oldest = 0
        # Watches of a kind that begin before this are too old.
        self._expired: dict[Kind, int] = {}
        self._objects: dict[Kind, dict[Key, Json]] = {entry.kind: {} for entry in SERVED.values()}
        self._log: dict[Kind, list[Change]] = {entry.kind: [] for entry in SERVED.values()}
        self._rest_of: dict[str, tuple[int, list[Json]]] = {}
        self._tokens = itertools.count(1)
        self._waiting: dict[Kind, list[asyncio.Future[None]]] = {}
        # What the pods wrote, by UID.
        self.logs: dict[str, str] = {}
        # Which process sent what is being done.
        self.acting = ""
        # When what is being done was sent, in virtual seconds; what others do is not sent.
        self.sent_at = math.inf
        # Each may raise Refused.
        self.admission: list[Callable[[Asked], None]] = []
        self.on_change: list[Callable[[Change], None]] = []
        # Told of each deletion of one object and its preconditions, before it is looked at.
        self.on_delete: list[Callable[[Asked, Json], None]] = []

    # -- restoring

    def backup(self) -> Backup:
        """Return everything as it is, as a snapshot of etcd has it."""
        objects = {kind: dict(found) for kind, found in self._objects.items()}
        return Backup(self.version, objects)

    def restore(self, backup: Backup) -> None:
        """Be what a snapshot of etcd holds, and know nothing of what came after it.

        Nobody is told: whoever watches has to end before.
        """
        self.version = backup.version
        self._objects = {kind: dict(found) for kind, found in backup.objects.items()}
        self._log = {kind: [] for kind in self._objects}
        self._rest_of.clear()
        self._oldest = self.version

    # -- reading

    def peek(self, kind: Kind, namespace: str | None, name: str) -> Json | None:
        """Return an object without asking anybody, or None."""
        return self._objects[kind].get((namespace or "", name))

    def everything(self, kind: Kind, namespace: str | None = None) -> list[Json]:
        """Return all objects of a kind without asking anybody, in the order of their keys."""
        found = self._objects[kind]
        return [found[key] for key in sorted(found) if namespace is None or key[0] == namespace]

    def get(self, asked: Asked) -> Json:
        """Return an object.

        Raises:
            Refused: It is not there.
        """
        self._admit(asked)
        return self._found(asked)

    def log(self, asked: Asked) -> str:
        """Return what the container of a pod wrote, as its kubelet has it.

        Raises:
            Refused: The pod is not there, or has not started on its node.
        """
        self._admit(asked)
        pod = self._found(asked)
        if not pod["spec"].get("nodeName"):
            return ""  # as the real one answers, without asking anybody
        if (pod.get("status") or {}).get("phase") in (None, "Pending"):
            raise Refused(400, "BadRequest", "container is waiting to start: ContainerCreating")
        return self.logs.get(pod["metadata"]["uid"], "")

    def list(
        self,
        asked: Asked,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        token: str = "",
    ) -> Json:
        """Return one page of a consistent list."""
        self._admit(asked)
        if token:
            known = self._rest_of.pop(token, None)
            if known is None or known[0] < self._oldest:
                raise Refused(
                    410,
                    "Expired",
                    "The provided continue parameter is too old to display a consistent list"
                    " result.",
                )
            version, rest = known
        else:
            labels, fields = label_matcher(label_selector), field_matcher(field_selector)
            version = self.version
            rest = [
                obj
                for obj in self.everything(asked.kind, asked.namespace or None)
                if labels(obj) and fields(obj)
            ]
        page, rest = (rest[:limit], rest[limit:]) if limit else (rest, [])
        metadata: Json = {"resourceVersion": str(version)}
        if rest:
            following = f"page-{next(self._tokens)}"
            self._rest_of[following] = (version, rest)
            metadata |= {"continue": following, "remainingItemCount": len(rest)}
        # Items of a list carry no apiVersion and kind, but for custom resources.
        custom = SERVED[asked.kind.api_version, asked.kind.plural].is_custom
        items = (
            page
            if custom
            else [
                {name: value for name, value in obj.items() if name not in ("apiVersion", "kind")}
                for obj in page
            ]
        )
        return {
            "kind": f"{asked.kind.kind}List",
            "apiVersion": asked.kind.api_version,
            "metadata": metadata,
            "items": items,
        }

    def watch(
        self, asked: Asked, version: str, *, label_selector: str = "", field_selector: str = ""
    ) -> Watch:
        """Open a watch that begins after a version.

        Raises:
            Refused: The version is too old.
        """
        self._admit(asked)
        if 0 < int(version or 0) < self._expired.get(asked.kind, 0):
            raise Refused(410, "Expired", f"too old resource version: {version}")
        return Watch(
            self,
            asked.kind,
            asked.namespace,
            int(version or 0),
            label_matcher(label_selector),
            field_matcher(field_selector),
        )

    def expire(self, kind: Kind) -> None:
        """Take no watch of a kind any more that begins before now; those that are open go on."""
        self._expired[kind] = self.version

    def compact(self) -> None:
        """Forget all history: watches and pages of before are too old from now on."""
        self._oldest = self.version
        for log in self._log.values():
            log.clear()
        for kind in tuple(self._waiting):
            self._wake(kind)

    # -- writing

    def create(self, asked: Asked, obj: Json, *, dry_run: bool = False) -> Json:
        """Store a new object.

        Raises:
            Refused: As the real one does.
        """
        served = SERVED[asked.kind.api_version, asked.kind.plural]
        metadata = dict(obj.get("metadata") or {})
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = f"{metadata['generateName']}{self._make_uid()[-5:]}"
        name = metadata.get("name")
        if not name:
            raise Refused(
                422,
                "Invalid",
                f'{asked.kind.kind} "" is invalid: metadata.name: Required value: name or'
                " generateName is required",
            )
        if metadata.get("resourceVersion"):
            raise Refused(
                400, "BadRequest", "resourceVersion should not be set on objects to be created"
            )
        for mine in (
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "generation",
            "managedFields",
        ):
            metadata.pop(mine, None)
        if asked.kind.namespaced:
            metadata["namespace"] = asked.namespace
        metadata |= {"uid": self._make_uid(), "creationTimestamp": self._moment()}
        if served.counts:
            metadata["generation"] = 1
        new: Json = {
            **obj,
            "apiVersion": asked.kind.api_version,
            "kind": asked.kind.kind,
            "metadata": metadata,
        }
        if served.has_status and served.is_custom:
            new.pop("status", None)
        new = self._prepared(served, new)
        asked = Asked(asked.user, "create", asked.kind, asked.namespace, name, "", new)
        self._admit(asked)
        self._require_namespace(asked)
        if (asked.namespace, name) in self._objects[asked.kind]:
            raise Refused(409, "AlreadyExists", f'{asked.kind.plural} "{name}" already exists')
        return self._store(asked, served, None, new, dry_run=dry_run)

    def replace(self, asked: Asked, obj: Json, *, dry_run: bool = False) -> Json:
        """Replace an object, or its status.

        Raises:
            Refused: As the real one does.
        """
        old = self._found(asked)
        given = obj.get("metadata") or {}
        served = SERVED[asked.kind.api_version, asked.kind.plural]
        if (served.is_custom or asked.kind == LEASE) and not given.get("resourceVersion"):
            raise Refused(
                422,
                "Invalid",
                f'{asked.kind.plural} "{asked.name}" is invalid: metadata.resourceVersion: Invalid'
                " value: 0: must be specified for an update",
            )
        if given.get("name") not in (None, asked.name):
            raise Refused(
                400,
                "BadRequest",
                f"the name of the object ({given['name']}) does not match the name on the URL"
                f" ({asked.name})",
            )
        return self._change(asked, old, obj, dry_run=dry_run)

    def patch(self, asked: Asked, body: Any, content_type: str, *, dry_run: bool = False) -> Json:
        """Apply a merge patch or a JSON patch to an object, or to its status.

        Raises:
            Refused: As the real one does.
        """
        old = self._found(asked)
        if content_type == "application/merge-patch+json":
            return self._change(asked, old, merged(old, body), dry_run=dry_run)
        if content_type == "application/json-patch+json":
            try:
                return self._change(asked, old, json_patch(old, body), dry_run=dry_run)
            except PatchTestError as error:
                raise Refused(
                    422,
                    "Invalid",
                    f"the server rejected our request due to an error in our request: {error}",
                ) from None
        raise Refused(415, "UnsupportedMediaType", f"the stand-in does not know {content_type}")

    def delete(self, asked: Asked, options: Json, *, dry_run: bool = False) -> Json:
        """Delete an object, or mark it where finalizers hold it.

        Raises:
            Refused: As the real one does.
        """
        for listener in self.on_delete:
            listener(asked, options.get("preconditions") or {})
        return self._delete(asked, options, dry_run=dry_run)

    def _delete(self, asked: Asked, options: Json, *, dry_run: bool = False) -> Json:
        old = self._found(asked)
        self._require_preconditions(asked, old, options.get("preconditions") or {})
        self._admit(
            Asked(asked.user, asked.verb, asked.kind, asked.namespace, asked.name, "", None, old)
        )
        served = SERVED[asked.kind.api_version, asked.kind.plural]
        metadata = old["metadata"]
        grace = _grace(old, options) if asked.kind == POD else 0
        held = (
            bool(metadata.get("finalizers"))
            or asked.kind == NAMESPACE
            or (_is_running(old) and grace > 0)
        )
        if options.get("propagationPolicy") == "Foreground" and not metadata.get(
            "deletionTimestamp"
        ):
            held = True
            metadata = {
                **metadata,
                "finalizers": [*metadata.get("finalizers", ()), "foregroundDeletion"],
            }
        if not held:
            self._remove(asked, served, old, dry_run=dry_run)
            return {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": {"name": asked.name, "kind": asked.kind.plural, "uid": metadata["uid"]},
            }
        if metadata.get("deletionTimestamp"):
            # An end that has begun is only ever shortened.
            asked_for = options.get("gracePeriodSeconds")
            if asked_for is None or asked_for >= metadata.get("deletionGracePeriodSeconds", 0):
                return old
            shorter = {**metadata, "deletionGracePeriodSeconds": asked_for}
            return self._store(asked, served, old, {**old, "metadata": shorter}, dry_run=dry_run)
        marked = {
            **metadata,
            "deletionTimestamp": self._moment(),
            "deletionGracePeriodSeconds": grace,
        }
        if asked.kind == NAMESPACE:
            del marked["deletionGracePeriodSeconds"]
        if metadata.get("generation"):
            marked["generation"] = metadata["generation"] + 1
        new = {**old, "metadata": marked}
        if asked.kind == NAMESPACE:
            new["status"] = {**old.get("status", {}), "phase": "Terminating"}
        return self._store(asked, served, old, new, dry_run=dry_run)

    def delete_collection(
        self, asked: Asked, *, label_selector: str = "", field_selector: str = ""
    ) -> Json:
        """Delete all objects of a kind in a namespace that match, one after the other."""
        labels, fields = label_matcher(label_selector), field_matcher(field_selector)
        self._admit(asked)
        for obj in self.everything(asked.kind, asked.namespace):
            if labels(obj) and fields(obj):
                self._delete(
                    Asked(
                        asked.user,
                        "delete",
                        asked.kind,
                        asked.namespace,
                        obj["metadata"]["name"],
                    ),
                    {},
                )
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}

    def finalize_namespace(self, name: str) -> None:
        """Do what the namespace controller does last: take the finalizer off the spec."""
        old = self.peek(NAMESPACE, None, name)
        if old is None:
            return
        asked = Asked("namespace-controller", "update", NAMESPACE, "", name, "finalize")
        served = SERVED["v1", "namespaces"]
        new = {**old, "spec": {"finalizers": []}}
        if old["metadata"].get("finalizers"):
            self._store(asked, served, old, new)
        else:
            self._remove(asked, served, old)

    def end_pod(self, namespace: str, name: str) -> None:
        """Do what a kubelet does last: let go of a pod that is being deleted."""
        old = self.peek(POD, namespace, name)
        if old is not None and not old["metadata"].get("finalizers"):
            asked = Asked("kubelet", "delete", POD, namespace, name)
            self._remove(asked, SERVED["v1", "pods"], old)

    # -- inside

    def _change(self, asked: Asked, old: Json, wanted: Json, *, dry_run: bool) -> Json:
        served = SERVED[asked.kind.api_version, asked.kind.plural]
        given = wanted.get("metadata") or {}
        version, uid = given.get("resourceVersion"), given.get("uid")
        if uid and uid != old["metadata"]["uid"]:
            raise Refused(
                409,
                "Conflict",
                f'Operation cannot be fulfilled on {asked.kind.plural} "{asked.name}":'
                f" StorageError: invalid object, Code: 4, UID in precondition: {uid}, UID in"
                f" object meta: {old['metadata']['uid']}",
            )
        if version and version != old["metadata"]["resourceVersion"]:
            raise Refused(
                409,
                "Conflict",
                f'Operation cannot be fulfilled on {asked.kind.plural} "{asked.name}": the object'
                " has been modified; please apply your changes to the latest version and try"
                " again",
            )
        new = (
            self._with_status(served, old, wanted)
            if asked.subresource == "status"
            else self._with_spec(served, old, wanted)
        )
        new = self._prepared(served, new)
        self._require_fixed(served, asked, old, new)
        self._admit(
            Asked(
                asked.user,
                asked.verb,
                asked.kind,
                asked.namespace,
                asked.name,
                asked.subresource,
                new,
                old,
            )
        )
        if _same(old, new):
            return old  # the real one writes nothing either, and the version stays
        if new["metadata"].get("deletionTimestamp") and _is_free(asked.kind, old, new):
            self._remove(asked, served, new, dry_run=dry_run)
            return new
        return self._store(asked, served, old, new, dry_run=dry_run)

    def _with_status(self, served: Served, old: Json, wanted: Json) -> Json:
        if not served.has_status:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        new = {key: value for key, value in old.items() if key != "status"}
        if "status" in wanted:
            new["status"] = wanted["status"]
        return new

    def _with_spec(self, served: Served, old: Json, wanted: Json) -> Json:
        new = {
            **wanted,
            "apiVersion": old["apiVersion"],
            "kind": old["kind"],
            "metadata": _metadata(old["metadata"], wanted.get("metadata") or {}),
        }
        if served.has_status:
            new.pop("status", None)
            if "status" in old:
                new["status"] = old["status"]
        if served.kind == NAMESPACE:
            new["spec"] = old["spec"]
        if served.counts and _content(old) != _content(new):
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        return new

    def _prepared(self, served: Served, new: Json) -> Json:
        """Return an object with what the server fills in."""
        if served.is_custom:
            return custom_kinds()[served.kind.plural].defaulted(new)
        if served.kind == NAMESPACE:
            labels = {
                **(new["metadata"].get("labels") or {}),
                "kubernetes.io/metadata.name": new["metadata"]["name"],
            }
            return {
                **new,
                "metadata": {**new["metadata"], "labels": labels},
                "spec": new.get("spec") or {"finalizers": [_NAMESPACE_FINALIZER]},
                "status": new.get("status") or {"phase": "Active"},
            }
        if served.kind == JOB and "selector" not in new["spec"]:
            return _selecting(new)
        return new

    def _require_fixed(self, served: Served, asked: Asked, old: Json, new: Json) -> None:
        problems = []
        if served.is_custom:
            problems = [
                problem
                for rule in custom_kinds()[served.kind.plural].rules
                if (problem := rule.problem(old, new))
            ]
        immutable = served.kind in (CONFIG_MAP, SECRET) and old.get("immutable")
        fixed = (*served.fixed, *(("data", "immutable") if immutable else ()))
        for path in fixed:
            before, after = _field(old, path), _field(new, path)
            if before != after:
                problems.append(f"{path}: Invalid value: field is immutable")
        dying = old["metadata"].get("deletionTimestamp")
        added = set(new["metadata"].get("finalizers") or ()) - set(
            old["metadata"].get("finalizers") or ()
        )
        if dying and added:
            problems.append(
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is"
                f" being deleted, found new finalizers {sorted(added)}"
            )
        if problems:
            raise Refused(
                422,
                "Invalid",
                f'{served.kind.kind} "{asked.name}" is invalid: {"; ".join(problems)}',
            )

    def _require_namespace(self, asked: Asked) -> None:
        if not asked.kind.namespaced:
            return
        namespace = self.peek(NAMESPACE, None, asked.namespace)
        if namespace is None:
            about = {"name": asked.namespace, "kind": "namespaces"}
            message = f'namespaces "{asked.namespace}" not found'
            raise Refused(404, "NotFound", message, about=about)
        if namespace["metadata"].get("deletionTimestamp"):
            raise Refused(
                403,
                "Forbidden",
                f'{asked.kind.plural} "{asked.name}" is forbidden: unable to create new content in'
                f" namespace {asked.namespace} because it is being terminated",
            )

    def _require_preconditions(self, asked: Asked, old: Json, wanted: Json) -> None:
        for name, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            value = wanted.get(name)
            if value and value != old["metadata"][name]:
                raise Refused(
                    409,
                    "Conflict",
                    f'Operation cannot be fulfilled on {asked.kind.plural} "{asked.name}": the'
                    f" {label} in the precondition ({value}) does not match the {label} in record"
                    f" ({old['metadata'][name]}). The object might have been deleted and then"
                    " recreated",
                )

    def _found(self, asked: Asked) -> Json:
        obj = self.peek(asked.kind, asked.namespace, asked.name)
        if obj is None:
            group = asked.kind.api_version.rpartition("/")[0]
            plural = f"{asked.kind.plural}.{group}" if group else asked.kind.plural
            raise Refused(404, "NotFound", f'{plural} "{asked.name}" not found')
        return obj

    def _admit(self, asked: Asked) -> None:
        for rule in self.admission:
            rule(asked)

    def _store(
        self, asked: Asked, served: Served, old: Json | None, new: Json, *, dry_run: bool = False
    ) -> Json:
        if dry_run:
            return new
        self.version += 1
        new = {**new, "metadata": {**new["metadata"], "resourceVersion": str(self.version)}}
        self._objects[served.kind][key_of(new)] = new
        self._publish(Change(self.version, asked.user, served, old, new, new))
        return new

    def _remove(self, asked: Asked, served: Served, old: Json, *, dry_run: bool = False) -> None:
        if dry_run:
            return
        self.version += 1
        before = self._objects[served.kind].pop(key_of(old))
        last = {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.version)}}
        self._publish(Change(self.version, asked.user, served, before, None, last))

    def _publish(self, change: Change) -> None:
        self._log[change.served.kind].append(change)
        self._wake(change.served.kind)
        for listener in tuple(self.on_change):
            listener(change)

    def _moment(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def since(self, kind: Kind, version: int) -> Iterable[Change]:
        """Return the changes of a kind after a version, oldest first.

        Raises:
            Refused: The version is too old.
        """
        if version < self._oldest:
            raise Refused(410, "Expired", f"too old resource version: {version} ({self._oldest})")
        log = self._log[kind]
        first = len(log)
        while first and log[first - 1].version > version:
            first -= 1
        return log[first:]

    def _wake(self, kind: Kind) -> None:
        for future in self._waiting.pop(kind, ()):
            if not future.done():
                future.set_result(None)

    async def changed(self, kind: Kind, seconds: float = 3600.0) -> None:
        """Wait until an object of a kind changes, or so long."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.setdefault(kind, []).append(future)

        def give_up() -> None:
            if not future.done():
                future.set_result(None)

        timer = loop.call_later(max(0.0, seconds), give_up)
        try:
            await future
        finally:
            timer.cancel()


@dataclass(slots=True)
class Watch:
    """One watch: what it has shown so far, and what it shows next."""

    server: ApiServer
    kind: Kind
    namespace: str
    version: int
    labels: Callable[[Json], bool]
    fields: Callable[[Json], bool]
    _first: list[Json] | None = field(default=None)

    def pending(self) -> Iterator[Json]:
        """Yield the events that are due, oldest first.

        Raises:
            Refused: Its version is too old.
        """
        if self.version == 0:
            at = self.server.version
            for obj in self.server.everything(self.kind, self.namespace or None):
                if self._matches(obj):
                    yield {"type": "ADDED", "object": obj}
            self.version = at
        for change in self.server.since(self.kind, self.version):
            self.version = change.version
            event = self._event(change)
            if event is not None:
                yield event

    def is_behind(self) -> bool:
        """Return whether something changed since `pending` was read last."""
        return any(True for _ in self.server.since(self.kind, self.version))

    def bookmark(self) -> Json:
        """Return an event that only tells how far the watch is."""
        self.version = self.server.version
        return {
            "type": "BOOKMARK",
            "object": {
                "kind": self.kind.kind,
                "apiVersion": self.kind.api_version,
                "metadata": {"resourceVersion": str(self.version), "creationTimestamp": None},
            },
        }

    def _event(self, change: Change) -> Json | None:
        if self.namespace and change.key[0] != self.namespace:
            return None
        was = change.old is not None and self._matches(change.old)
        now = change.new is not None and self._matches(change.new)
        if now:
            return {"type": "MODIFIED" if was else "ADDED", "object": change.last}
        if not was:
            return None
        if change.new is None:
            return {"type": "DELETED", "object": change.last}
        # It left the selection: shown as it was when it still matched, at the version of now.
        assert change.old is not None
        metadata = {**change.old["metadata"], "resourceVersion": str(change.version)}
        return {"type": "DELETED", "object": {**change.old, "metadata": metadata}}

    def _matches(self, obj: Json) -> bool:
        return self.labels(obj) and self.fields(obj)


def _metadata(old: Json, given: Json) -> Json:
    """Return what becomes of the metadata of an object that is replaced."""
    kept = (
        "uid",
        "name",
        "namespace",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
    )
    new = {key: value for key, value in given.items() if key not in (*kept, "managedFields")}
    return {**new, **{key: old[key] for key in kept if key in old}}


def _content(obj: Json) -> Json:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status")}


def _same(old: Json, new: Json) -> bool:
    return old == new


def _is_free(kind: Kind, old: Json, new: Json) -> bool:
    """Return whether this change took the last finalizer of an object that is being deleted."""
    if kind == NAMESPACE:
        return not new["metadata"].get("finalizers") and not new["spec"].get("finalizers")
    return bool(old["metadata"].get("finalizers")) and not new["metadata"].get("finalizers")


def _grace(pod: Json, options: Json) -> int:
    """Return for how many seconds a pod may end: as the request says, or else the pod."""
    if not _is_running(pod):
        return 0
    asked = options.get("gracePeriodSeconds")
    return int(pod["spec"].get("terminationGracePeriodSeconds", 30) if asked is None else asked)


def _is_running(obj: Json) -> bool:
    return (
        obj["kind"] == "Pod"
        and bool(obj["spec"].get("nodeName"))
        and (obj.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    )


def _field(obj: Json, path: str) -> Any:
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _selecting(job: Json) -> Json:
    uid, name = job["metadata"]["uid"], job["metadata"]["name"]
    mine = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    template = dict(job["spec"]["template"])
    metadata = dict(template.get("metadata") or {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **mine}
    template["metadata"] = metadata
    selector = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    return {**job, "spec": {**job["spec"], "template": template, "selector": selector}}
