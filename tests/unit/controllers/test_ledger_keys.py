"""Whether a ledger tells of a key: only the ledger that the spec names can have told of it."""

from __future__ import annotations

import pytest

from glovebox.api.object_store import ObjectStore
from glovebox.controllers.ledger_keys import _is_told

ENTRY = {
    "id": "0d5f6e0e-6a0e-5b0c-8a64-1f6a0b7f2c11",
    "kind": "key-changed",
    "epoch": 1,
    "index": 4,
}


@pytest.mark.parametrize(
    ("organisation", "event_id", "told", "why"),
    [
        ("acme", ENTRY["id"], True, "its entry is recorded"),
        ("acme", "another", False, "of another key"),
        ("former", ENTRY["id"], False, "in the ledger of before: the new one knows nothing"),
    ],
)
def test_a_key_is_known_to_the_ledger_that_the_spec_names(
    organisation: str,
    event_id: str,
    told: bool,  # noqa: FBT001 - a column
    why: str,
) -> None:
    store = ObjectStore.model_validate(
        {
            "metadata": {"name": "primary", "uid": "u1"},
            "spec": {
                "endpoint": "https://127.0.0.1:9000",
                "credentialsSecretRef": {"name": "keys"},
                "artifacts": {"bucket": "results", "worm": "BestEffort"},
                "ledger": {"organisation": "acme", "keySecretRef": {"name": "k"}},
            },
            "status": {
                "ledger": {
                    "organisation": organisation,
                    "epoch": 1,
                    "size": 5,
                    "root": "",
                    "entries": [ENTRY],
                }
            },
        }
    )
    assert _is_told(store, event_id) is told, why
