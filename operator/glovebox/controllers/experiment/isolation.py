"""Phase `isolation`: policies, quota, limits, snapshot and accounts; foreign policies out.

Drift policies apply only to a namespace that was recorded as complete. Before that every difference
is simply work to do, whatever the profile says, and a foreign policy is removed without a word.

Until then isolation also has to be seen before it counts as complete: the answers to our own writes
say nothing of what others wrote since. The namespace is read from the API server. So is each kind
in it, but where its watch has told of the last write to it, and that write was made by this look:
a watch tells in order, so it has told of all before, and one that tells of a write of a moment ago
is not silent.

What was seen here counts for what the look opens or starts later on only while nothing says that it
was changed: a later phase may wait for minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from glovebox import names
from glovebox.api import reasons
from glovebox.apply.managed import MANAGED
from glovebox.controllers.experiment.intruders import Search, remove_intruders
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.ports import ADMISSION_SECONDS, Inspected, Ports
from glovebox.desired.drift import Applied, Drift, describe_held
from glovebox.desired.plan import Plan
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import (
    CONFIG_MAP,
    LIMIT_RANGE,
    NAMESPACE,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    SECRET,
    Kind,
    kind_of,
)
from glovebox.kube.objects import ObjectKey, key_of
from glovebox.kube.resources import Key
from glovebox.status.experiment_facts import NamespaceFacts
from glovebox.status.outcome import Outcome, done, of_error, skipped, waiting

ISOLATING: Final = (NETWORK_POLICY, RESOURCE_QUOTA, LIMIT_RANGE)
# What was read is repaired with the next look; somebody may go on changing it.
LOOK_AGAIN_SECONDS: Final = 0.5
# What was read so long ago is read once more before access opens.
_FRESH_SECONDS: Final = 5.0
# A namespace that is another one each time is searched again after so long at most.
_LONGEST_PAUSE_SECONDS: Final = 30.0
_OF_ISOLATION: Final = (NAMESPACE, *ISOLATING)


@dataclass(frozen=True, slots=True)
class Stood:
    """Isolation as this look saw it.

    Attributes:
        news: What the number of `Children.news_of` was.
        read: As of when it was seen, in monotonic seconds.
        uid: In which namespace.
    """

    news: int
    read: float
    uid: str


async def ensure_isolation(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Make every isolation object as declared; each is seen to, whatever becomes of the others."""
    plan = outcomes.need("bind", Plan)
    found = outcomes.facts("namespace", NamespaceFacts)
    if found is None:
        return await _without_labels(scope, plan)
    stood, told = (
        _now(scope, found.uid),
        {kind: scope.ports.children.told(kind) for kind in ISOLATING},
    )
    results = await ensure_all(scope, plan.isolation, established=found.established)
    applied, failures = split(results)
    declared = {key_of(kind_of(dict(obj)), obj) for obj in plan.isolation}
    # Not rendered any more once a feature pin is gone; what was delivered from it stays.
    declared.add(ObjectKey(CONFIG_MAP.kind, scope.namespace, names.INPUTS_CONFIG_MAP))
    elsewhere = {NAMESPACE.kind, SECRET.kind, ROLE_BINDING.kind}
    removed, problems = split(
        await remove_undeclared(scope, declared, elsewhere, established=found.established)
    )
    applied, failures = (*applied, *removed), (*failures, *problems)
    again: float | None = None
    if found.latched:
        search, again = await _inspect(scope, plan)
        applied, failures = (*applied, *search.removed), (*failures, *search.failures)
    if failures:
        return of_error(failures[0], applied=applied)
    if not found.latched and (waits := held(applied)) is not None:
        return replace(waits, applied=applied)
    if not found.latched and not await _stands(scope, found.uid, told):
        return replace(
            waiting(
                reasons.ISOLATION_INCOMPLETE,
                "what isolates was changed by somebody while it was written: looking again",
                retry_seconds=LOOK_AGAIN_SECONDS,
            ),
            applied=applied,
        )
    if found.made is not None and _version(scope) == found.made:
        scope.ports.inspected[scope.key] = Inspected(found.made, stood.read, is_done=True)
    # What stands is judged by what was known before it was compared; a first time by what was seen,
    # which is as old as the writes that a watch has told of.
    seen = stood if found.latched else replace(_now(scope, found.uid), read=stood.read)
    return done(seen, applied=applied, retry_seconds=again)


