"""Grants in a simulated world: data of another team, and who may use them."""

from __future__ import annotations

from typing import Any, Final

import orjson

from glovebox.api import reasons
from glovebox.kube.kinds import ACCESS_GRANT, DATASET_PIN, NAMESPACE, OBJECT_STORE
from glovebox.store.grant_uses import PREFIX
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage
from simulation.world import BUCKET, LENDER, SOURCE, TEAM, condition, pin_spec
from simulation.world import grant_spec as simulated_grant

Json = dict[str, Any]
# Whose data they are.
DATA: Final = LENDER


def grant_spec(**changes: Any) -> Json:
    """Return a grant of the pin `set` for the team, once, in the role `train`."""
    return simulated_grant(**{"uses": 1, **changes})


def lent(**ref: str) -> Json:
    """Return inputs with one dataset of the other namespace."""
    reference = {"name": "set", "namespace": DATA, **ref}
    return {"datasets": [{"name": "a", "pinRef": reference, "role": "train"}]}


async def with_data(stage: Stage, *, lend: bool = True, pin: Json | None = None) -> None:
    """Have a namespace with data that the platform lets it lend, pinned and Ready."""
    stage.world.server.create(
        Asked(ADMINISTRATOR, "create", NAMESPACE, "", DATA), {"metadata": {"name": DATA}}
    )
    access = [
        {"namespaces": [TEAM], "sources": [{"bucket": SOURCE}], "artifacts": True},
        {"namespaces": [DATA], "sources": [{"bucket": SOURCE, "prefix": "set/"}], "lend": lend},
    ]
    assert stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"access": access}})
    stage.world.declare(DATASET_PIN, "set", {**pin_spec(), **(pin or {})}, namespace=DATA)
    await stage.until("the pin is Ready", lambda: ready(stage, DATASET_PIN, "set"))


def ready(stage: Stage, kind: Any, name: str, namespace: str = DATA) -> bool:
    """Whether something is Ready."""
    obj = stage.world.server.peek(kind, namespace, name)
    return condition(obj, "Ready").get("status") == "True"


async def granted(stage: Stage, name: str = "loan", **changes: Any) -> Json:
    """Declare a grant, and wait until it is Ready, or used up by who waited for it."""
    made = stage.world.declare(ACCESS_GRANT, name, grant_spec(**changes), namespace=DATA)
    reached = (reasons.GRANTED, reasons.GRANT_USED_UP)
    await stage.until("the grant is Ready", lambda: reason_of(stage, name) in reached)
    return made


def grant(stage: Stage, name: str = "loan") -> Json:
    """Return a grant as it is."""
    found = stage.world.server.peek(ACCESS_GRANT, DATA, name)
    assert found is not None, f"grant {name} is there"
    return found


def reason_of(stage: Stage, name: str = "loan") -> str:
    """Return the reason of a grant's Ready."""
    return str(condition(grant(stage, name), "Ready").get("reason", ""))


def records(stage: Stage) -> dict[str, list[Json]]:
    """Return every version of every use that lies in the store, by key."""
    bucket = stage.world.store.buckets.get(BUCKET)
    return {
        key: [orjson.loads(version.body) for version in versions]
        for key, versions in (bucket.keys if bucket is not None else {}).items()
        if key.startswith(PREFIX)
    }


def takers(stage: Stage) -> list[str]:
    """Return the UIDs of those who took a use, by the version that counts."""
    return [versions[0]["uid"] for versions in records(stage).values()]
