"""Phase `credentials`: short-lived credentials to write an experiment's artifacts.

They are for its own prefix alone, and rotated ahead of their expiry. Of several stages each has a
session of its own, for its own part of that prefix.

They are access, so none are written before isolation is complete; once the namespace was recorded
as complete they are renewed whatever else fails. They are no pure function of what is declared: the
Secret carries its expiry and a digest of its content. It is issued again when a third of its life
is left, when it is gone, and when its content is not the one that was issued. What was issued by
another replica is as good as our own.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from glovebox import names
from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.api.stages import Stage
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.experiment.isolation import LOOK_AGAIN_SECONDS, Stood, still_stands
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.experiment.session_secret import (
    ROTATE_AT,
    session_metadata,
    write_session,
)
from glovebox.controllers.ports import Issued
from glovebox.controllers.store_access import require_narrow_sessions
from glovebox.controllers.store_connections import (
    authorities_of,
    encrypting_keys,
    note_refusal,
    open_store,
)
from glovebox.desired.difference import fingerprint
from glovebox.desired.drift import Applied, Drift
from glovebox.desired.session_files import session_files
from glovebox.desired.session_secret import intact_until
from glovebox.desired.stage_files import key_of
from glovebox.desired.stage_results import needed_prefixes, result_prefix
from glovebox.errors import GloveboxError, InvalidInput, NamespaceGone
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import NAMESPACE, SECRET
from glovebox.kube.objects import ObjectKey
from glovebox.status.experiment_facts import CredentialsFacts, NamespaceFacts
from glovebox.status.outcome import Outcome, Verdict, done, waiting
from glovebox.status.text import format_time
from glovebox.store.credentials import issue_credentials

_RETRY_SECONDS = 15.0


def _end(issued: Issued) -> datetime:
    """Return when the first of the sessions ends."""
    return min(session.expire_time for _, session in issued)


async def ensure_credentials(  # noqa: C901, PLR0911 - one way out for each state of a Secret
    scope: Scope, outcomes: Outcomes
) -> Outcome:
    """Keep valid credentials in an open namespace; take them away from a closed one.

    Raises:
        InvalidInput: The store has no STS role, so nothing can be issued.
        GloveboxError: The store or the API server failed, and no valid credentials are there.
    """
    resolved = outcomes.need("resolve", Resolved)
    found = outcomes.facts("namespace", NamespaceFacts)
    store = resolved.platform.store
    uri = f"s3://{store.spec.artifacts.bucket}/{_prefix(scope)}"
    if not scope.is_open:
        closing = outcomes["lock_up"]
        # What it waits for is the Job's end; they are away by then.
        if not closing.is_done and closing.verdict is not Verdict.WAITING:
            return closing  # they may be there still
        return done(CredentialsFacts(uri, store.name, None))
    # What was recorded as complete keeps its credentials fresh, whatever a repair meets.
    latched = scope.is_latched(await _uid_of_the_namespace(scope) if found is None else found.uid)
    if not latched and not outcomes.is_done("isolation"):
        return waiting(
            reasons.ISOLATION_INCOMPLETE, "no credentials are issued until isolation is complete"
        )
    duration = resolved.platform.profile.spec.credentials.duration_seconds
    reserve = timedelta(seconds=duration * (1 - ROTATE_AT))
    established = latched if found is None else found.established
    key = _key(scope)
    noticed = scope.ports.children.differing_since(key)
    expire, drift = await _look(scope, established=established)
    if drift is not None and (pause := scope.ports.writer.contended_for(key)) > 0:
        contended = (Applied(key, "contended", drift, pause),)
        return replace(
            waiting(reasons.WRITER_FIGHT, f"{drift.describe()}; it is changed again and again"),
            applied=contended,
        )
    if expire is not None and scope.now < expire - reserve:
        left = (expire - reserve - scope.now).total_seconds()
        return done(CredentialsFacts(uri, store.name, expire), retry_seconds=max(1.0, left))
    try:
        issued = await _issue(scope, resolved)
        stood = outcomes.facts("isolation", Stood)
        # A write of isolation, or the store, may have been waited for: what was seen is old then.
        if not latched and (stood is None or not await still_stands(scope, stood)):
            return waiting(
                reasons.ISOLATION_INCOMPLETE,
                "no credentials are issued until isolation is complete",
                retry_seconds=LOOK_AGAIN_SECONDS,
            )
        await _write(scope, store, issued)
    except NamespaceGone:
        raise
    except GloveboxError as error:
        scope.ports.metrics.rotations.labels("s3", "error").inc()
        note_refusal(scope.ports, error)
        if expire is None or expire <= scope.now:
            raise
        problem = f"valid until {format_time(expire)}, but could not be renewed: {error.message}"
        facts = CredentialsFacts(uri, store.name, expire, problem)
        return done(facts, retry_seconds=_RETRY_SECONDS)
    scope.ports.metrics.rotations.labels("s3", "success").inc()
    if drift is not None:
        scope.ports.writer.note_repair(key)
    applied = (Applied(key, "repaired", drift, noticed=noticed),) if drift is not None else ()
    left = (_end(issued) - reserve - scope.now).total_seconds()
    facts = CredentialsFacts(uri, store.name, _end(issued))
    return done(facts, applied=applied, retry_seconds=max(1.0, left))


async def _uid_of_the_namespace(scope: Scope) -> str:
    """Return the UID of what has the name now: what was recorded may be gone, and be another's."""
    if scope.experiment.status.provisioned is None:
        return ""  # nothing is latched, whatever its name is
    try:
        live = await scope.ports.reader.get(NAMESPACE, None, scope.namespace)
    except NotFound:
        return ""
    return str(live["metadata"]["uid"])