async def _inspect(scope: Scope, plan: Plan) -> tuple[Search, float | None]:
    """Remove pods that came in through a gap, unless it is known that there was none.

    The labels that keep such pods out may have been off for a while, since the last look or while
    no operator ran: then the namespace has another version. They go whatever else fails. It is
    over when a search finds none, so long after that version was seen that none can come any more.

    Returns:
        What the search came to, and in how many seconds to look again.
    """
    ports, version, now = scope.ports, _version(scope), scope.ports.clock()
    noted = ports.inspected.get(scope.key)
    if noted is None or (noted.version != version and noted.is_done):
        noted = Inspected(version, now)
    elif noted.version != version:
        # Somebody writes to it all the time, which must not cost a list each second.
        pause = min(2 * noted.pause, _LONGEST_PAUSE_SECONDS)
        noted = replace(noted, version=version, since=now, pause=pause)
    elif noted.is_done:
        return Search((), is_clear=True), None
    search = await remove_intruders(scope, plan, noted.told)
    is_old = now >= noted.since + ADMISSION_SECONDS
    noted = replace(noted, is_done=search.is_clear and is_old, told=search.told)
    ports.inspected[scope.key] = noted
    if noted.is_done:
        return search, None
    return search, ADMISSION_SECONDS if is_old else noted.since + noted.pause - now


def is_inspected(ports: Ports, key: Key, namespace: str) -> bool:
    """Whether nobody can have come into a namespace, as it is now, past its labels."""
    noted = ports.inspected.get(key)
    version = ports.children.version_of(namespace)
    return noted is not None and noted.is_done and noted.version == version


def _version(scope: Scope) -> tuple[int, int] | None:
    return scope.ports.children.version_of(scope.namespace)


def was_changed(scope: Scope, stood: Stood) -> bool:
    """Whether a watch told since of something that is not as it should be: look again."""
    return scope.ports.children.news_of(scope.namespace) != stood.news


async def still_stands(scope: Scope, stood: Stood) -> bool:
    """Return whether isolation is as this look saw it; read again where that was long ago.

    Raises:
        NotFound: The namespace is gone.
        Unavailable: No answer.
    """
    if was_changed(scope, stood):
        return False
    is_fresh = scope.ports.clock() <= stood.read + _FRESH_SECONDS
    return is_fresh or await _stands(scope, stood.uid)


def _now(scope: Scope, uid: str) -> Stood:
    return Stood(scope.ports.children.news_of(scope.namespace), scope.ports.clock(), uid)


async def _without_labels(scope: Scope, plan: Plan) -> Outcome:
    """Remove who comes in while the labels of the namespace cannot be restored."""
    child = scope.ports.children.get(ObjectKey(NAMESPACE.kind, scope.namespace, scope.namespace))
    if child is not None and not child.leaving and scope.is_latched(child.uid):
        noted = scope.ports.inspected.get(scope.key) or Inspected(None, scope.ports.clock())
        search = await remove_intruders(scope, plan, noted.told)
        scope.ports.inspected[scope.key] = replace(noted, told=search.told)
        # What failed is tried again with the labels: that these are away is told.
        return replace(skipped("namespace"), applied=search.removed)
    return skipped("namespace")


def held(applied: Iterable[Applied]) -> Outcome | None:
    """Return what is waited for while a finalizer keeps in force what was deleted, if one does."""
    one = next((one for one in applied if one.held_by), None)
    if one is None:
        return None
    return waiting(reasons.DELETION_BLOCKED, describe_held(one.key, one.held_by))


