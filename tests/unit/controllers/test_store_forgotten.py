"""A store that is gone leaves no series behind: what they say would stay so, and be alerted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from prometheus_client import CollectorRegistry

from glovebox.controllers.ledger_heads import forget_ledger
from glovebox.controllers.object_store import forget
from glovebox.kube.resources import Key
from glovebox.metrics.engine import EngineMetrics

KEY = Key("ObjectStore", "", "primary")


class Anything(dict[Any, Any]):
    """Tables, tasks and failures of which a store that is gone has nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: ()


def ports() -> Any:
    registry = CollectorRegistry()
    metrics = EngineMetrics(registry)
    metrics.only_cluster.labels("primary").set(3)
    metrics.ledger_signed.labels("primary").set(1.0)
    metrics.ledger_anchor_lag.labels("primary", "witness").set(2)
    tables = (
        *("access_logs", "checked_keys", "compared", "failures", "keys_seen"),
        *("ledger_heads", "ledgers"),
        *("ledgers_due", "record_differences", "resting_checks", "tasks"),
    )
    return SimpleNamespace(
        metrics=metrics, registry=registry, **{name: Anything() for name in tables}
    )


def told(of: Any) -> set[str]:
    return {
        sample.name
        for family in of.registry.collect()
        for sample in family.samples
        if sample.labels.get("store") == "primary"
    }


def test_a_store_that_is_gone_is_told_of_no_more() -> None:
    running = ports()
    forget(running, KEY, "u1")
    assert told(running) == set()


def test_a_ledger_that_is_not_declared_any_more_is_told_of_no_more() -> None:
    running = ports()
    forget_ledger(running, KEY, "u1")
    assert told(running) == {"glovebox_records_lost"}