def prefetch_credentials(scope: Scope, resolved: Resolved) -> None:
    """Ask the store for a new experiment's credentials while its namespace is being made.

    The answer needs no namespace, and is dropped with the look if nobody used it. Nothing of it
    reaches the cluster before isolation is complete.
    """
    asked = scope.ports.prefetched.get(scope.key)
    if asked is not None or not scope.is_open:
        return
    task = asyncio.create_task(_ask(scope, resolved))
    # Whoever does not get to use the answer does not care for its error either.
    task.add_done_callback(lambda ended: None if ended.cancelled() else ended.exception())
    scope.ports.prefetched[scope.key] = task

    def drop() -> None:
        scope.ports.prefetched.pop(scope.key, None)
        task.cancel()

    scope.cleanups.append(drop)


async def _issue(scope: Scope, resolved: Resolved) -> Issued:
    asked = scope.ports.prefetched.pop(scope.key, None)
    return await (asked or _ask(scope, resolved))


async def _look(scope: Scope, *, established: bool) -> tuple[datetime | None, Drift | None]:
    """Return the expiry of the credentials in place (None: no good) and what happened to them."""
    key, ports = _key(scope), scope.ports
    child = ports.children.get(key)
    if child is not None and child.good_until is not None:
        ports.children.want(key, child.fingerprint)
        return child.good_until, None
    if child is None and not established:
        return None, None
    # Missing in the store of objects may only mean that a list was older than our own write.
    live = await read_or_absent(ports, SECRET, key.namespace, key.name, is_expected=established)
    if live is None:
        return None, Drift(key, "deleted") if established else None
    expire = intact_until(live)
    if expire is None:
        return None, Drift(key, "modified", "data") if established else None
    ports.children.want(key, fingerprint(live))
    ports.children.wrote(SECRET, live)
    return expire, None


async def _ask(scope: Scope, resolved: Resolved) -> Issued:
    """Return a session for each stage; one for the whole prefix where there is one, or none."""
    store = resolved.platform.store
    if store.spec.sts is None:
        raise InvalidInput(
            reasons.STS_NOT_CONFIGURED,
            f"ObjectStore '{store.name}' has no `spec.sts.roleArn`: credentials for one prefix"
            " alone cannot be issued",
        )
    require_narrow_sessions(scope.ports, store)
    connection = await open_store(scope.ports, store)
    issued = []
    for stage in scope.experiment.spec.stages or (None,):
        prefix, readable = _reach(scope, stage)
        async with scope.ports.metrics.on_store("issue_credentials"):
            session = await issue_credentials(
                connection,
                role_arn=store.spec.sts.role_arn,
                bucket=store.spec.artifacts.bucket,
                prefix=prefix,
                session_name=names.artifacts_session(scope.experiment.uid),
                duration_seconds=resolved.platform.profile.spec.credentials.duration_seconds,
                key_ids=encrypting_keys(scope.ports, store),
                readable=readable,
            )
        issued.append((stage, session))
    return tuple(issued)


def _reach(scope: Scope, stage: Stage | None) -> tuple[str, tuple[str, ...]]:
    """Return the prefix that a session writes below, and those that it reads besides."""
    if stage is None:
        return _prefix(scope), ()
    others = needed_prefixes(scope.experiment, stage)
    return result_prefix(scope.experiment, stage), tuple(others.values())


async def _write(scope: Scope, store: ObjectStore, issued: Issued) -> None:
    key, stages = _key(scope), scope.experiment.spec.stages
    authorities = authorities_of(scope.ports, store)
    files = {
        key_of(stages, stage, file) if stage is not None else file: content
        for stage, session in issued
        for file, content in session_files(store.spec, session, authorities).items()
    }
    child = scope.ports.children.get(key)
    live = (
        {"metadata": {"uid": child.uid, "resourceVersion": str(child.resource_version)}}
        if child is not None
        else None
    )
    await write_session(
        scope.ports,
        session_metadata(scope.experiment, key),
        files,
        _end(issued),
        live=live,
        watched=True,
        experiment=scope.key,
    )


def _prefix(scope: Scope) -> str:
    experiment = scope.experiment
    return names.artifact_prefix(experiment.namespace, experiment.name, experiment.uid)


def _key(scope: Scope) -> ObjectKey:
    return ObjectKey(SECRET.kind, scope.namespace, names.CREDENTIALS_SECRET)
