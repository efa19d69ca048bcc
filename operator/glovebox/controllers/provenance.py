"""Looks up what a pin names as its sources."""

from __future__ import annotations

from pydantic import ValidationError

from glovebox.api.dataset_pin import DatasetPin
from glovebox.controllers.ports import Ports
from glovebox.data.provenance import Assessment, Unreadable, assess
from glovebox.kube.kinds import DATASET_PIN
from glovebox.kube.resources import Key


def assess_pin(ports: Ports, pin: DatasetPin) -> Assessment:
    """Return what a pin says of where its data came from, by what is known of its sources now."""

    def look(name: str) -> DatasetPin | Unreadable | None:
        try:
            return ports.resources.parsed(Key(DATASET_PIN.kind, pin.namespace, name), DatasetPin)
        except ValidationError:
            return Unreadable()

    return assess(pin, look)
