"""Phase `deliver`: a fetcher's credentials or the datasets' volumes.

Before a run may start, they are for its pod. The volumes are created once and not looked at again:
the run's pod checks every byte of them itself. Input credentials are renewed until the run is over.

Without a run they are for pods that the team makes by hand, for as long as the experiment is open:
such a pod names the plan, the credentials or the claims, and the guards let only the fetcher have
the credentials. Volumes are looked for on every look, because no pod of ours would miss them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.experiment.caches import Filling, ensure_cache
from glovebox.controllers.experiment.input_credentials import ensure_input_credentials
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.ports import Ports
from glovebox.desired.input_volumes import InputVolume, with_source
from glovebox.desired.plan import Plan
from glovebox.errors import Refused
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM
from glovebox.kube.objects import key_of
from glovebox.status.delivery import NO_IMAGE, words_of
from glovebox.status.experiment_facts import DeliveryFacts, NamespaceFacts
from glovebox.status.outcome import Outcome, done, waiting

_LOOK_AGAIN_SECONDS = 2.0


async def ensure_delivery(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Make everything that the inputs need, of a run or of pods that are made by hand.

    Raises:
        Refused: The datasets cannot be delivered as the profile wants it, a cache was refused its
            bytes, or a grant ended before the run began.
        Unavailable, Forbidden: The API server or the store failed.
    """
    plan = outcomes.need("bind", Plan)
    resolved = outcomes.need("resolve", Resolved)
    found = outcomes.need("namespace", NamespaceFacts)
    if not scope.is_open:
        return done()
    if plan.run is None:
        return await _for_pods_made_by_hand(scope, resolved, plan, found)
    return await _for_the_run(scope, resolved, plan, found)


async def _for_the_run(
    scope: Scope, resolved: Resolved, plan: Plan, found: NamespaceFacts
) -> Outcome:
    """Make what the inputs of the run need, before it starts."""
    run = scope.experiment.status.run  # not over: what is over is closed
    if not found.latched or (scope.is_suspended and run is None):
        reason = reasons.SUSPENDED if found.latched else reasons.PROVISIONING
        what = "`spec.suspend` is false" if found.latched else "the namespace is complete"
        return waiting(reason, f"inputs are delivered once {what}")
    if run is None:
        # Nothing was delivered, and what a grant is over for is not.
        for refused in resolved.lapsed.values():
            raise refused
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


async def _for_pods_made_by_hand(
    scope: Scope, resolved: Resolved, plan: Plan, found: NamespaceFacts
) -> Outcome:
    """Make what the inputs need where no run is: pods come and go, until it is closed."""
    if not resolved.inputs:
        return done()
    if not found.latched:
        # Credentials are access: there are none before isolation is complete.
        return waiting(reasons.PROVISIONING, "inputs are delivered once the namespace is complete")
    if not scope.experiment.status.platform_image:
        return done(DeliveryFacts(NO_IMAGE, is_there=False))
    facts = DeliveryFacts(words_of(plan.delivery_mode, resolved.inputs))
    data = {item.name for item in resolved.datasets}
    for name, refused in resolved.lapsed.items():
        # Definitions were written into the namespace, and nothing takes them out of it.
        over = (
            "a new pod does not get it" if name in data else "it is written into no namespace again"
        )
        words = f"{refused.message}: {over}"
        facts = DeliveryFacts(words, is_there=False, over=refused.reason)
    filling: list[str] = []
    if plan.delivery_mode == "Fetch":
        renewed = await ensure_input_credentials(scope, resolved)
        return done(facts, retry_seconds=renewed)
    for volume in plan.input_volumes:
        if volume.name in resolved.lapsed or await _stands(scope.ports, volume):
            continue
        if why := await _ensure_volume(scope, resolved, volume):
            filling.append(why)
    if filling:
        message = "; ".join(filling)
        return waiting(reasons.INPUTS_PENDING, message, retry_seconds=_LOOK_AGAIN_SECONDS)
    return done(facts)


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


async def _stands(ports: Ports, volume: InputVolume) -> bool:
    """Whether volume and claim of an input are there; take away a volume whose claim is gone.

    One that was made for another is not there, and left untouched.
    """
    name, claim = volume.volume["metadata"]["name"], volume.claim["metadata"]
    try:
        found = await ports.reader.get(PERSISTENT_VOLUME, None, name)
    except NotFound:
        return False
    if not _is_for(found, volume.volume):
        return False
    bound = (found["spec"].get("claimRef") or {}).get("uid")
    live = await read_or_absent(ports, PERSISTENT_VOLUME_CLAIM, claim["namespace"], claim["name"])
    if bound and (live is None or live["metadata"]["uid"] != bound):
        # Of a namespace that was recreated: no other claim is ever bound to it.
        key = key_of(PERSISTENT_VOLUME, found)
        await ports.writer.delete(PERSISTENT_VOLUME, key, uid=found["metadata"]["uid"])
        return False
    return live is not None


def _is_for(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a volume is for the claim that another is for."""
    claim, expected = found["spec"].get("claimRef") or {}, wanted["spec"]["claimRef"]
    return all(claim.get(field) == expected[field] for field in ("namespace", "name"))


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
    if not _is_for(found, wanted):
        raise Refused(
            reasons.DELIVERY_UNAVAILABLE,
            f"PersistentVolume '{wanted['metadata']['name']}' exists and was not made for this"
            " Experiment; it is left untouched: remove it",
        )
    await writer.create_once(PERSISTENT_VOLUME_CLAIM, volume.claim)
    return ""
