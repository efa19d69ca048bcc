"""A reference that leads nowhere says what there is: of the own namespace, and not all of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from glovebox.controllers.offered import nothing_superseded, pins_offered
from glovebox.controllers.ports import Ports
from glovebox.kube.kinds import DATASET_PIN
from glovebox.kube.resources import Resources


def ports_with(*names: str, namespace: str = "team") -> Ports:
    resources = Resources()
    for name in names:
        metadata = {
            "name": name,
            "namespace": namespace,
            "uid": f"{namespace}-{name}",
            "resourceVersion": "1",
            "generation": 1,
        }
        resources.seen({"kind": "DatasetPin", "metadata": metadata, "spec": {}})
    return cast("Ports", SimpleNamespace(resources=resources))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "; there is none at all yet: declare the DatasetPin here first"),
        (("b", "a"), "; there are: a, b"),
        (
            [f"pin-{number:02}" for number in range(13)],
            "; there are: " + ", ".join(f"pin-{number:02}" for number in range(10)) + " and 3 more",
        ),
    ],
    ids=["none", "two", "more than a message lists"],
)
def test_the_pins_of_the_namespace_are_listed_and_a_long_list_is_cut(
    names: tuple[str, ...], said: str
) -> None:
    assert pins_offered(ports_with(*names), DATASET_PIN, "team") == said


def test_pins_of_another_namespace_are_not_told() -> None:
    said = pins_offered(ports_with("secret-plan", namespace="rival"), DATASET_PIN, "team")

    assert "secret-plan" not in said


def test_what_is_superseded_is_looked_for_in_the_own_namespace() -> None:
    there = ports_with("older")

    assert nothing_superseded(there, DATASET_PIN, "team", "older") == ""
    assert "'oldre', which is not in" in nothing_superseded(there, DATASET_PIN, "team", "oldre")
    assert nothing_superseded(there, DATASET_PIN, "rival", "older")
