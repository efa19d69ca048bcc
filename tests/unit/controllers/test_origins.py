"""What inputs came from is recorded as far as it fits, and says where it ends."""

from __future__ import annotations

import pytest

from glovebox.api.derived import (
    MAX_RECORDED,
    MAX_RECORDED_BYTES,
    RecordedOrigin,
    UpstreamInput,
)
from glovebox.api.experiment_status import InputStatus
from glovebox.controllers.origins import bounded
from glovebox.data.digest import canonical_json

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
