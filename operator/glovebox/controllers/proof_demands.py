"""How often a pin is proven: as its spec says, and as Experiments demand that wait for it.

A demand makes a proof due at once where the last one is too old. Once the Experiment is bound, it
demands nothing more. Who may not use the pin without a grant demands nothing of it either: only
Experiments of the pin's own namespace do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.experiment_inputs import MaxProofAge
from glovebox.controllers.ports import Ports
from glovebox.data.proof_levels import Level
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT
from glovebox.kube.resources import Key

_FIELDS: Final[Mapping[Level, str]] = {
    Level.LIST: "listSeconds",
    Level.HEAD: "headSeconds",
    Level.SAMPLE: "sampleSeconds",
    Level.FULL: "fullSeconds",
}


def ages_of(demand: MaxProofAge) -> dict[Level, timedelta]:
    """Return what is demanded of each level."""
    given = {
        Level.LIST: demand.list_seconds,
        Level.HEAD: demand.head_seconds,
        Level.SAMPLE: demand.sample_seconds,
        Level.FULL: demand.full_seconds,
    }
    return {level: timedelta(seconds=age) for level, age in given.items() if age is not None}


def intervals_of(ports: Ports, pin: DatasetPin) -> dict[Level, timedelta]:
    """Return how long a proof of each level is good for."""
    rules = pin.spec.verification
    seconds = {
        Level.LIST: rules.list_interval_seconds,
        Level.HEAD: rules.head_interval_seconds,
        Level.SAMPLE: rules.sample_interval_seconds,
        Level.FULL: rules.full_interval_seconds,
    }
    for demand in _demands(ports, pin):
        for level, field in _FIELDS.items():
            age = demand.get(field)
            if isinstance(age, int):
                seconds[level] = min(seconds[level], age)
    return {level: timedelta(seconds=each) for level, each in seconds.items()}


def _demands(ports: Ports, pin: DatasetPin) -> Iterator[Mapping[str, Any]]:
    """Yield `maxProofAge` of Experiments that wait for this pin."""
    for user in ports.resources.users_of(Key(DATASET_PIN.kind, pin.namespace, pin.name)):
        if user.kind != EXPERIMENT.kind or user.namespace != pin.namespace:
            continue
        obj = ports.resources.get(user) or {}
        if (obj.get("status") or {}).get("digest") or obj["metadata"].get("deletionTimestamp"):
            continue
        for each in ((obj.get("spec") or {}).get("inputs") or {}).get("datasets") or ():
            if each.get("pinRef", {}).get("name") == pin.name:
                yield each.get("maxProofAge") or {}
