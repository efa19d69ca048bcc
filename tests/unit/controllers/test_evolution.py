"""What is recorded of a comparison counts for the contract and the predecessor it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.controllers.evolution import compatibility_of, look_at_evolution
from glovebox.controllers.looking import Look
from glovebox.controllers.ports import Ports
from glovebox.data.contract_rules import contract_digest
from glovebox.kube.resources import Resources
from support.contracts import contract_of

Json = dict[str, Any]
NOW = datetime(2026, 11, 28, 7, 0, tzinfo=UTC)
COLUMN: Json = {"name": "flight", "type": "Text"}
DIGEST = contract_digest(contract_of(COLUMN))


def pin(
    name: str, *, kind: str = "Text", supersedes: str = "", evolution: Json | None = None
) -> Json:
    spec: Json = {
        "storeRef": {"name": "primary"},
        "source": {"prefix": {"bucket": "data", "prefix": "rows/"}},
        "description": "rows",
        "owner": "team",
        "license": "CC0-1.0",
        "classification": "Public",
        "contract": {"columns": [{**COLUMN, "type": kind}]},
    }
    ready: Json = {
        "type": "Ready",
        "status": "True",
        "reason": "Verified",
        "message": "",
        "lastTransitionTime": "2026-11-28T06:00:00Z",
    }
    return {
        "apiVersion": "glovebox.dev/v1alpha1",
        "kind": "DatasetPin",
        "metadata": {"name": name, "namespace": "team", "uid": name, "resourceVersion": "1"},
        "spec": spec | ({"supersedes": {"name": supersedes}} if supersedes else {}),
        "status": {"conditions": [ready]} | ({"evolution": evolution} if evolution else {}),
    }


def recorded(against: str = "older", contract: str = DIGEST, said: str = "Full") -> Json:
    return {"against": against, "contract": contract, "compatibility": said}


@pytest.mark.parametrize(
    ("supersedes", "known", "wanted"),
    [
        pytest.param("", None, "", id="it supersedes none"),
        pytest.param("older", None, "Unknown", id="nobody has looked"),
        pytest.param("older", recorded(), "Full", id="of this contract and predecessor"),
        pytest.param("older", recorded("oldest"), "Unknown", id="of another predecessor"),
        pytest.param("older", recorded(contract="sha256:b"), "Unknown", id="of another contract"),
    ],
)
def test_only_what_is_about_this_contract_and_predecessor_counts(
    supersedes: str, known: Json | None, wanted: str
) -> None:
    obj = pin("newer", supersedes=supersedes, evolution=known)
    assert compatibility_of(DatasetPin.model_validate(obj)) == wanted


def looked_at(known: Json | None, older: str = "Integer") -> tuple[Json, list[str]]:
    """Return what a look comes to say of the comparison, and what it reports, in order."""
    told: list[str] = []

    def event(_: Json, reason: str, message: str, *, action: str) -> None:
        del message, action
        told.append(reason)

    resources = Resources()
    obj = pin("newer", supersedes="older", evolution=known)
    resources.seen(pin("older", kind=older))
    ports = SimpleNamespace(
        resources=resources, now=lambda: NOW, events=SimpleNamespace(warning=event, normal=event)
    )
    before = Look(obj, None, after=lambda: told.append("the look before"))
    look = look_at_evolution(cast("Ports", ports), obj, DatasetPin.model_validate(obj), before)
    look.after()
    return (look.status or obj["status"])["evolution"], told


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(None, id="nothing"),
        pytest.param(recorded("oldest"), id="another predecessor"),
        pytest.param(recorded(contract="sha256:b"), id="another contract"),
        pytest.param(recorded(said="Unknown"), id="that nothing was known"),
    ],
)
def test_where_something_else_is_recorded_it_is_compared_again(known: Json | None) -> None:
    found, told = looked_at(known)
    assert (found["against"], found["contract"]) == ("older", DIGEST)
    assert found["compatibility"] == "Breaking"
    assert told == ["the look before", reasons.CONTRACT_BREAKS]


def test_what_was_compared_once_stands_whatever_the_predecessor_is_by_now() -> None:
    found, told = looked_at(recorded())
    assert found["compatibility"] == "Full"
    assert told == ["the look before"]
