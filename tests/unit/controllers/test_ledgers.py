"""Where no ledger is kept."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.ledgers import in_ledger
from glovebox.errors import NotReady
from glovebox.store.connection import Stop


async def test_no_ledger_is_kept_where_a_write_that_must_not_replace_does() -> None:
    """`worm: BestEffort` takes such a store, and it is told before anything is asked of it."""
    said = "a write with If-None-Match: * replaced an existing object"
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
                "conditions": [
                    {
                        "type": "ConditionalWritesProven",
                        "status": "False",
                        "reason": "ProofFailed",
                        "message": said,
                        "lastTransitionTime": "2026-11-25T09:00:00Z",
                    }
                ]
            },
        }
    )
    ports: Any = SimpleNamespace(ledgers={})  # nothing of it may be asked for
    with pytest.raises(NotReady, match="keeps no ledger") as refused:
        await in_ledger(ports, store, Stop(), lambda _: None)
    assert refused.value.reason == reasons.LEDGER_UNAVAILABLE
    assert said in refused.value.message
