"""What inputs came from is recorded as far as it fits, and says where it ends."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.derived import (
    MAX_RECORDED,
    MAX_RECORDED_BYTES,
    RecordedOrigin,
    UpstreamInput,
)
from glovebox.api.input_status import InputStatus
from glovebox.controllers.origins import bounded, origin_of
from glovebox.controllers.ports import Ports
from glovebox.data.digest import canonical_json
from glovebox.kube.resources import Key

DIGEST = "sha256:" + "a" * 64


def used(name: str, *, upstream: int) -> InputStatus:
    """Return an input with names as long as they can be."""
    read = UpstreamInput(
        name="n" * 63,
        kind="DatasetPin",
        role="validation",
        digest=DIGEST,
        read_by=f"{'t' * 63}/{'x' * 253}",
        behind="b" * 63,
    )
    origin = RecordedOrigin(experiment="t/x", uid="u", seal=DIGEST, inputs=(read,) * upstream)
    return InputStatus(
        name=name, kind="DatasetPin", pin_ref=name, uid="u", digest=DIGEST, derived=origin
    )


@pytest.mark.parametrize(
    ("inputs", "upstream", "is_cut"),
    [
        pytest.param(1, MAX_RECORDED, False, id="one that names all"),
        pytest.param(64, 1, False, id="many that name one"),
        pytest.param(64, MAX_RECORDED, True, id="many that name all"),
    ],
)
def test_origins_take_a_bounded_place_together(inputs: int, upstream: int, *, is_cut: bool) -> None:
    bound = bounded(used(f"in-{at}", upstream=upstream) for at in range(inputs))
    origins = [each.derived for each in bound if each.derived is not None]
    assert len(origins) == inputs
    assert {each.more_inputs for each in origins} == {is_cut}
    recorded = [each.model_dump(by_alias=True, mode="json") for each in origins]
    assert sum(len(canonical_json(each)) for each in recorded) <= MAX_RECORDED_BYTES
    assert all(each.seal == DIGEST for each in origins)
    assert is_cut or all(len(each.inputs) == upstream for each in origins)


def pin(name: str, *, namespace: str = "team", digest: str = DIGEST, **status: Any) -> DatasetPin:
    return DatasetPin.model_validate(
        {
            "apiVersion": "glovebox.dev/v1alpha1",
            "kind": "DatasetPin",
            "metadata": {"name": name, "namespace": namespace, "uid": name},
            "spec": {
                "storeRef": {"name": "primary"},
                "source": {"prefix": {"bucket": "raw", "prefix": ""}},
            },
            "status": {"digest": digest, **status},
        }
    )


def of_seal(experiment: str, seal: str = DIGEST) -> dict[str, Any]:
    return {"derived": {"experiment": experiment, "uid": "u", "seal": seal}}


def found(wanted: DatasetPin, *others: DatasetPin) -> str:
    """Return the Experiment that a pin came from, or nothing."""
    pins = {Key("DatasetPin", each.namespace, each.name): each for each in (wanted, *others)}
    registry = SimpleNamespace(
        pins_of=lambda root: [key for key, each in pins.items() if each.status.digest == root]
    )
    resources = SimpleNamespace(parsed=lambda key, _: pins[key])
    ports = cast("Ports", SimpleNamespace(registry=registry, resources=resources))
    origin = origin_of(ports, wanted)
    return origin.experiment if origin is not None else ""


PART = {
    "split": "s",
    "name": "train",
    "role": "train",
    "splits": [
        {
            "splitDigest": DIGEST,
            "part": "train",
            "sourceDigest": "sha256:" + "b" * 64,
            "granularity": "Rows",
            "by": "Key",
        }
    ],
}


@pytest.mark.parametrize(
    ("wanted", "others", "experiment"),
    [
        pytest.param(
            pin("a", **of_seal("team/own")),
            (pin("0", **of_seal("team/other")),),
            "team/own",
            id="its own first",
        ),
        pytest.param(pin("a"), (pin("b", **of_seal("team/x")),), "team/x", id="of the same bytes"),
        pytest.param(
            pin("a"),
            (pin("c", **of_seal("team/c")), pin("b", **of_seal("team/b"))),
            "team/b",
            id="of several the first by name, whoever came first",
        ),
        pytest.param(
            pin("a"),
            (pin("b", digest="sha256:" + "b" * 64, **of_seal("team/x")),),
            "",
            id="of other bytes",
        ),
        pytest.param(
            pin("a", part=PART),
            (pin("b", digest="sha256:" + "b" * 64, **of_seal("team/x")),),
            "team/x",
            id="of what it is a part of",
        ),
        pytest.param(
            pin("a"),
            (pin("b", namespace="other", **of_seal("other/x")),),
            "",
            id="nothing of another namespace is told",
        ),
        pytest.param(
            pin("a"), (pin("b", **of_seal("team/x", "")),), "", id="its seal is not verified yet"
        ),
    ],
)
def test_origins_are_found_by_content(
    wanted: DatasetPin, others: tuple[DatasetPin, ...], experiment: str
) -> None:
    assert found(wanted, *others) == experiment
