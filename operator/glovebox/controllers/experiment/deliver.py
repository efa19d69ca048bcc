"""What a run needs before it may start: credentials for its fetcher, or the volumes that its datasets are mounted from.

The volumes are made once, before the run, and not looked at again: the run's pod checks every byte
    of them itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.controllers.experiment.caches import Filling, ensure_cache
from glovebox.controllers.experiment.gather import Surroundings
from glovebox.controllers.experiment.input_credentials import ensure_input_credentials
from glovebox.controllers.world import World
from glovebox.desired.delivery_modes import check_deliverable
from glovebox.desired.input_volumes import InputVolume, with_source
from glovebox.desired.plan import Plan
from glovebox.errors import Refused
from glovebox.kube.kinds import PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM

_LOOK_AGAIN_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """How far the delivery is.

    Attributes:
        waits_for: What the run has to wait for; empty when it may start.
        retry_seconds: When to look again.
    """

    waits_for: str = ""
    retry_seconds: float | None = None


async def ensure_delivery(
    world: World, experiment: Experiment, surroundings: Surroundings, plan: Plan
) -> Prepared:
    """Make everything that the inputs of the run need.

    Raises:
        Refused: The datasets cannot be delivered as the profile wants it, or a cache was refused
            its bytes.
        NotReady: A pin is gone.
        Unavailable, Forbidden: The API server or the store failed.
    """
    mode = plan.delivery_mode
    if mode == "Fetch":
        return Prepared(
            retry_seconds=await ensure_input_credentials(
                world, experiment, surroundings, plan.namespace["metadata"]["name"]
            )
        )
    if not experiment.status.digest or experiment.status.run is not None:
        return Prepared()  # not bound yet; or begun, and what it mounts is there
    datasets = tuple(item for item in surroundings.inputs if item.kind == "DatasetPin")
    check_deliverable(mode, surroundings.profile, datasets, world.now())
    filling = [
        why
        for volume in plan.input_volumes
        if (why := await _ensure_volume(world, experiment, surroundings, volume))
    ]
    return Prepared("; ".join(filling), _LOOK_AGAIN_SECONDS) if filling else Prepared()


async def delete_volumes(world: World, experiment: Experiment) -> None:
    """Delete the cluster-wide volumes of an experiment; what they lead to stays. One that is still claimed goes with its claim."""
    async for page in world.client.pages(
        PERSISTENT_VOLUME, label_selector=f"{names.LABEL_EXPERIMENT_UID}={experiment.uid}"
    ):
        for item in page.get("items") or ():
            metadata = item["metadata"]
            if not metadata.get("deletionTimestamp"):
                await world.client.delete(
                    PERSISTENT_VOLUME, None, metadata["name"], uid=metadata["uid"]
                )


async def _ensure_volume(
    world: World, experiment: Experiment, surroundings: Surroundings, volume: InputVolume
) -> str:
    """Make volume and claim of one input; return what they wait for."""
    wanted = volume.volume
    if volume.cache is not None:
        filled = await ensure_cache(world, experiment, surroundings, volume.cache)
        if isinstance(filled, Filling):
            return f"input `{volume.name}`: {filled.why}"
        wanted = with_source(wanted, filled)
    found = await world.client.create_or_get(PERSISTENT_VOLUME, wanted)
    claim = found["spec"].get("claimRef") or {}
    expected = wanted["spec"]["claimRef"]
    if (claim.get("namespace"), claim.get("name")) != (expected["namespace"], expected["name"]):
        raise Refused(
            reasons.DELIVERY_UNAVAILABLE,
            f"PersistentVolume '{wanted['metadata']['name']}' exists and was not made for this"
            " Experiment; it is left untouched: remove it",
        )
    await world.client.create_or_get(PERSISTENT_VOLUME_CLAIM, volume.claim)
    return ""
