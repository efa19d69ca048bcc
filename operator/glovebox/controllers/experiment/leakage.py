"""Phase `leakage`: inputs of different roles are compared before anything is created.

It is a task beside the reconciles, over the manifests of the pins and, where these declare columns,
over the rows of their tables or the texts in them. What came of it is bound with the snapshot, and
nothing looks again: pins never change.
"""

from __future__ import annotations

import functools
from typing import Final

from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.experiment.overlap_grants import overlap_grants
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.origins import origin_of
from glovebox.controllers.pin_sources import source_of
from glovebox.controllers.remembered import remember
from glovebox.controllers.splits import within
from glovebox.controllers.store_access import source_access
from glovebox.controllers.store_connections import open_store
from glovebox.controllers.task_jobs import Bucket, job_for
from glovebox.data.overlap import Overlap
from glovebox.desired.covered import Covered, needs_comparison
from glovebox.desired.inputs import ResolvedInput
from glovebox.desired.leakage import leakage_sheet
from glovebox.desired.leakage_policy import check_known, check_overlap_allowed
from glovebox.engine.tasks import TaskKey
from glovebox.errors import NotReady
from glovebox.kube.kinds import DATASET_PIN, OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.experiment_facts import LeakageFacts
from glovebox.status.outcome import Outcome, done, of_error, waiting
from glovebox.store.connection import Store
from glovebox.store.manifests import ManifestLocation
from glovebox.tasks.context import TaskContext
from glovebox.tasks.overlap import OVERLAP, ComparedDataset, OverlapRequest, compare_datasets
from glovebox.tasks.overlap_question import OverlapQuestion
from glovebox.tasks.rows import Rows

_WORK_CLASS: Final = "data"
# Results are some hundred bytes each.
_REMEMBERED: Final = 256


