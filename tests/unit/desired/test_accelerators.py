"""What an experiment has of a profile's accelerators, and what its quota counts for that."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.desired.accelerators import CLAIMS, accelerator_quota, used_accelerators
from golden.cases import inputs_from

CLASSES = {"a.example/gpu": "a", "b.example/gpu": "b", "c.example/gpu": None}
OFFER: dict[str, Any] = {
    "kind": "IsolationProfile",
    "spec": {
        "accelerators": [
            {"resource": name, "maximum": 4} | ({"deviceClass": of} if of else {})
            for name, of in CLASSES.items()
        ]
    },
}


def asks(**amounts: int | str) -> dict[str, Any]:
    resources = {f"{name}.example/gpu": amount for name, amount in amounts.items()}
    return {"kind": "Experiment", "spec": {"stages": {0: {"resources": resources}}}}


@pytest.mark.parametrize(
    ("amounts", "claims"),
    [({"a": 1}, "1"), ({"a": 1, "b": 3}, "4"), ({"a": 2, "c": 4}, "2"), ({"c": 4}, None)],
)
def test_there_may_be_a_claim_for_each_device_that_is_claimed(
    amounts: dict[str, int | str], claims: str | None
) -> None:
    inputs = inputs_from(OFFER, asks(**amounts))
    assert accelerator_quota(inputs.experiment, inputs.profile).get(CLAIMS) == claims


@pytest.mark.parametrize(
    ("amount", "pieces"), [(3, 3), ("3", 3), ("2500m", 3), (5, 4), ("1000E", 4), ("1e30", 4)]
)
def test_it_is_no_more_than_is_offered_whatever_is_asked_for(
    amount: int | str, pieces: int
) -> None:
    """Before it is refused it is looked at, where an error would name no field."""
    inputs = inputs_from(OFFER, asks(a=amount))
    ((_, used),) = used_accelerators(inputs.experiment, inputs.profile)
    assert used == pieces


@pytest.mark.parametrize(
    ("stages", "pieces"),
    [
        ([{"name": "fit", "workers": 3}], 3),
        ([{"name": "fit", "workers": 2}, {"name": "beside"}], 3),
        ([{"name": "fit", "workers": 2}, {"name": "score", "needs": ["fit"]}], 2),
    ],
)
def test_it_is_what_all_pods_that_can_be_at_work_at_once_ask_for(
    stages: list[dict[str, Any]], pieces: int
) -> None:
    program = {"image": "trainer", "command": ["work"], "resources": {"a.example/gpu": 1}}
    spec = {"stages": [program | stage for stage in stages]}
    inputs = inputs_from(OFFER, {"kind": "Experiment", "spec": spec})
    ((_, used),) = used_accelerators(inputs.experiment, inputs.profile)
    assert used == pieces
