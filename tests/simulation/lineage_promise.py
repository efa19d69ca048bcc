"""What must hold of lineage in the end: each sealed run is told whole, by what is locked."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from glovebox import names
from glovebox.kube.kinds import CONFIG_MAP
from glovebox.lineage.events import START, run_id
from simulation.world import BUCKET, World

Json = dict[str, Any]


def untold(world: World, but: Collection[str]) -> Iterator[str]:
    """Yield what is not as promised, in words.

    Args:
        world: Where an operator writes and delivers lineage.
        but: UIDs of Experiments that somebody took the finalizer off.
    """
    bucket = world.store.buckets.get(BUCKET)
    locked = {
        versions[0].body for key, versions in (bucket.keys if bucket else {}).items() if _is(key)
    }
    told: dict[str, list[str]] = {}
    for body in dict.fromkeys(world.sink.received):
        event: Json = json.loads(body)
        told.setdefault(event["run"]["runId"], []).append(event["eventType"])
        if body not in locked:
            yield f"the {event['eventType']} of {event['job']['name']} was told and is not locked"
    lost = {run_id(uid) for uid in but}
    for run, steps in told.items():
        ends = [step for step in steps if step != START]
        if run in lost:
            continue  # its start may have been told by nobody, and its end twice
        if steps[:1] != [START] or len(steps) - len(ends) > 1 or len(ends) > 1:
            yield f"of run {run} was told {steps}"
    for uid in world.seals():
        steps = told.get(run_id(uid), [])
        ends = [step for step in steps if step != START]
        if not ends or (uid not in but and len(steps) == len(ends)):
            yield f"of sealed {uid} was told {steps}"
    for note in world.server.everything(CONFIG_MAP, "glovebox-system"):
        name = note["metadata"]["name"]
        if name.startswith((names.LINEAGE_PREFIX, names.UNDELIVERED_PREFIX)):
            yield f"{name} is left: {note['data']['type']} of {note['data']['experiment']}"


def _is(key: str) -> bool:
    return "/lineage." in key
