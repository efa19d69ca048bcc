"""Where no ledger is kept, and which head one is opened with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.ledgers import _known, in_ledger
from glovebox.controllers.ports import LedgerHead
from glovebox.errors import NotReady
from glovebox.ledger.checkpoint import Head
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


@pytest.mark.parametrize(
    ("recorded", "seen", "newest"),
    [(3, 5, 5), (5, 3, 5), (3, None, 3), (None, 5, 5), (None, None, None)],
    ids=["not recorded yet", "by another replica", "begun", "never recorded", "of nothing"],
)
def test_a_ledger_is_opened_with_the_newest_head_that_was_seen(
    recorded: int | None, seen: int | None, newest: int | None
) -> None:
    """What this process signed counts also where its status could not be written."""
    root = Head(0, bytes(32))
    told = {"organisation": "acme", "epoch": 1, "size": recorded, "root": root.root_text}
    store = ObjectStore.model_validate(
        {
            "metadata": {"name": "primary", "uid": "u1"},
            "spec": {
                "endpoint": "https://127.0.0.1:9000",
                "artifacts": {"bucket": "results", "worm": "Required"},
            },
            "status": {"ledger": told} if recorded is not None else {},
        }
    )
    heads = {"u1": LedgerHead("acme", 1, Head(seen, root.root))} if seen is not None else {}
    resources = SimpleNamespace(parsed=lambda *_: store)
    ports: Any = SimpleNamespace(resources=resources, ledger_heads=heads)
    found = _known(ports, store, "acme")
    assert (found.head.size if found is not None else None) == newest
    assert _known(ports, store, "another") is None
