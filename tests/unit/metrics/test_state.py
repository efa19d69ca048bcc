"""State metrics say what is there, start at zero, stay bounded, and leave nothing behind."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from glovebox.kube.resources import Key, Resources, Stored
from glovebox.kube.store import Change
from glovebox.metrics.engine import EngineMetrics
from glovebox.metrics.state import MOST_OBJECT_SERIES, StateCollector
from glovebox.metrics.tally import StateTally

Scraped = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def experiment(name: str, ready: str = "True", **status: Any) -> dict[str, Any]:
    conditions = [
        {
            "type": "Ready",
            "status": ready,
            "reason": "Provisioned" if ready == "True" else "PinNotFound",
        }
    ]
    return {
        "apiVersion": "glovebox.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {
            "name": name,
            "namespace": "team",
            "uid": name,
            "resourceVersion": "1",
            "generation": 1,
        },
        "status": {"observedGeneration": 1, "conditions": conditions, **status},
    }


def cache() -> tuple[Resources, StateTally[Key]]:
    tally: StateTally[Key] = StateTally()

    def changed(change: Change[Key, Stored]) -> None:
        if change.after is not None:
            tally.upsert(change.key, change.after.obj)
        else:
            tally.delete(change.key)

    return Resources(changed), tally


def scrape(tally: StateTally[Key], *drifting: str) -> Scraped:
    registry = CollectorRegistry()
    EngineMetrics(registry)
    registry.register(
        StateCollector(
            tally,
            queues=lambda: {"cluster": (2, 0.5)},
            reflectors=lambda: {"Namespace": 7.0},
            sweeps=lambda: {"DatasetPin": 11.0},
            drifting=lambda: drifting,
            canary=lambda: 0.25,
        )
    )
    text = generate_latest(registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_objects_are_counted_by_what_a_waiting_program_thinks_of_them() -> None:
    resources, tally = cache()
    for name in ("a", "b"):
        resources.seen(experiment(name))
    resources.seen(experiment("c", ready="False"))
    found = scrape(tally)
    assert found["glovebox_objects", (("kind", "Experiment"), ("status", "Current"))] == 2
    assert found["glovebox_objects", (("kind", "Experiment"), ("status", "InProgress"))] == 1
    assert found["glovebox_objects", (("kind", "Experiment"), ("status", "Failed"))] == 0
    unhealthy = [
        labels for (name, labels), _ in found.items() if name == "glovebox_object_unhealthy"
    ]
    assert unhealthy == [
        (
            ("kind", "Experiment"),
            ("name", "c"),
            ("reason", "PinNotFound"),
            ("resource_namespace", "team"),
        )
    ]


def test_per_object_series_are_capped_and_the_cut_is_told() -> None:
    resources, tally = cache()
    for number in range(MOST_OBJECT_SERIES + 10):
        resources.seen(experiment(f"e{number}", ready="False"))
    found = scrape(tally)
    assert sum(name == "glovebox_object_unhealthy" for name, _ in found) == MOST_OBJECT_SERIES
    assert found["glovebox_metrics_series_left_out", ()] == 10


def broken_pin(name: str, **rules: int) -> dict[str, Any]:
    """Return a pin whose data break these rules of its contract so often."""
    violated = {"type": "ContractMet", "status": "False", "reason": "ContractViolated"}
    by_rule = [{"rule": rule, "violations": number} for rule, number in rules.items()]
    return experiment(name, conditions=[violated], contract={"byRule": by_rule}) | {
        "kind": "DatasetPin",
        "spec": {"contract": {"columns": []}},
    }


def broken(found: Scraped) -> dict[str, float]:
    """Return how often rules are violated, by the pin and the rule."""
    return {
        f"{dict(labels)['name']} {dict(labels)['rule']}": value
        for (name, labels), value in found.items()
        if name == "glovebox_pin_contract_violations"
    }


def test_of_a_pin_that_breaks_its_contract_each_rule_is_told_until_it_does_no_more() -> None:
    resources, tally = cache()
    resources.seen(broken_pin("a", NullShare=3, Unique=1))
    resources.seen(broken_pin("b", Type=2, RuleOfANewerVersion=9))
    assert broken(scrape(tally)) == {"a NullShare": 3, "a Unique": 1, "b Type": 2}
    met = broken_pin("a", NullShare=3)
    met["metadata"]["resourceVersion"] = "2"
    met["status"]["conditions"][0]["status"] = "True"
    resources.seen(met)
    assert broken(scrape(tally)) == {"b Type": 2}
    resources.gone(Key("DatasetPin", "team", "b"))
    assert broken(scrape(tally)) == {}


def test_of_ten_thousand_broken_pins_as_many_rules_are_told_as_the_cap_lets() -> None:
    tally: StateTally[Key] = StateTally()
    rules = {"NullShare": 3, "Unique": 1}
    pins = 10_000
    for number in range(pins):
        tally.upsert(Key("DatasetPin", "team", f"p{number}"), broken_pin(f"p{number}", **rules))
    found = scrape(tally)
    assert len(broken(found)) == MOST_OBJECT_SERIES
    unhealthy = sum(name == "glovebox_object_unhealthy" for name, _ in found)
    left_out = pins * len(rules) - MOST_OBJECT_SERIES + pins - unhealthy
    assert found["glovebox_metrics_series_left_out", ()] == left_out
    for number in range(pins):
        tally.delete(Key("DatasetPin", "team", f"p{number}"))
    assert scrape(tally)["glovebox_metrics_series_left_out", ()] == 0


def test_deleted_objects_leave_nothing_but_zeros() -> None:
    resources, tally = cache()
    resources.seen(experiment("a", ready="False"))
    resources.gone(Key("Experiment", "team", "a"))
    found = scrape(tally)
    assert not [name for name, _ in found if name == "glovebox_object_unhealthy"]
    assert found["glovebox_objects", (("kind", "Experiment"), ("status", "InProgress"))] == 0


def test_outstanding_drift_is_counted_by_kind() -> None:
    found = scrape(StateTally(), "NetworkPolicy", "NetworkPolicy", "RoleBinding")
    assert found["glovebox_drift_outstanding", (("managed_kind", "NetworkPolicy"),)] == 2
    assert found["glovebox_drift_outstanding", (("managed_kind", "RoleBinding"),)] == 1
    assert found["glovebox_drift_outstanding", (("managed_kind", "LimitRange"),)] == 0


def test_every_labelled_counter_starts_at_zero_and_the_number_of_series_is_bounded() -> None:
    found = scrape(StateTally())
    assert (
        found[
            "glovebox_drift_detected_total",
            (("change", "deleted"), ("managed_kind", "NetworkPolicy")),
        ]
        == 0
    )
    assert (
        found[
            "glovebox_reconcile_errors_total",
            (("controller", "experiment"), ("reason", "forbidden")),
        ]
        == 0
    )
    assert len(found) < 1000


def test_experiments_are_counted_by_what_is_proven_of_their_isolation() -> None:
    resources, tally = cache()
    for name, isolated in (("a", "True"), ("b", "True"), ("c", "False"), ("d", None)):
        made = experiment(name)
        if isolated is not None:
            made["status"]["conditions"].append(
                {"type": "Isolated", "status": isolated, "reason": "Proven"}
            )
        resources.seen(made)
    found = scrape(tally)
    counts = {
        status: found["glovebox_experiments_isolated", (("status", status),)]
        for status in ("True", "False", "Unknown")
    }
    assert counts == {"True": 2, "False": 1, "Unknown": 1}


def test_a_scrape_costs_no_look_at_any_object() -> None:
    resources, tally = cache()
    for number in range(50):
        made = experiment(f"e{number}")
        resources.seen(made)
        # Whoever looked at it now would count it as Failed, or find nothing at all.
        made["status"].clear()
        resources.get(Key.of(made)).clear()  # type: ignore[union-attr]
    found = scrape(tally)
    assert found["glovebox_objects", (("kind", "Experiment"), ("status", "Current"))] == 50


def test_transient_errors_are_counted_by_controller_and_class() -> None:
    registry = CollectorRegistry()
    metrics = EngineMetrics(registry)
    metrics.problem_counter("StoreBusy").inc()
    metrics.problem_counter("ApiUnavailable", "datasetpin").inc(2)
    metrics.problem_counter("NobodyKnows").inc()
    found = {
        (sample.labels["controller"], sample.labels["class"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "glovebox_transient_errors_total" and sample.value
    }
    assert found == {
        ("experiment", "store"): 1,
        ("datasetpin", "api"): 2,
        ("experiment", "other"): 1,
    }


def test_a_store_that_is_gone_leaves_no_series_that_would_be_alerted_for_ever() -> None:
    engine = EngineMetrics(registry := CollectorRegistry())
    for store in ("gone", "kept"):
        of_one = (
            *(engine.only_store, engine.only_cluster, engine.log_newest),
            *(engine.ledger_size, engine.ledger_signed),
        )
        for gauge in of_one:
            gauge.labels(store).set(1)
        for anchor in ("witness", "authority"):
            engine.ledger_anchor_lag.labels(store, anchor).set(1)

    def of(store: str) -> set[str]:
        return {
            sample.name
            for family in registry.collect()
            for sample in family.samples
            if sample.labels.get("store") == store
        }

    everything = of("kept")
    assert len(everything) == 6
    engine.forget_ledger("gone")
    assert of("gone") == {name for name in everything if "ledger" not in name}
    engine.forget_store("gone")
    assert (of("gone"), of("kept")) == (set(), everything)


def moved_pin(name: str, worst: int = 2_500, stable: str = "False") -> dict[str, Any]:
    """Return a pin whose data moved against another one, or did not."""
    condition = {"type": "DistributionStable", "status": stable, "reason": "Said"}
    return experiment(name, conditions=[condition], distribution={"worstPsi": worst}) | {
        "kind": "DatasetPin",
        "spec": {"distribution": {"against": {"name": "base"}}},
    }


def moved(found: Scraped) -> dict[str, float]:
    return {
        dict(labels)["name"]: value
        for (name, labels), value in found.items()
        if name == "glovebox_distribution_worst_psi"
    }


def test_data_that_moved_are_told_pin_by_pin_until_they_are_stable_or_gone() -> None:
    resources, tally = cache()
    for name in ("a", "b"):
        resources.seen(moved_pin(name))
    resources.seen(moved_pin("c", stable="True"))
    assert moved(scrape(tally)) == {"a": 0.25, "b": 0.25}
    stable = moved_pin("a", stable="True")
    stable["metadata"]["resourceVersion"] = "2"
    resources.seen(stable)
    resources.gone(Key("DatasetPin", "team", "b"))
    assert moved(scrape(tally)) == {}


def test_of_pins_whose_data_moved_as_many_are_told_as_the_cap_lets_and_the_cut_as_well() -> None:
    """Beside what is not Current: each cap cuts for itself."""
    tally: StateTally[Key] = StateTally()
    tally.upsert(Key("DatasetPin", "team", "one"), moved_pin("one"))
    assert scrape(tally)["glovebox_metrics_series_left_out", ()] == 0, "no cap lets others cut less"
    for number in range(MOST_OBJECT_SERIES + 6):
        tally.upsert(Key("DatasetPin", "team", f"p{number}"), moved_pin(f"p{number}"))
    found = scrape(tally)
    assert len(moved(found)) == MOST_OBJECT_SERIES
    unhealthy = sum(name == "glovebox_object_unhealthy" for name, _ in found)
    assert unhealthy == MOST_OBJECT_SERIES
    assert found["glovebox_metrics_series_left_out", ()] == 7 + 7


def test_a_pin_is_counted_by_what_is_known_of_it_and_nothing_is_left_when_it_is_gone() -> None:
    pin = experiment(
        "a",
        conditions=[
            {"type": "DriftDetected", "status": "True", "reason": "Said"},
            {"type": "ProofsCurrent", "status": "False", "reason": "ProofOverdue"},
            {"type": "ContractMet", "status": "True", "reason": "Said"},
            {"type": "DistributionStable", "status": "True", "reason": "Said"},
        ],
        observedGeneration=0,
        listedTime="1970-01-01T00:00:07Z",
        verification=[{"level": "Sample", "lastTime": "1970-01-01T00:00:09Z"}],
        digest="sha256:1",
    ) | {"kind": "DatasetPin", "spec": {"contract": {"columns": []}, "distribution": {"x": 1}}}
    counted = {
        ("glovebox_objects_unobserved", "kind", "DatasetPin"): 1,
        ("glovebox_digest_mismatches", "kind", "DatasetPin"): 1,
        ("glovebox_pins_by_provenance", "level", "Unknown"): 1,
        ("glovebox_pins_by_contract", "state", "Met"): 1,
        ("glovebox_pins_by_compatibility", "compatibility", "None"): 1,
        ("glovebox_pins_by_distribution", "state", "Stable"): 1,
        ("glovebox_pins_by_proofs", "state", "ProofOverdue"): 1,
        ("glovebox_datasets", "users", "0"): 1,
    }
    times = {
        ("glovebox_digest_oldest_check_timestamp_seconds", "kind", "DatasetPin"): 7,
        ("glovebox_pin_oldest_proof_timestamp_seconds", "level", "Sample"): 9,
    }
    resources, tally = cache()
    resources.seen(pin)

    def shown() -> dict[tuple[str, str, str], float]:
        found = scrape(tally)
        named = ((each, (each[0], ((each[1], each[2]),))) for each in (*counted, *times))
        return {each: found[place] for each, place in named if place in found}

    assert shown() == counted | times
    resources.gone(Key("DatasetPin", "team", "a"))
    assert shown() == dict.fromkeys(counted, 0)


def test_what_the_engine_says_of_itself_is_shown() -> None:
    found = scrape(StateTally())
    assert found["glovebox_queue_depth", (("queue", "cluster"),)] == 2
    assert found["glovebox_queue_oldest_seconds", (("queue", "cluster"),)] == 0.5
    contact = "glovebox_watch_last_contact_timestamp_seconds"
    assert found[contact, (("managed_kind", "Namespace"),)] == 7
    sweep = "glovebox_sweep_last_success_timestamp_seconds"
    assert found[sweep, (("controller", "datasetpin"),)] == 11
    assert found["glovebox_watch_canary_delay_seconds", ()] == 0.25
