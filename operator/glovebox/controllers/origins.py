"""Which sealed Experiment data came from, whatever pin they are used by.

The same bytes are the same data: a pin of artifacts by their prefix, and a part of a split of them,
came from where the pin by the seal says. Nothing is looked at in other namespaces; what lies in the
bucket of artifacts is lent to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.derived import (
    MAX_RECORDED,
    MAX_RECORDED_BYTES,
    DerivedFrom,
    RecordedOrigin,
    UpstreamPart,
)
from glovebox.api.input_status import InputStatus
from glovebox.controllers.ports import Ports
from glovebox.controllers.splits import within
from glovebox.data.digest import canonical_json


def origin_of(ports: Ports, pin: DatasetPin) -> DerivedFrom | None:
    """Return the verified seal that a pin, its content, or what it is a part of, came from."""
    return next(
        (
            each.status.derived
            for each in (pin, *_same_content(ports, pin))
            if each.status.derived is not None and each.status.derived.seal
        ),
        None,
    )


def _same_content(ports: Ports, pin: DatasetPin) -> Iterator[DatasetPin]:
    """Yield the pins of the namespace with the content of a pin, or of what it is a part of."""
    for content in (pin.status.digest, *(each.source_digest for each in within(pin))):
        keys = (key for key in ports.registry.pins_of(content) if key.namespace == pin.namespace)
        for key in sorted(keys, key=lambda key: key.name):
            try:
                found = ports.resources.parsed(key, DatasetPin)
            except ValidationError:
                continue
            if found is not None:
                yield found


def recorded_of(ports: Ports, pin: DatasetPin) -> RecordedOrigin | None:
    """Return the seal that data came from, as it is recorded and sealed in turn."""
    known = origin_of(ports, pin)
    if known is None:
        return None
    return RecordedOrigin(
        experiment=known.experiment,
        uid=known.uid,
        seal=known.seal,
        inputs=known.inputs[:MAX_RECORDED],
        more_inputs=known.more_inputs or len(known.inputs) > MAX_RECORDED,
    )


def parts_of(pin: DatasetPin) -> tuple[UpstreamPart, ...]:
    """Return of which splits a pin is a part, as whoever reads its user's seal has to know it."""
    return tuple(UpstreamPart.of(each) for each in within(pin))


def bounded(bound: Iterable[InputStatus]) -> tuple[InputStatus, ...]:
    """Return inputs whose origins take no more than `MAX_RECORDED_BYTES` together.

    What does not fit is not named: of each input what it was made from first stays longest.
    """
    inputs, most = tuple(bound), MAX_RECORDED
    while most and _size(inputs) > MAX_RECORDED_BYTES:
        most //= 2
        inputs = tuple(
            each.model_copy(update={"derived": _shortened(each.derived, most)})
            if each.derived is not None
            else each
            for each in inputs
        )
    return inputs


def _shortened(origin: RecordedOrigin, most: int) -> RecordedOrigin:
    more = origin.more_inputs or len(origin.inputs) > most
    return origin.model_copy(update={"inputs": origin.inputs[:most], "more_inputs": more})


def _size(inputs: Iterable[InputStatus]) -> int:
    return sum(
        len(canonical_json(each.derived.model_dump(by_alias=True, mode="json")))
        for each in inputs
        if each.derived is not None
    )
