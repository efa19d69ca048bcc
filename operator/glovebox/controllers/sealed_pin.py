"""A DatasetPin of the artifacts of a sealed Experiment: which seal it is, and what it has to be.

The Experiment is asked for its UID alone, once it is sealed; from then on the UID is on record in
the pin, and everything else comes from the seal in the store. So an Experiment that is deleted
while its artifacts are pinned, or afterwards, changes nothing, and neither does another one of its
name. Only an Experiment of the pin's own namespace is ever named: the signed statement has to say
so too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.derived import DerivedFrom, ExperimentSource
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.pin_sources import is_locked
from glovebox.controllers.ports import Ports
from glovebox.controllers.signing_keys import read_published
from glovebox.errors import InvalidInput, NotReady
from glovebox.kube.kinds import EXPERIMENT
from glovebox.kube.resources import Key
from glovebox.store.sealed_artifacts import SealToRead


async def seal_to_read(ports: Ports, pin: DatasetPin, store: ObjectStore) -> SealToRead | None:
    """Return the seal whose artifacts a pin names; None where it names none.

    Raises:
        NotReady: `ExperimentNotFound`, `ExperimentNotSealed`: its change wakes the pin.
        InvalidInput: `ExperimentFailed`, `SealElsewhere`: it cannot be pinned from.
        GloveboxError: The API server does not answer.
    """
    wanted = pin.spec.source.experiment_ref
    if wanted is None:
        return None
    uid = _uid(ports, pin, wanted, store)
    return SealToRead(
        bucket=store.spec.artifacts.bucket,
        experiment=f"{pin.namespace}/{wanted.name}",
        uid=uid,
        digest=wanted.digest or "",
        below=wanted.prefix,
        trust=await read_published(ports),
        locked=is_locked(store),
        version=_version(ports, pin, wanted, uid),
    )


def being_pinned(seal: SealToRead) -> dict[str, Any] | None:
    """Return what `status.derived` says until the seal was verified."""
    return recorded_origin(DerivedFrom(experiment=seal.experiment, uid=seal.uid))


def recorded_origin(origin: DerivedFrom | None) -> dict[str, Any] | None:
    """Return an origin as `status.derived` says it; None of a pin that has none."""
    if origin is None:
        return None
    return origin.model_dump(by_alias=True, mode="json", exclude_defaults=True)


def _uid(ports: Ports, pin: DatasetPin, wanted: ExperimentSource, store: ObjectStore) -> str:
    """Return the UID under which the seal lies."""
    known = pin.status.derived
    if known is not None:
        return known.uid
    live = ports.resources.get(Key(EXPERIMENT.kind, pin.namespace, wanted.name))
    what = f"`spec.source.experimentRef`: Experiment '{wanted.name}'"
    if live is None or wanted.uid not in (None, _sealed_under(live)):
        if wanted.uid is not None:
            return wanted.uid  # of one that is gone: its seal is where it was
        raise NotReady(
            reasons.EXPERIMENT_NOT_FOUND,
            f"`spec.source.experimentRef`: there is no Experiment '{wanted.name}' in this"
            " namespace. Declare it; or, to pin the artifacts of one that is gone, create a pin"
            " with its `uid`",
        )
    _require_usable(live, what, store)
    return _sealed_under(live)


def _version(ports: Ports, pin: DatasetPin, wanted: ExperimentSource, uid: str) -> str:
    """Return the version of the statement that the pin, or the Experiment, has on record."""
    known = pin.status.derived
    if known is not None and known.seal_version:
        return known.seal_version
    live = ports.resources.get(Key(EXPERIMENT.kind, pin.namespace, wanted.name))
    if live is None or _sealed_under(live) != uid:
        return ""
    return str(((live.get("status") or {}).get("seal") or {}).get("attestationVersion", ""))


def _require_usable(live: Mapping[str, Any], what: str, store: ObjectStore) -> None:
    """Accept an Experiment that is sealed in the store of the pin, with a run that succeeded."""
    spec, status = live.get("spec") or {}, live.get("status") or {}
    kept = ((spec.get("artifacts") or {}).get("storeRef") or {}).get("name")
    if kept != store.name:
        raise InvalidInput(
            reasons.SEAL_ELSEWHERE,
            f"{what} keeps its artifacts in ObjectStore '{kept}', and `spec.storeRef` names"
            f" '{store.name}': create a pin that names that one",
        )
    if (status.get("run") or {}).get("outcome") == "Failed":
        raise InvalidInput(
            reasons.EXPERIMENT_FAILED,
            f"{what} failed: what its run left is not a result. Create a pin of the artifacts of a"
            " run"
            " that succeeded",
        )
    if not status.get("seal"):
        raise NotReady(
            reasons.EXPERIMENT_NOT_SEALED,
            f"{what} is not sealed yet; the pin is made when it is",
        )


def _sealed_under(live: Mapping[str, Any]) -> str:
    """Return the UID of an Experiment; of one that took over a former one, that one's."""
    return str((live.get("spec") or {}).get("adopts") or live["metadata"]["uid"])
