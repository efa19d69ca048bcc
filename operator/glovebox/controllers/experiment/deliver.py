"""Phase `deliver`: a fetcher's credentials or the datasets' volumes, before a run may start.

The volumes are created once, before the run, and not looked at again: the run's pod checks every
byte of them itself. Input credentials are renewed until the fetcher of the run has ended.
"""

from __future__ import annotations

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.experiment.caches import Filling, ensure_cache
from glovebox.controllers.experiment.input_credentials import ensure_input_credentials
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.ports import Ports
from glovebox.desired.input_volumes import InputVolume, with_source
from glovebox.desired.plan import Plan
from glovebox.errors import Refused
from glovebox.kube.kinds import PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM
from glovebox.kube.objects import key_of
from glovebox.status.experiment_facts import NamespaceFacts
from glovebox.status.outcome import Outcome, done, waiting

_LOOK_AGAIN_SECONDS = 2.0


async def ensure_delivery(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Make everything that the inputs of the run need.

    Raises:
        Refused: The datasets cannot be delivered as the profile wants it, or a cache was refused
            its bytes.
        Unavailable, Forbidden: The API server or the store failed.
    """
    plan = outcomes.need("bind", Plan)
    resolved = outcomes.need("resolve", Resolved)
    found = outcomes.need("namespace", NamespaceFacts)
    run = scope.experiment.status.run
    if plan.run is None or not scope.is_open or (run is not None and run.completion_time):
        return done()
    if not found.latched or (scope.is_suspended and run is None):
        reason = reasons.SUSPENDED if found.latched else reasons.PROVISIONING
        what = "`spec.suspend` is false" if found.latched else "the namespace is complete"
        return waiting(reason, f"inputs are delivered once {what}")
    if plan.delivery_mode == "Fetch":
        return done(retry_seconds=await ensure_input_credentials(scope, resolved))
    if run is not None:
        return done()  # begun, and what it mounts is there
    filling = [
        why
        for volume in plan.input_volumes
        if (why := await _ensure_volume(scope, resolved, volume))
    ]
    if filling:
        return waiting(reasons.RUN_PENDING, "; ".join(filling), retry_seconds=_LOOK_AGAIN_SECONDS)
    return done()


async def delete_volumes(ports: Ports, experiment_uid: str) -> None:
    """Delete the cluster-wide volumes of an experiment; what they lead to stays.

    One that is still claimed goes with its claim.
    """
    selector = f"{names.LABEL_EXPERIMENT_UID}={experiment_uid}"
    async for page in ports.reader.pages(PERSISTENT_VOLUME, label_selector=selector):
        for item in page.get("items") or ():
            metadata = item["metadata"]
            if not metadata.get("deletionTimestamp"):
                key = key_of(PERSISTENT_VOLUME, item)
                await ports.writer.delete(PERSISTENT_VOLUME, key, uid=metadata["uid"])


async def _ensure_volume(scope: Scope, resolved: Resolved, volume: InputVolume) -> str:
    """Create volume and claim of one input; return what they wait for."""
    wanted = volume.volume
    if volume.cache is not None:
        filled = await ensure_cache(scope, resolved, volume.cache)
        if isinstance(filled, Filling):
            return f"input `{volume.name}`: {filled.why}"
        wanted = with_source(wanted, filled)
    writer = scope.ports.writer
    found = await writer.create_once(PERSISTENT_VOLUME, wanted)
    claim = found["spec"].get("claimRef") or {}
    expected = wanted["spec"]["claimRef"]
    if (claim.get("namespace"), claim.get("name")) != (expected["namespace"], expected["name"]):
        raise Refused(
            reasons.DELIVERY_UNAVAILABLE,
            f"PersistentVolume '{wanted['metadata']['name']}' exists and was not made for this"
            " Experiment; it is left untouched: remove it",
        )
    await writer.create_once(PERSISTENT_VOLUME_CLAIM, volume.claim)
    return ""
