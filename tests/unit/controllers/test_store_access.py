"""Which entries of `spec.access` are for a namespace."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.api.object_store import ObjectStore
from glovebox.controllers.store_access import _reserved, granted

BY_NAME = {"namespaces": ["vision", "speech"], "artifacts": True}
BY_LABEL = {"namespaceSelector": {"matchLabels": {"tier": "gold"}}, "artifacts": True}
ALL: dict[str, Any] = {"namespaceSelector": {}}


@pytest.mark.parametrize(
    ("access", "namespace", "labels", "entries"),
    [
        ([], "vision", {}, 0),
        ([BY_NAME], "vision", {}, 1),
        ([BY_NAME], "vision2", {}, 0),
        ([BY_LABEL], "vision", {}, 0),
        ([BY_LABEL], "vision", {"tier": "gold"}, 1),
        ([ALL], "anybody", {}, 1),
        ([BY_NAME, BY_LABEL, ALL], "vision", {"tier": "gold"}, 3),
    ],
)
def test_an_entry_is_for_a_namespace_by_its_name_or_its_labels(
    access: list[dict[str, Any]], namespace: str, labels: dict[str, str], entries: int
) -> None:
    store = ObjectStore.model_validate(
        {
            "metadata": {"name": "primary"},
            "spec": {
                "endpoint": "http://192.0.2.1:8333",
                "artifacts": {"bucket": "artifacts"},
                "access": access,
            },
        }
    )
    assert len(granted(store, namespace, labels)) == entries


ARTIFACTS = {"spec": {"artifacts": {"bucket": "declared"}}, "metadata": {"name": "other"}}
PASSED = {"name": "a", "outcome": "Passed"}
FAILED = {"name": "b", "outcome": "Failed"}
READY = {"type": "Ready", "status": "True"}


@pytest.mark.parametrize(
    ("status", "bucket"),
    [
        ({}, ""),
        ({"bucket": "seen"}, ""),
        ({"bucket": "seen", "proofs": [PASSED, FAILED]}, ""),
        ({"bucket": "seen", "proofs": [PASSED]}, "seen"),
        ({"bucket": "seen", "proofs": [PASSED, FAILED], "conditions": [READY]}, "seen"),
    ],
    ids=["never looked at", "never proven", "not proven", "proven", "proven as far as it declares"],
)
def test_a_store_that_was_never_proven_takes_no_bucket_from_others(
    status: dict[str, Any], bucket: str
) -> None:
    assert _reserved({**ARTIFACTS, "status": status}) == (bucket, "other")
