"""Closes a namespace without losing anything: no workloads, no credentials; the rest stays.

What is refused or lost keeps nothing else from being taken: each step is tried, and the first
failure is raised when all were. So a policy that refuses one kind leaves no credentials behind.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.job_pods import pods_in
from glovebox.controllers.ports import Ports
from glovebox.desired.drift import describe_held
from glovebox.errors import Conflict, Fenced, GloveboxError, Rejected
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import JOB, JOB_SET, POD, ROLE_BINDING, SECRET, Kind
from glovebox.kube.objects import ObjectKey, key_of
from glovebox.status.attempts import ENDED
from glovebox.status.runs import job_end

_FOREIGN = f"{names.LABEL_MANAGED_BY}!={names.MANAGED_BY}"


class Step(Protocol):
    """One thing to take away."""

    def __call__(self) -> Awaitable[object]:
        """Take it."""


async def close_namespace(
    ports: Ports,
    live: Mapping[str, Any],
    state: str,
    *,
    keep_access: bool = False,
    keep_workloads: bool = False,
    keep_given: bool = False,
    keep_own: bool = False,
    keep_ended: bool = False,
    may_have_job_set: bool = True,
) -> None:
    """Take away what opens a namespace: state label first, so that no pod comes back.

    Args:
        ports: The outside world.
        live: The namespace as it was read.
        state: What its label says from now on.
        keep_access: Leave the team's RoleBinding; credentials go all the same.
        keep_workloads: Leave all workloads.
        keep_given: As `drop_credentials`.
        keep_own: As `freeze`; what its stages were given of secrets is left with it.
        keep_ended: As `freeze`.
        may_have_job_set: As `freeze`.

    Raises:
        GloveboxError: The API server failed; the rest was taken, and calling again is safe.
    """
    name = live["metadata"]["name"]
    take_away = drop_credentials if keep_access else take_access
    steps: list[Step] = [
        partial(ports.writer.set_state_label, live, state),
        partial(take_away, ports, name, keep_given=keep_given or keep_own),
    ]
    if not keep_workloads:
        steps.append(
            partial(
                freeze,
                ports,
                name,
                keep_own=keep_own,
                keep_ended=keep_ended,
                may_have_job_set=may_have_job_set,
            )
        )
    await try_all(steps)


async def freeze(
    ports: Ports,
    namespace: str,
    *,
    keep_own: bool = False,
    keep_ended: bool = False,
    may_have_job_set: bool = True,
) -> None:
    """Remove workloads; the namespace's state label must be set before, so that no pod comes back.

    Args:
        ports: The outside world.
        namespace: The experiment's.
        keep_own: Leave the run and its pods: what they say is to be recorded first.
        keep_ended: Leave of these what has ended, for its logs. What a run that is lost has left
            running would write behind its seal.
        may_have_job_set: Whether to look for one, which a run of one Job does not have.

    Raises:
        GloveboxError: The API server failed; the rest was removed, and calling again is safe.
    """
    selector = _FOREIGN if keep_own else ""
    steps: list[Step] = [
        partial(_remove_all, ports, kind, namespace, selector, keep_ended=keep_ended)
        for kind in (JOB, POD)
    ]
    if may_have_job_set and not keep_own and not keep_ended:
        # First: its controller would make again what it misses. One that is left makes nothing in a
        # closed namespace, and with it would go what has ended.
        steps.insert(0, partial(_remove_job_set, ports, namespace))
    await try_all(steps)


async def _remove_job_set(ports: Ports, namespace: str) -> None:
    with suppress(NotFound):  # nor the kind
        await _remove_all(ports, JOB_SET, namespace, "", keep_ended=False)


async def take_access(ports: Ports, namespace: str, *, keep_given: bool = False) -> None:
    """Remove the team's access and the credentials, by live reads.

    Whoever lets go for good must not rely on a list that may be older.

    Args:
        ports: The outside world.
        namespace: The experiment's.
        keep_given: As `drop_credentials`.

    Raises:
        GloveboxError: The API server failed; the rest was removed, and calling again is safe.
    """
    key = ObjectKey(ROLE_BINDING.kind, namespace, names.TENANT_ROLE_BINDING)
    await try_all(
        (
            partial(take, ports, ROLE_BINDING, key),
            partial(drop_credentials, ports, namespace, keep_given=keep_given),
        )
    )


async def drop_credentials(ports: Ports, namespace: str, *, keep_given: bool = False) -> None:
    """Remove the Secrets with credentials, by live reads: for the store, for registries, of stages.

    Sessions that were copied out of them end by their own expiry.

    Args:
        ports: The outside world.
        namespace: The experiment's.
        keep_given: Leave what the stages of the run were given: without it nobody can take that
            out of their logs, which are still to be read.

    Raises:
        GloveboxError: The API server failed; the rest was removed, and calling again is safe.
    """
    await try_all(
        partial(take, ports, SECRET, ObjectKey(SECRET.kind, namespace, name))
        for name in (
            names.CREDENTIALS_SECRET,
            names.INPUTS_CREDENTIALS_SECRET,
            names.PULL_SECRET,
            *(() if keep_given else (names.STAGE_SECRETS,)),
        )
    )


async def take(ports: Ports, kind: Kind, key: ObjectKey) -> None:
    """Take one thing away for good.

    Raises:
        Rejected: `DeletionBlocked`: somebody's finalizer holds it, so nothing is closed yet.
        GloveboxError: The API server failed.
    """
    held_by = await ports.writer.remove_live(kind, key)
    if held_by:
        raise Rejected(reasons.DELETION_BLOCKED, describe_held(key, held_by))


async def _remove_all(
    ports: Ports, kind: Kind, namespace: str, selector: str, *, keep_ended: bool
) -> None:
    found: list[Mapping[str, Any]] = []
    if kind == POD:
        found += await pods_in(ports, namespace, label_selector=selector)
    else:
        async for page in ports.reader.pages(kind, namespace=namespace, label_selector=selector):
            found += page.get("items") or ()
    if keep_ended:
        found = [item for item in found if not _is_ended_or_ending(kind, item)]
    await try_all(partial(_remove, ports, kind, item) for item in found)


def _is_ended_or_ending(kind: Kind, item: Mapping[str, Any]) -> bool:
    labels = item["metadata"].get("labels") or {}
    if labels.get(names.LABEL_MANAGED_BY) != names.MANAGED_BY:
        return False  # not ours
    if item["metadata"].get("deletionTimestamp"):
        return True  # asked already
    if kind == JOB:
        return job_end(item) is not None
    return (item.get("status") or {}).get("phase") in ENDED


async def _remove(ports: Ports, kind: Kind, item: Mapping[str, Any]) -> None:
    # By its UID: a request that comes late takes nothing that was started since.
    with suppress(Conflict):
        if kind == POD:
            await ports.writer.stop(item)
        else:
            await ports.writer.delete(kind, key_of(kind, item), uid=item["metadata"]["uid"])


async def try_all(steps: Iterable[Step]) -> None:
    """Make each step, whatever becomes of the others; raise the first failure afterwards."""
    failure: GloveboxError | None = None
    for step in steps:
        try:
            await step()
        except Fenced:
            raise  # none of the others would be sent
        except GloveboxError as error:
            failure = failure or error
    if failure is not None:
        raise failure
