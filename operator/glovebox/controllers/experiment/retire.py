"""Phase `retire`: the deletion policy on the namespace, fenced by UID; then the finalizer goes.

    Retain   the namespace stays with its workloads, no longer kept; credentials go
    Freeze   the namespace stays; workloads, access and credentials go
    Delete   workloads, access and credentials go, then the namespace; until it is gone the
             Experiment waits, naming what holds it

Of one that counted in the budget of its team `Retain` leaves nothing running: it counts no more.

What was written is sealed before anything is let go, whoever wrote it: the namespace is closed, its
pods are ended, and what lies under the prefix is listed and signed (`Abandoned` when the run had
not ended, or the seal had not been asked for). A team that keeps its namespace (`Retain`, and no
run was begun) keeps its pods, and loses the credentials.
While it cannot be seen how far the run came, access and credentials go all the same. That is
bounded in time: a store that does not answer for an hour is no reason to keep an Experiment.

A namespace that stays is marked Retained: the API server admits no pod there any more, and the
platform team may delete it. Artifacts stay in the store in every case. A namespace that is not this
Experiment's own is never touched. Everything here acts on live reads, and needs no valid spec.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.experiment.deliver import delete_volumes
from glovebox.controllers.experiment.freeze import close_namespace
from glovebox.controllers.experiment.namespace import may_delete
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.ports import Ports
from glovebox.errors import Conflict, Forbidden, Rejected
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import EXPERIMENT, NAMESPACE
from glovebox.kube.objects import ObjectKey
from glovebox.kube.resources import Key
from glovebox.status.outcome import Outcome, done, waiting

_LOOK_AGAIN_SECONDS: Final = 10.0
# How long a deletion waits for the seal of what was written.
SEAL_WAIT: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Retiring:
    """What deletion needs of an Experiment, read without its schema.

    Attributes:
        namespace: Its own namespace.
        namespace_uid: The UID that was recorded; empty when none was.
        policy: Its deletion policy; Freeze when it says nothing that is known, and where Retain
            would leave to a team what its budget counts no more.
        has_run: Whether a run is recorded.
        is_closed: Whether it is closed for good, or was to be: its seal was asked for, or is due.
        has_results: Whether something may have been written that is to be sealed: a run was begun,
            credentials were issued, or the seal was asked for.
        has_volumes: Whether datasets may have been mounted from volumes.
        deleted: When deletion was asked for.
    """

    key: Key
    uid: str
    namespace: str
    namespace_uid: str
    policy: str
    has_run: bool
    is_closed: bool
    has_results: bool
    has_volumes: bool
    deleted: datetime

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> Retiring:
        """Read an Experiment that is being deleted, however old or new its fields are."""
        metadata = obj["metadata"]
        status = obj.get("status") or {}
        spec = obj.get("spec") or {}
        lifecycle = spec.get("lifecycle") or {}
        policy = lifecycle.get("deletionPolicy")
        policies = {"Delete"} if _is_counted(status) else {"Delete", "Retain"}
        has_run, is_bound = bool(status.get("run")), bool(status.get("digest"))
        asked_for = lifecycle.get("desired") == "Sealed" and is_bound
        is_closed = asked_for or status.get("state") == names.STATE_SEALED
        team, name, uid = metadata["namespace"], metadata["name"], metadata["uid"]
        return cls(
            key=Key(EXPERIMENT.kind, team, name),
            uid=uid,
            namespace=status.get("namespace") or names.experiment_namespace(team, name, uid),
            namespace_uid=status.get("namespaceUid") or "",
            policy=policy if policy in policies else "Freeze",
            has_run=has_run,
            is_closed=is_closed,
            has_results=is_bound and (has_run or is_closed or bool(status.get("artifacts"))),
            has_volumes=status.get("deliveryMode") not in {None, "", "Fetch"},
            deleted=datetime.fromisoformat(metadata["deletionTimestamp"]),
        )

    @property
    def leaves_team(self) -> bool:
        """Whether the team keeps what it has there: no run was begun, and nobody closed it."""
        return self.policy == "Retain" and not self.has_run and not self.is_closed


def _is_counted(status: Mapping[str, Any]) -> bool:
    """Whether an Experiment has some of the budget of its team: it has none once it is sealed."""
    if status.get("state") == names.STATE_SEALED:
        return False
    return any(amount != "0" for amount in (status.get("teamBudget") or {}).values())


async def close_first(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Close the namespace of a run that is to be sealed first: no pods, credentials or access.

    Raises:
        GloveboxError: The API server failed; calling again is safe.
    """
    del outcomes
    live = await own_namespace(scope.ports, Retiring.of(scope.obj))
    if live is not None:
        await close_namespace(scope.ports, live, names.STATE_SEALED)
    return done()


