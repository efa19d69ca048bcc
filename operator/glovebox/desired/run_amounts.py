"""How much the containers of a run's pod get: requests and limits, as they are rendered.

What is not named here a container gets from the LimitRange. Shared memory is memory, and local disk
holds the inputs beside what the run writes, so both come on top of what is asked for.
"""

from __future__ import annotations

from typing import Final

from glovebox.api.experiment import Run
from glovebox.api.isolation_profile import Limits
from glovebox.desired import quantity

Amounts = dict[str, dict[str, str]]

WHICH: Final = ("requests", "limits")
DISK: Final = "ephemeral-storage"


def run_amounts(run: Run, limits: Limits, delivered_bytes: int) -> Amounts:
    """Return `requests` and `limits` of the run's container; an empty dict when nothing is said.

    Args:
        run: What is asked for.
        limits: With the defaults of the profile.
        delivered_bytes: What the inputs may take of the local disk; 0 when there are none.
    """
    # In one spelling, whichever was declared: a snapshot has another one than its Experiment.
    asked = {name: _canonical(name, amount) for name, amount in run.resources.items()}
    found = {
        which: asked
        | _memory(run, limits, which)
        | disk_amount(run, limits, delivered_bytes, which)
        for which in WHICH
    }
    return found if any(found.values()) else {}


def asked_amounts(run: Run) -> list[tuple[str, str]]:
    """Return every amount that a run asks for, each with its field before it."""
    asked = [(field_of(resource), amount) for resource, amount in sorted(run.resources.items())]
    return asked + [
        (f"spec.run.{name}", amount)
        for name, amount in (("sharedMemory", run.shared_memory), ("scratch", run.scratch))
        if amount is not None
    ]


def field_of(resource: str) -> str:
    """Return the field that names a resource of a run."""
    return f"spec.run.resources['{resource}']"


def disk_amount(run: Run, limits: Limits, delivered_bytes: int, which: str) -> dict[str, str]:
    """Return the local disk of a container that has the inputs, as an entry or as none.

    All emptyDir volumes count against the containers' limits: the LimitRange's default alone would
    evict a run with big inputs.
    """
    if run.scratch is None and not delivered_bytes:
        return {}
    own = run.scratch or default_amount(limits, DISK, which)[1]
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


def _memory(run: Run, limits: Limits, which: str) -> dict[str, str]:
    if run.shared_memory is None:
        return {}
    own = run.resources.get("memory") or default_amount(limits, "memory", which)[1]
    return {"memory": quantity.total(own, run.shared_memory)}