async def check_leakage(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Return the leakage sheet (`LeakageFacts`).

    Raises:
        Refused: Something leaks that no `allowOverlap` names and no grant lets pass, or the profile
            demands more.
        NotReady: A pin was deleted or made again meanwhile, or has no manifest; or a grant was not
            looked at yet.
        GloveboxError: The credentials of a store cannot be read.
    """
    resolved, task = outcomes.need("resolve", Resolved), _task(scope)
    if scope.is_bound or resolved.profile is None or not resolved.datasets:
        scope.ports.tasks.drop(task)
        return done(LeakageFacts())
    allowed = scope.experiment.spec.inputs.allow_overlap
    check_overlap_allowed(resolved.profile, allowed)
    inputs = tuple(covered(scope, entry) for entry in resolved.datasets)
    overlap = Overlap()
    if needs_comparison(inputs):
        compared = await _compare(scope, resolved, inputs)
        if isinstance(compared, Outcome):
            return compared
        overlap = compared
    else:
        scope.ports.tasks.drop(task)
    stages = scope.experiment.spec.stages
    rule = resolved.profile.spec.leakage.overlap
    granted = overlap_grants(scope, resolved.bound, inputs, overlap) if rule != "Never" else ()
    reasons_given = (*allowed, *(each.allowed for each in granted))
    rows = leakage_sheet(inputs, reasons_given, overlap, stages=stages, rule=rule)
    check_known(resolved.profile, rows)
    return done(LeakageFacts(rows, tuple((each.input, each.grant) for each in granted)))


async def _compare(
    scope: Scope, resolved: Resolved, inputs: tuple[Covered, ...]
) -> Overlap | Outcome:
    """Have the inputs compared; return what they share, or what that waits for."""
    datasets = resolved.datasets
    for entry in datasets:
        if entry.manifest is None:
            # Left out, it would count as an input that shares nothing.
            raise NotReady(
                reasons.PIN_NOT_READY,
                f"input `{entry.name}`: DatasetPin '{entry.pin_name}' names no manifest that could"
                " be compared",
            )
    ports, store = scope.ports, resolved.platform.store
    stores = {each.name: each for each in (store, *resolved.platform.input_stores)}
    opened: list[tuple[ObjectStore, Store]] = [
        (each, await open_store(ports, each)) for each in stores.values()
    ]
    connections = {each.name: connection for each, connection in opened}
    request = OverlapRequest(
        connections[store.name],
        tuple(
            [
                ComparedDataset(
                    each.name,
                    each.role,
                    connections[entry.store],
                    ManifestLocation(**entry.manifest.model_dump(), bytes=0),
                    each.column,
                    each.values,
                    await _rows(scope, entry, each.key),
                    await _rows(scope, entry, each.texts),
                )
                for entry, each in zip(datasets, inputs, strict=True)
                if entry.manifest is not None
            ]
        ),
        sum(entry.objects for entry in datasets),
    )
    known = ports.overlaps.get(request.basis)
    if known is not None:
        ports.tasks.drop(_task(scope))  # it may be about what was declared before
        return known
    artifacts = store.spec.artifacts
    place = Bucket(artifacts.bucket, artifacts.worm == "Required")
    ask = functools.partial(OverlapQuestion.of, request)
    job = job_for(ports, _task(scope), request, ask, place, opened)

    async def start(context: TaskContext) -> Overlap:
        same = ports.overlaps.get(request.basis)
        if same is not None:
            return same  # of an Experiment with the same inputs, while this one waited its turn
        async with ports.metrics.on_store("compare_inputs"):
            work = job.start(context) if job else compare_datasets(context, request)
            found: Overlap = await work
        remember(ports.overlaps, request.basis, found, _REMEMBERED)
        return found

    state = ports.tasks.ensure(
        _task(scope),
        request.basis,
        start,
        tenant=scope.experiment.namespace,
        work_class=_WORK_CLASS,
        discard=job.discard if job else None,
    )
    if state.result is not None:
        return state.result
    if state.standing_error is not None:
        return of_error(state.standing_error)
    return waiting(
        reasons.COMPARING_INPUTS, "inputs of different roles are compared before anything is made"
    )


def _task(scope: Scope) -> TaskKey:
    return TaskKey(scope.key, scope.experiment.uid, OVERLAP)


def covered(scope: Scope, entry: ResolvedInput) -> Covered:
    """Return an input with what its pin says of its coverage."""
    pin = _pin(scope, entry)
    is_ours = pin.namespace == scope.experiment.namespace
    made = origin_of(scope.ports, pin) if is_ours else None
    return Covered(
        entry.name,
        entry.role or "",
        entry.pin_name,
        pin.spec.coverage,
        is_empty=entry.bytes == 0,
        digest=entry.digest,
        splits=within(pin),
        made_by=made.experiment if made is not None else "",
        made_from=made.inputs if made is not None else (),
        made_of_more=made.more_inputs if made is not None else False,
    )


async def _rows(scope: Scope, entry: ResolvedInput, key: tuple[str, ...]) -> Rows | None:
    """Return how the rows of an input are read, with what its namespace is granted by now."""
    if not key:
        return None
    source = source_of(_pin(scope, entry).spec.source)
    # What is granted is no part of a store as it was bound.
    where = Key(OBJECT_STORE.kind, "", entry.store)
    store = scope.ports.resources.parsed(where, ObjectStore)
    if store is None:
        raise NotReady(
            reasons.STORE_NOT_FOUND,
            f"input `{entry.name}`: ObjectStore '{entry.store}' was deleted a moment ago",
        )
    owner, _ = entry.place(scope.experiment.namespace)
    lends = owner != scope.experiment.namespace
    access = await source_access(scope.ports, store, owner, lends=lends)
    access = access.reading(source)
    access.check_source(source)
    return Rows(key, source, access)


def _pin(scope: Scope, entry: ResolvedInput) -> DatasetPin:
    key = Key(DATASET_PIN.kind, *entry.place(scope.experiment.namespace))
    pin = scope.ports.resources.parsed(key, DatasetPin)
    if pin is None or pin.uid != entry.uid:
        raise NotReady(
            reasons.PIN_NOT_FOUND,
            f"input `{entry.name}`: DatasetPin '{entry.pin_name}' was deleted a moment ago",
        )
    return pin
