"""What an Experiment says of inputs, store and profile that changed after they were bound."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.input_status import InputStatus
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.object_store import ObjectStore
from glovebox.desired.platform import Platform, read_platform, render_platform
from glovebox.status.references import (
    NotValid,
    Pin,
    artifacts_protected,
    artifacts_protected_as_bound,
    inputs_verified,
    platform_changed,
)
from golden.cases import inputs_from

ENTRY = InputStatus(name="train", kind="DatasetPin", pin_ref="flights", uid="u1", digest="sha256:1")


def pin(uid: str = "u1", digest: str = "sha256:1", verified: str = "True") -> DatasetPin:
    condition = {
        "type": "Verified",
        "status": verified,
        "reason": "ObjectsChanged",
        "message": "one differs",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    return DatasetPin.model_validate(
        {
            "metadata": {"name": "flights", "namespace": "team", "uid": uid},
            "spec": {
                "storeRef": {"name": "primary"},
                "source": {"prefix": {"bucket": "data", "prefix": "p/"}},
            },
            "status": {"digest": digest, "conditions": [condition]},
        }
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(pin(), "True Verified", id="it is what it was"),
        pytest.param(None, "False PinDeleted", id="nobody verifies the data any more"),
        pytest.param(NotValid(), "Unknown PinNotReady", id="nobody can read it"),
        pytest.param(pin(uid="u2"), "False PinChanged", id="another one under its name"),
        pytest.param(pin(digest="sha256:2"), "False PinChanged", id="it pins other content"),
        pytest.param(pin(verified="False"), "False ObjectsChanged", id="the store holds another"),
        pytest.param(
            pin(verified="Unknown"), "Unknown ObjectsChanged", id="the store does not answer"
        ),
    ],
)
def test_an_input_after_it_was_bound(found: Pin | NotValid | None, expected: str) -> None:
    finding = inputs_verified([ENTRY], {"train": found})
    assert f"{finding.answer} {finding.reason}" == expected


def test_the_first_input_that_is_not_what_it_was_gives_the_reason() -> None:
    other = ENTRY.model_copy(update={"name": "test"})
    finding = inputs_verified([ENTRY, other], {"train": pin(), "test": None})
    assert (finding.reason, finding.message.split(":")[0]) == ("PinDeleted", "input `test`")
    assert inputs_verified([ENTRY, other], {}).message == "2 inputs pinned and verified"
    assert inputs_verified([], {}).message == "no inputs are declared"


def store(lock: str | None = "True", **spec: Any) -> ObjectStore:
    inputs = inputs_from({"kind": "ObjectStore", "spec": spec}) if spec else inputs_from()
    conditions = [
        {
            "type": "LockProven",
            "status": lock,
            "reason": "Proven",
            "message": "3 attempts",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ]
    document = inputs.store.model_dump(by_alias=True, mode="json", exclude_none=True)
    return ObjectStore.model_validate(
        {**document, "status": {"conditions": conditions if lock else []}}
    )


def platform() -> Platform:
    inputs = inputs_from()
    return read_platform(render_platform(inputs.profile, inputs.store, inputs.input_stores))


@pytest.mark.parametrize(
    ("lock", "expected"),
    [
        ("True", "True Proven"),
        ("Unknown", "Unknown ProofOutdated"),
        ("False", "False ProofFailed"),
        (None, "False ProofFailed"),
    ],
)
def test_the_lock_is_what_was_proven_of_the_store(lock: str | None, expected: str) -> None:
    finding = artifacts_protected(store(lock))
    assert f"{finding.answer} {finding.reason}" == expected
    bound = artifacts_protected_as_bound(platform(), store(lock))
    assert bound == finding, "the store is the one that was bound"


def test_another_store_under_the_name_proves_nothing_of_the_bucket_that_was_bound() -> None:
    for other in (None, store(endpoint="https://other.example")):
        finding = artifacts_protected_as_bound(platform(), other)
        assert (finding.answer, finding.reason) == ("Unknown", "StoreDeleted")


def test_a_store_that_nobody_can_read_was_not_deleted() -> None:
    finding = artifacts_protected_as_bound(platform(), NotValid())
    assert (finding.answer, finding.reason) == ("Unknown", "StoreNotReady")
    assert "correct" in finding.message


PROFILE = inputs_from().profile
EDITED = inputs_from({"kind": "IsolationProfile", "spec": {"podSecurity": "Baseline"}}).profile


@pytest.mark.parametrize(
    ("profile", "found", "expected"),
    [
        pytest.param(PROFILE, store(), "False PlatformAsBound", id="nothing was touched"),
        pytest.param(None, store(), "True ProfileDeleted", id="the profile is gone"),
        pytest.param(EDITED, store(), "True ProfileChanged", id="the profile was edited"),
        pytest.param(PROFILE, None, "True StoreDeleted", id="the store is gone"),
        pytest.param(
            PROFILE,
            store(endpoint="https://other.example"),
            "True StoreChanged",
            id="the store was edited",
        ),
        pytest.param(EDITED, None, "True ProfileChanged", id="the profile is named first"),
        pytest.param(
            NotValid(), store(), "Unknown ProfileInvalid", id="nobody can read the profile"
        ),
        pytest.param(PROFILE, NotValid(), "Unknown StoreNotReady", id="nobody can read the store"),
        pytest.param(NotValid(), None, "True StoreDeleted", id="what is known is named first"),
    ],
)
def test_the_platform_after_it_was_bound(
    profile: IsolationProfile | NotValid | None, found: ObjectStore | NotValid | None, expected: str
) -> None:
    bound = platform()
    names = {each.name for each in (bound.store, *bound.input_stores)}
    finding = platform_changed(bound, profile, dict.fromkeys(names, found))
    assert f"{finding.answer} {finding.reason}" == expected
    if finding.answer != "False":
        assert "keeps the settings that were bound" in finding.message
