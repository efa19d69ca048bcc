"""What is remembered of a ledger's head, and by whose clock it is said how old that is."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from glovebox.api.object_store import ObjectStore
from glovebox.controllers.ledger_heads import look_after_ledger
from glovebox.controllers.ports import LedgerHead
from glovebox.errors import Unavailable
from glovebox.ledger.checkpoint import Head

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HEAD = LedgerHead("acme", 1, Head(5, bytes(32)))
OLD, FUTURE = "2026-11-25T09:00:00Z", "2036-11-25T09:00:00Z"


def _store() -> ObjectStore:
    return ObjectStore.model_validate(
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
                    "organisation": "acme",
                    "epoch": 1,
                    "size": 5,
                    "root": HEAD.head.root_text,
                    "anchors": [
                        {"kind": "Bucket", "lastSize": 5, "lastTime": OLD},
                        {"kind": "Status", "lastSize": 5, "lastTime": OLD},
                        {"kind": "Witness", "name": "w", "lastSize": 5, "lastTime": FUTURE},
                        {"kind": "Timestamp", "lastSize": 5, "lastTime": FUTURE},
                    ],
                }
            },
        }
    )


def _ports(state: Any, metrics: dict[str, float]) -> Any:
    def gauge(name: str) -> Any:
        return SimpleNamespace(
            labels=lambda *_: SimpleNamespace(set=lambda value: metrics.update({name: value}))
        )

    return SimpleNamespace(
        ledgers_due={},
        ledger_heads={},
        clock=lambda: 0.0,
        now=lambda: NOW,
        tasks=SimpleNamespace(
            get=lambda _: None, ensure=lambda *_, **__: state, drop=lambda _: None
        ),
        metrics=SimpleNamespace(ledger_size=gauge("size"), ledger_signed=gauge("signed")),
    )


def test_what_others_say_of_the_time_does_not_keep_the_alert_quiet() -> None:
    """The metric says when a head was learnt of: a witness with a wrong clock has no say in it."""
    metrics: dict[str, float] = {}
    state = SimpleNamespace(
        result=SimpleNamespace(head=HEAD, wait=60.0), error=None, failures=0, failing_since=None
    )
    look = look_after_ledger(_ports(state, metrics), _store())
    assert (look.head, look.retry_seconds) == (None, 60.0)
    assert metrics == {"size": 5, "signed": datetime.fromisoformat(OLD).timestamp()}


def test_a_process_that_cannot_write_shows_how_old_the_head_is_that_another_wrote() -> None:
    """Else a restart would end the alert, and nothing would begin it again."""
    metrics: dict[str, float] = {}
    state = SimpleNamespace(
        result=None,
        error=Unavailable("StoreUnreachable", "no answer"),
        failures=1,
        failing_since=NOW,
    )
    look = look_after_ledger(_ports(state, metrics), _store())
    assert look.outcome is not None
    assert not look.outcome.is_done
    assert metrics == {"size": 5, "signed": datetime.fromisoformat(OLD).timestamp()}
