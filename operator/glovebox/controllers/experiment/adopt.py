"""An Experiment that takes over what a former one of its name has done (`spec.adopts`).

After a restore without status the declarations are back and their UIDs are others: what they ran is
in the store, under the former UIDs. A person says which of them an Experiment is, and from then on
it shows that: how the run ended, and the seal. It is never bound, has no namespace, and runs
nothing.

Only what was started under this very name, of this very declaration, can be taken over. What was
not sealed yet is sealed now, from the record of its start, and the seal says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment_status import RunStatus
from glovebox.api.input_status import InputStatus
from glovebox.api.leakage_status import LeakStatus
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.bound_seal import BoundSeal, ensure_bound_seal
from glovebox.controllers.experiment.earlier_runs import read_records, sealed_run
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.experiment.seal import tell_not_counted
from glovebox.controllers.offered import STORES
from glovebox.controllers.orphans import Orphan
from glovebox.controllers.store_access import require_artifacts
from glovebox.controllers.store_connections import open_store
from glovebox.desired.bound_snapshot import BoundSnapshot, read_snapshot
from glovebox.desired.declared import is_declared_so
from glovebox.desired.snapshot import KEY_PLATFORM
from glovebox.errors import NotReady, Refused
from glovebox.kube.kinds import NAMESPACE, OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.experiment_facts import SealFacts
from glovebox.status.outcome import Outcome, done, waiting
from glovebox.store.connection import Store
from glovebox.store.run_records import RunRecord

_LOOK_AGAIN_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was taken over.

    Attributes:
        digest: Identity of the former Experiment.
        platform: The platform's settings as they were bound to it.
        inputs: Its inputs.
        leakage: Its leakage sheet.
        run: How its run ended.
        seal: What `status.seal` shows.
    """

    digest: str
    platform: str
    inputs: tuple[InputStatus, ...]
    leakage: tuple[LeakStatus, ...]
    run: RunStatus
    seal: SealFacts


async def adopt(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Take over the results of the former Experiment; seal them where nobody has.

    Raises:
        Refused: `AdoptionRefused`, `StoreNotGranted`, `SnapshotDiffers`.
        GloveboxError: The store or the API server failed; the next look goes on.
    """
    del outcomes
    store = _store(scope)
    await require_artifacts(scope.ports, store, scope.experiment.namespace)
    connection = await open_store(scope.ports, store)
    record = await _record(scope, connection, store.spec.artifacts.bucket)
    bound = read_snapshot({"data": dict(record.snapshot)})
    if await _is_left_open(scope, record):
        return waiting(
            reasons.ADOPTING,
            "the namespace of the former Experiment is still there: it is closed and its results"
            " are sealed first",
            retry_seconds=_LOOK_AGAIN_SECONDS,
        )
    sealed = await ensure_bound_seal(scope.ports, _bound_seal(scope, record, bound))
    if not sealed.is_done:
        return replace(sealed, reason=sealed.reason or reasons.ADOPTING)
    tell_not_counted(scope.ports, scope.obj, sealed)
    version = str((sealed.facts.record or {}).get("attestationVersion", ""))
    run = await sealed_run(scope.ports, store, connection, record, version)
    if run is None:
        raise Refused(
            reasons.ADOPTION_REFUSED,
            f"the seal of the UID {record.uid} is not of a run; look at it with `glovebox verify`",
        )
    run = run.model_copy(update={"job_uid": record.job_uid, "record": record.key})
    return done(
        Adopted(
            digest=bound.digest,
            platform=record.snapshot[KEY_PLATFORM],
            inputs=bound.inputs,
            leakage=bound.leakage,
            run=run,
            seal=sealed.facts,
        )
    )


def _store(scope: Scope) -> ObjectStore:
    name = scope.experiment.spec.artifacts.store_ref.name
    try:
        store = scope.ports.resources.parsed(Key(OBJECT_STORE.kind, "", name), ObjectStore)
    except ValidationError:
        store = None
    if store is None:
        raise NotReady(
            reasons.STORE_NOT_FOUND,
            f"`spec.artifacts.storeRef`: there is no valid ObjectStore '{name}'{STORES}",
        )
    return store


async def _record(scope: Scope, connection: Store, bucket: str) -> RunRecord:
    """Return the record of the run that is to be taken over."""
    experiment = scope.experiment
    team, name, uid = experiment.namespace, experiment.name, experiment.spec.adopts
    records = await read_records(scope.ports, _store(scope), connection, team, name)
    record = next((each for each in records if each.uid == uid), None)
    if record is None:
        known = ", ".join(each.uid for each in records[:5]) or "none"
        raise Refused(
            reasons.ADOPTION_REFUSED,
            f"`spec.adopts`: no run of `{team}/{name}` was started by an Experiment with the UID"
            f" {uid}; known in s3://{bucket}/ are: {known}. Create the Experiment again with the"
            " right one",
        )
    if not is_declared_so(experiment, record.snapshot.get("snapshot.json", "{}")):
        raise Refused(
            reasons.ADOPTION_REFUSED,
            f"`spec.adopts`: the Experiment with the UID {uid} was declared differently; create"
            " this one again with the declaration of that one (`snapshot.json` beside its seal)",
        )
    return record


async def _is_left_open(scope: Scope, record: RunRecord) -> bool:
    """Return whether the former namespace is in this cluster, and not let go yet."""
    name = names.experiment_namespace(record.team, record.name, record.uid)
    live = await read_or_absent(scope.ports, NAMESPACE, None, name)
    orphan = Orphan.of(live) if live is not None else None
    if orphan is None or orphan.is_let_go:
        return False
    scope.ports.suspect_orphans()
    return True


def _bound_seal(scope: Scope, record: RunRecord, bound: BoundSnapshot) -> BoundSeal:
    begun: dict[str, Any] = {
        "jobUid": record.job_uid,
        "startTime": record.started or record.begun,
        "record": record.key,
    }
    lost = (
        f"Experiment `{record.team}/{record.name}` was lost with its cluster before its results"
        f" were sealed; this is sealed from the record of its start, for the Experiment with the"
        f" UID {scope.experiment.uid} that took it over. Whether its run had ended is not known"
    )
    return BoundSeal(
        owner=scope.key,
        uid=record.uid,
        team=record.team,
        name=record.name,
        digest=bound.digest,
        snapshot=bound.text,
        platform=bound.platform,
        inputs=bound.inputs,
        images=bound.images,
        run=RunStatus.model_validate(begun),
        outcome="Failed",
        reason=reasons.ORPHANED,
        doubts=(lost,),
        ended=None,
        purpose=bound.purpose,
        leakage=bound.leakage,
        not_before=datetime.fromisoformat(record.begun),
    )
