"""Which entries of `spec.access` are for a namespace."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from glovebox.api.object_store import ObjectStore
from glovebox.controllers.store_access import _reserved, granted, require_narrow_sessions
from glovebox.errors import NotReady
from glovebox.kube.resources import Resources
from glovebox.names import API_VERSION

if TYPE_CHECKING:
    from glovebox.controllers.ports import Ports

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


SCOPED = {
    "endpoint": "http://192.0.2.1:8333",
    "artifacts": {"bucket": "artifacts"},
    "sts": {"roleArn": "arn:aws:iam::000000000000:role/Runner"},
}
OTHER_ENDPOINT = {**SCOPED, "endpoint": "http://192.0.2.2:8333"}
OTHER_ROLE = {**SCOPED, "sts": {"roleArn": "arn:aws:iam::000000000000:role/Other"}}


@pytest.mark.parametrize(
    ("live", "answer", "refused"),
    [
        (SCOPED, "False", True),
        (SCOPED, "True", False),
        (SCOPED, "Unknown", False),
        (OTHER_ENDPOINT, "False", False),
        (OTHER_ROLE, "False", False),
        (None, "", False),
    ],
    ids=["failed", "proven", "not tried", "another store", "another role", "gone"],
)
def test_a_store_whose_sessions_reach_too_far_issues_none_to_anybody(
    live: dict[str, Any] | None,
    answer: str,
    refused: bool,  # noqa: FBT001 - a column of the table
) -> None:
    resources = Resources()
    if live is not None:
        condition = {"type": "CredentialScopeProven", "status": answer, "message": "it listed all"}
        resources.seen(
            {
                "apiVersion": API_VERSION,
                "kind": "ObjectStore",
                "metadata": {"name": "primary", "uid": "u", "resourceVersion": "1"},
                "spec": live,
                "status": {"conditions": [condition]},
            }
        )
    bound = ObjectStore.model_validate({"metadata": {"name": "primary"}, "spec": SCOPED})
    ports = cast("Ports", SimpleNamespace(resources=resources))
    if not refused:
        require_narrow_sessions(ports, bound)
        return
    with pytest.raises(NotReady, match="it listed all") as waits:
        require_narrow_sessions(ports, bound)
    assert waits.value.reason == "StoreNotReady"


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
