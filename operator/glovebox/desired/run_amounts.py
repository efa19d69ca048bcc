"""How much the containers of a run's pod get: requests and limits, as they are rendered.

What is not named here a container gets from the LimitRange. Shared memory is memory, and local disk
holds the inputs beside what the run writes, so both come on top of what is asked for.
"""

from __future__ import annotations

from typing import Final

from glovebox.api.profile_limits import Limits
from glovebox.api.stages import Stage
from glovebox.desired import quantity

Amounts = dict[str, dict[str, str]]

WHICH: Final = ("requests", "limits")
DISK: Final = "ephemeral-storage"


def run_amounts(stage: Stage, limits: Limits, delivered_bytes: int) -> Amounts:
    """Return `requests` and `limits` of the run's container; an empty dict when nothing is said.

    Args:
        stage: With what is asked for.
        limits: With the defaults of the profile.
        delivered_bytes: What the inputs may take of the local disk; 0 when there are none.
    """
    # In one spelling, whichever was declared: a snapshot has another one than its Experiment.
    asked = {name: _canonical(name, amount) for name, amount in stage.resources.items()}
    found = {
        which: asked
        | _memory(stage, limits, which)
        | disk_amount(stage, limits, delivered_bytes, which)
        for which in WHICH
    }
    return found if any(found.values()) else {}


def asked_amounts(stage: Stage) -> list[tuple[str, str]]:
    """Return every amount that a stage asks for, each with its field before it."""
    asked = [
        (resource_field(stage, resource), amount)
        for resource, amount in sorted(stage.resources.items())
    ]
    return asked + [
        (field_of(stage, name), amount)
        for name, amount in (("sharedMemory", stage.shared_memory), ("scratch", stage.scratch))
        if amount is not None
    ]


def field_of(stage: Stage, name: str) -> str:
    """Return a field of a stage, as messages call it."""
    return f"spec.stages[{stage.name}].{name}"


def resource_field(stage: Stage, resource: str) -> str:
    """Return the field that names a resource of a stage."""
    return field_of(stage, f"resources['{resource}']")


def disk_amount(stage: Stage, limits: Limits, delivered_bytes: int, which: str) -> dict[str, str]:
    """Return the local disk of a container that has the inputs, as an entry or as none.

    All emptyDir volumes count against the containers' limits: the LimitRange's default alone would
    evict a run with big inputs.
    """
    if stage.scratch is None and not delivered_bytes:
        return {}
    own = stage.scratch or default_amount(limits, DISK, which)[1]
    return {DISK: quantity.total(own, str(delivered_bytes))}


def default_amount(limits: Limits, resource: str, which: str) -> tuple[str, str]:
    """Return the profile's field, and what a container gets that does not ask."""
    fields = {
        ("cpu", "requests"): ("defaultRequestCpu", limits.default_request_cpu),
        ("cpu", "limits"): ("defaultCpu", limits.default_cpu),
        ("memory", "requests"): ("defaultRequestMemory", limits.default_request_memory),
        ("memory", "limits"): ("defaultMemory", limits.default_memory),
        (DISK, "requests"): (
            "defaultRequestEphemeralStorage",
            limits.default_request_ephemeral_storage,
        ),
        (DISK, "limits"): ("defaultEphemeralStorage", limits.default_ephemeral_storage),
    }
    return fields[resource, which]


def _canonical(resource: str, amount: str) -> str:
    return (
        quantity.total(amount)
        if resource == "memory"
        else quantity.canonical(quantity.plain(amount))
    )


def _memory(stage: Stage, limits: Limits, which: str) -> dict[str, str]:
    if stage.shared_memory is None:
        return {}
    own = stage.resources.get("memory") or default_amount(limits, "memory", which)[1]
    return {"memory": quantity.total(own, stage.shared_memory)}