async def close_meanwhile(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Take access and credentials while it is not known yet how far a run has come.

    Raises:
        GloveboxError: The API server failed; calling again is safe.
    """
    del outcomes
    retiring = Retiring.of(scope.obj)
    live = await own_namespace(scope.ports, retiring)
    if live is not None:
        await shut_out(scope.ports, retiring, live)
    return done()


async def shut_out(ports: Ports, retiring: Retiring, live: Mapping[str, Any]) -> None:
    """Let nobody in any more, and leave what runs: its end is still to be seen.

    Of a run that may never have begun, what the policy `Retain` leaves to the team is left.

    Raises:
        GloveboxError: The API server failed; the rest was taken, and calling again is safe.
    """
    await close_namespace(
        ports,
        live,
        names.STATE_SEALED,
        keep_access=retiring.leaves_team,
        keep_workloads=True,
        # It goes when the run was followed to its end, or is given up.
        keep_given=True,
    )


async def let_go(ports: Ports, retiring: Retiring) -> Outcome | None:
    """Carry out the deletion policy; return what the Experiment waits for, None when it is done.

    Raises:
        GloveboxError: The API server failed; calling again is safe.
    """
    live = await own_namespace(ports, retiring)
    if live is not None:
        outcome = await _apply_policy(ports, retiring, live)
        if outcome is not None:
            return outcome
    if retiring.has_volumes:
        await delete_volumes(ports, retiring.uid)
    return None


async def release(ports: Ports, retiring: Retiring, obj: Mapping[str, Any]) -> Outcome:
    """Take the finalizer off: the last step, after everything is told.

    Raises:
        GloveboxError: The API server failed; calling again is safe.
    """
    ports.writer.forget(retiring.namespace)
    await _remove_finalizer(ports, retiring, obj)
    return done()


async def own_namespace(ports: Ports, retiring: Retiring) -> dict[str, Any] | None:
    """Return the Experiment's own namespace as it is; None where there is none, or another's."""
    live = await read_or_absent(ports, NAMESPACE, None, retiring.namespace)
    if live is None:
        return None
    return live if may_delete(retiring.namespace_uid, retiring.uid, live) else None


async def _apply_policy(ports: Ports, retiring: Retiring, live: dict[str, Any]) -> Outcome | None:
    """Do what the policy says; return why the Experiment has to wait, None when it need not."""
    namespace = retiring.namespace
    if retiring.policy == "Delete":
        if not live["metadata"].get("deletionTimestamp"):
            # First what runs: a namespace takes its time to go, and runs on meanwhile. What a
            # policy keeps from being closed, or a finalizer holds, goes with it.
            with suppress(Rejected, Forbidden):
                await close_namespace(ports, live, names.STATE_SEALED)
            key = ObjectKey(NAMESPACE.kind, namespace, namespace)
            with suppress(Conflict):  # changed between reading and deleting: look again
                await ports.writer.delete(NAMESPACE, key, uid=live["metadata"]["uid"])
        blockers = _blockers(live)
        message = f"namespace `{namespace}` is being deleted"
        return waiting(
            reasons.DELETION_BLOCKED if blockers else reasons.DELETING,
            message + (f"; held up by: {blockers}" if blockers else ""),
            retry_seconds=_LOOK_AGAIN_SECONDS,
        )
    # Closed to new pods, and from now on for the platform team to delete: nobody else is left.
    stays = retiring.policy == "Retain"
    await close_namespace(
        ports, live, names.STATE_RETAINED, keep_access=stays, keep_workloads=stays
    )
    return None


async def _remove_finalizer(ports: Ports, retiring: Retiring, obj: Mapping[str, Any]) -> None:
    finalizers = obj["metadata"].get("finalizers") or []
    rest = [finalizer for finalizer in finalizers if finalizer != names.FINALIZER]
    if rest == finalizers:
        return  # somebody took it off
    try:
        await ports.writer.write_finalizers(obj, rest)
    except NotFound:
        rest = []
    if not rest:
        ports.resources.gone(retiring.key, retiring.uid)
    ports.metrics.deletion.observe((ports.now() - retiring.deleted).total_seconds())


def _blockers(live: dict[str, Any]) -> str:
    conditions = (live.get("status") or {}).get("conditions") or ()
    return "; ".join(
        entry.get("message", entry["type"]) for entry in conditions if entry.get("status") == "True"
    )