async def _stands(scope: Scope, uid: str, told: Mapping[Kind, int] | None = None) -> bool:
    """See what isolates; return whether all of it is as it was written.

    Args:
        scope: The look.
        uid: Of the namespace in which it was written: another replica may have recreated it since
            a watch told of it last.
        told: What the watches had told when this look began to write. None: everything is read.

    Raises:
        NotFound: The namespace is gone.
        Unavailable: No answer.
    """
    children, namespace = scope.ports.children, scope.namespace
    if told is None:
        await asyncio.gather(_read_namespace(scope), *(_read(scope, kind) for kind in ISOLATING))
    else:
        await _read_namespace(scope)  # meanwhile the watches tell of the last writes
        unseen = (
            kind for kind in ISOLATING if not children.has_told_since(kind, namespace, told[kind])
        )
        await asyncio.gather(*(_read(scope, kind) for kind in unseen))
    child = children.get(ObjectKey(NAMESPACE.kind, namespace, namespace))
    is_same = child is not None and child.uid == uid
    return is_same and all(children.is_as_wanted(namespace, each) for each in _OF_ISOLATION)


async def _read_namespace(scope: Scope) -> None:
    live = await scope.ports.reader.get(NAMESPACE, None, scope.namespace)
    scope.ports.children.table(NAMESPACE).seen(live)


async def _read(scope: Scope, kind: Kind) -> None:
    items: list[Mapping[str, Any]] = []
    version = 0
    asked = scope.ports.children.moment(kind)
    async for page in scope.ports.reader.pages(kind, namespace=scope.namespace):
        items += page.get("items") or ()
        version = int(page["metadata"]["resourceVersion"])
    scope.ports.children.listed(kind, scope.namespace, items, version, asked=asked)


async def ensure_all(
    scope: Scope, intents: Iterable[Mapping[str, Any]], *, established: bool
) -> list[Applied | BaseException]:
    """Make objects as declared, side by side; an error of one is returned in its place."""
    policies = scope.drift_policies
    return await asyncio.gather(
        *(
            scope.ports.writer.ensure(
                intent, established=established, policy=policies.get(intent["kind"], "Repair")
            )
            for intent in intents
        ),
        return_exceptions=True,
    )


async def remove_undeclared(
    scope: Scope, declared: set[ObjectKey], elsewhere: set[str], *, established: bool
) -> list[Applied | BaseException]:
    """Remove foreign objects that add rights or routes, and our own that are not wanted any more.

    Args:
        scope: The look.
        declared: What is to be there.
        elsewhere: Kinds that another phase sees to.
        established: Whether a foreign object is drift, so that the profile's policy counts.
    """
    children, writer = scope.ports.children, scope.ports.writer
    policies = scope.drift_policies
    removed: list[Applied | BaseException] = []
    for key in children.in_namespace(scope.namespace):
        row = MANAGED.get(key.kind)
        if key in declared or key.kind in elsewhere or row is None:
            continue
        ours = children.wanted(key) is not None or key.name in names.ADDITIVE_NAMES
        if not ours and not row.additive:
            continue
        drift = Drift(key, "unexpected") if not ours and established else None
        policy = policies.get(key.kind, "Repair")
        if drift is not None and policy != "Repair":
            removed.append(Applied(key, "alerted" if policy == "Alert" else "ignored", drift))
            continue
        try:
            removed.append(await writer.remove(row.kind, key, drift=drift))
        except GloveboxError as error:
            removed.append(error)
    return removed


def split(
    results: Iterable[Applied | BaseException],
) -> tuple[tuple[Applied, ...], tuple[Exception, ...]]:
    """Tell what was done from what failed.

    Raises:
        BaseException: What is no Exception (cancellation) goes on.
    """
    applied: list[Applied] = []
    failures: list[Exception] = []
    for each in results:
        if isinstance(each, Applied):
            applied.append(each)
        elif isinstance(each, Exception):
            failures.append(each)
        else:
            raise each
    # A refusal says more than a lost connection.
    failures.sort(key=lambda error: type(error).__name__ == "Unavailable")
    return tuple(applied), tuple(failures)
