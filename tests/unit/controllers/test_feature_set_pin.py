"""A FeatureSetPin that was verified stays so while nobody knows whether its input still is."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from glovebox.controllers.feature_set_pin import reconcile
from glovebox.controllers.ports import Ports
from glovebox.controllers.registry import Registry
from glovebox.kube.resources import Key, Resources, Stored
from glovebox.kube.store import Change
from glovebox.metrics.engine import EngineMetrics

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DIGEST = "sha256:" + "1" * 64
Json = dict[str, Any]


def dataset(verified: str, reason: str) -> Json:
    entry = {
        "type": "Verified",
        "status": verified,
        "reason": reason,
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-11-26T11:00:00Z",
    }
    return {
        "apiVersion": "glovebox.dev/v1alpha1",
        "kind": "DatasetPin",
        "metadata": {
            "name": "rows",
            "namespace": "team",
            "uid": "d",
            "resourceVersion": "1",
            "generation": 1,
        },
        "spec": {
            "storeRef": {"name": "primary"},
            "source": {"prefix": {"bucket": "data", "prefix": "rows/"}},
            "description": "rows",
            "owner": "team",
            "license": "CC0-1.0",
            "classification": "Public",
            "provenance": {"authors": ["somebody"]},
        },
        "status": {
            "observedGeneration": 1,
            "digest": DIGEST,
            "conditions": [entry, {**entry, "type": "Ready"}],
        },
    }


def features() -> Json:
    return {
        "apiVersion": "glovebox.dev/v1alpha1",
        "kind": "FeatureSetPin",
        "metadata": {
            "name": "f",
            "namespace": "team",
            "uid": "f",
            "resourceVersion": "2",
            "generation": 1,
        },
        "spec": {
            "schemaVersion": "1.0.0",
            "description": "one feature",
            "owner": "team",
            "inputs": [{"name": "rows", "pinRef": {"name": "rows"}}],
            "features": [
                {
                    "name": "delay",
                    "description": "minutes",
                    "dtype": "float64",
                    "recipe": {"expression": "rows.delay"},
                    "inputs": ["rows"],
                }
            ],
        },
    }


async def looked(obj: Json, input_pin: Json, *others: Json) -> dict[str, tuple[str, str]]:
    """Return the conditions of a look, and write them to the pin."""
    registry = Registry()

    def changed(change: Change[Key, Stored]) -> None:
        list(registry.changed(change))

    resources = Resources(changed)
    for each in (input_pin, obj, *others):
        resources.seen(each)
    metrics = EngineMetrics(CollectorRegistry())
    ports = SimpleNamespace(
        resources=resources,
        now=lambda: NOW,
        metrics=metrics,
        registry=registry,
        feature_names_key=b"k" * 32,
    )
    look = await reconcile(cast("Ports", ports), obj)
    assert look.status is not None
    obj["status"] = look.status
    return {
        entry["type"]: (entry["status"], entry["reason"]) for entry in look.status["conditions"]
    }


@pytest.mark.parametrize(
    ("verified", "reason", "ready", "why"),
    [
        ("Unknown", "ChecksFailing", "True", "no answer is no answer against it"),
        ("False", "ObjectsMissing", "False", "a definite answer is one"),
    ],
)
async def test_what_was_verified_follows_definite_answers_alone(
    verified: str, reason: str, ready: str, why: str
) -> None:
    pin = features()
    before = await looked(pin, dataset("True", "Verified"))
    assert before["Ready"][0] == "True", before
    after = await looked(pin, dataset(verified, reason))
    assert after["Ready"][0] == ready, why


async def test_a_new_one_waits_until_its_input_is_known() -> None:
    found = await looked(features(), dataset("Unknown", "ChecksFailing"))
    assert found["Ready"][0] == "False"


async def test_what_was_taken_in_is_not_replaced_by_other_bytes_of_the_same_name() -> None:
    pin = features()
    await looked(pin, dataset("True", "Verified"))
    kept, other = dict(pin["status"]), dataset("True", "Verified")
    other["status"]["digest"] = "sha256:" + "2" * 64
    found = await looked(pin, other)
    assert found["Verified"] == ("False", "DigestMismatch")
    assert found["Ready"][0] == "False"
    assert pin["status"]["digest"] == kept["digest"]


@pytest.mark.parametrize("verified", ["True", "Unknown"])
async def test_a_feature_that_reads_what_nobody_declared_is_refused_before_anything_is_waited_for(
    verified: str,
) -> None:
    pin = features()
    pin["spec"]["features"][0]["inputs"] = ["rows", "planes"]
    found = await looked(pin, dataset(verified, "Verified"))
    assert found["Stalled"] == ("True", "FeaturesIncomplete")
    (ready,) = (each for each in pin["status"]["conditions"] if each["type"] == "Ready")
    assert "'planes', which is not in `spec.inputs`" in ready["message"]


async def test_a_set_that_supersedes_nothing_that_is_there_is_ready_and_says_so() -> None:
    pin = features()
    pin["spec"]["supersedes"] = {"name": "nothing-here"}
    found = await looked(pin, dataset("True", "Verified"))
    (message,) = (
        entry["message"] for entry in pin["status"]["conditions"] if entry["type"] == "Verified"
    )

    assert found["Ready"][0] == "True"
    assert "`spec.supersedes` names FeatureSetPin 'nothing-here', which is not in" in message


def newer(name: str, made: str, *, is_verified: bool = True, **migration: str) -> Json:
    """Return a pin that supersedes the one that is looked at."""
    pin = features()
    pin["metadata"] |= {"name": name, "uid": name, "creationTimestamp": made}
    pin["spec"]["supersedes"] = {"name": "f"}
    if migration:
        pin["spec"]["migration"] = migration
    if is_verified:
        pin["status"] = {"digest": DIGEST}
    return pin


def going(pin: Json) -> Json:
    """Return a pin that is being deleted and is held."""
    metadata = {"deletionTimestamp": "2026-11-26T11:30:00Z", "finalizers": ["example.com/held"]}
    return {**pin, "metadata": {**pin["metadata"], **metadata}}


@pytest.mark.parametrize(
    ("others", "retiring", "successor"),
    [
        pytest.param([], "Current", None, id="none"),
        pytest.param(
            [newer("g", "2026-11-26T11:00:00Z", is_verified=False)],
            "Current",
            None,
            id="one that is not verified takes no place",
        ),
        pytest.param(
            [going(newer("g", "2026-11-26T11:00:00Z"))], "Current", None, id="one that goes"
        ),
        pytest.param(
            [newer("g", "2026-11-26T11:00:00Z")], "Deprecated", {"name": "g"}, id="at once"
        ),
        pytest.param(
            [
                newer("z", "2026-11-26T09:00:00Z"),
                newer(
                    "g",
                    "2026-11-26T11:00:00Z",
                    deprecateTime="2027-01-01T00:00:00Z",
                    notes="hours are UTC",
                ),
            ],
            "ToBeDeprecated",
            {"name": "g", "deprecateTime": "2027-01-01T00:00:00Z", "notes": "hours are UTC"},
            id="the newest of two",
        ),
    ],
)
async def test_the_newest_verified_pin_that_supersedes_it_takes_its_place(
    others: list[Json], retiring: str, successor: Json | None
) -> None:
    pin = features()
    found = await looked(pin, dataset("True", "Verified"), *others)
    assert found["Retiring"][1] == retiring
    assert pin["status"].get("successor") == successor
    assert found["Ready"][0] == "True"
