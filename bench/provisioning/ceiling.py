"""The raw ceiling: the requests that an Experiment costs, sent by a client that decides nothing."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bench.provisioning.raw import CONNECTIONS, Json, Raw, RefusedError, spread

from glovebox import names
from glovebox.kube.kinds import ADDITIVE_KINDS, EXPERIMENT, NAMESPACE, Kind, kind_of

# More experiments in flight keep all connections busy; more than these only wait in our own pool.
_IN_FLIGHT = 16
# In the label that the operator's watches select by, so that they do not see these objects.
MANAGED_BY = "glovebench"


def post_path(obj: Json) -> str:
    """Return where an object is created."""
    return kind_of(obj).path(obj["metadata"].get("namespace"))


async def create_objects(operator: Raw, objects: list[Json]) -> None:
    """Create the namespace, then all that is in it at once."""
    namespace, *rest = objects
    await operator.send("POST", post_path(namespace), namespace)
    await asyncio.gather(*(create(operator, obj) for obj in rest))


async def create(operator: Raw, obj: Json) -> None:
    """Create an object, or replace the one that is there.

    Kubernetes makes a ServiceAccount `default` by itself, now sooner, now later.
    """
    try:
        await operator.send("POST", post_path(obj), obj)
    except RefusedError as error:
        if error.code != 409:
            raise
        await operator.send("PUT", f"{post_path(obj)}/{obj['metadata']['name']}", obj)


async def create_all(operator: Raw, user: Raw, one: Json) -> None:
    """Do all that an Experiment costs: its creation, the finalizer, the objects, the status."""
    made = await user.send(
        "POST", EXPERIMENT.path(one["experiment"]["metadata"]["namespace"]), one["experiment"]
    )
    metadata = made["metadata"]
    path = EXPERIMENT.path(metadata["namespace"], metadata["name"])
    patch = {
        "metadata": {
            "finalizers": ["glovebox.dev/finalizer"],
            "resourceVersion": metadata["resourceVersion"],
        }
    }
    claimed = await operator.send("PATCH", path, patch, "application/merge-patch+json")
    await create_objects(operator, one["objects"])
    await operator.send("PUT", f"{path}/status", {**claimed, "status": one["status"]})


async def measure(
    operator: Raw, user: Raw, ones: list[Json], *, whole: bool, one_by_one: bool
) -> Json:
    """Create the objects of all these experiments.

    Args:
        operator: Connected as the operator, whose writes the guards let pass.
        user: Connected as whoever creates Experiments.
        ones: Rendered experiments: `experiment`, `objects`, `status`.
        whole: With the writes to the Experiment itself.
        one_by_one: One after the other, for the time that one takes.
    """
    gate = asyncio.Semaphore(1 if one_by_one else _IN_FLIGHT)
    times: list[float] = []

    async def run(one: Json) -> None:
        async with gate:
            started = time.monotonic()
            await (
                create_all(operator, user, one)
                if whole
                else create_objects(operator, one["objects"])
            )
            times.append(time.monotonic() - started)

    # Connections and TLS are there before the clock runs.
    await asyncio.gather(
        *(
            raw.send("GET", "/api/v1/namespaces/default")
            for raw in (operator, user)
            for _ in range(CONNECTIONS)
        )
    )
    started = time.monotonic()
    await asyncio.gather(*(run(one) for one in ones))
    seconds = time.monotonic() - started
    return {
        "count": len(ones),
        "seconds": seconds,
        "rate": len(ones) / seconds,
        "times": spread(times),
    }


async def clear(user: Raw, experiments: str) -> int:
    """Remove what the operator would find of a ceiling when it starts again.

    That is the Experiments, which no operator knows, and the two kinds that it watches whole and
    not by label. The namespaces and the rest stay: Kubernetes needs minutes to remove hundreds of
    namespaces.
    """
    path = EXPERIMENT.path(experiments)
    items: list[dict[str, Any]] = (await user.send("GET", path))["items"]
    gate = asyncio.Semaphore(16)

    async def remove(item: Json) -> None:
        async with gate:
            own = f"{path}/{item['metadata']['name']}"
            await user.send(
                "PATCH", own, {"metadata": {"finalizers": None}}, "application/merge-patch+json"
            )
            await user.send("DELETE", own)

    async def strip(namespace: str, kind: Kind) -> None:
        async with gate:
            await user.send("DELETE", kind.path(namespace))

    await asyncio.gather(*(remove(item) for item in items))
    found = await user.send(
        "GET", f"{NAMESPACE.path()}?labelSelector={names.LABEL_MANAGED_BY}%3D{MANAGED_BY}"
    )
    made = [item["metadata"]["name"] for item in found["items"]]
    await asyncio.gather(*(strip(namespace, kind) for namespace in made for kind in ADDITIVE_KINDS))
    return len(items)
