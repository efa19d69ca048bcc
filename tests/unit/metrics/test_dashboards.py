"""Dashboards: whole, on series that the code registers, with something to show in each panel."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import promql_parser
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import start_http_server
from prometheus_client.registry import Collector

from glovebox.api.generated import stale_files
from glovebox.kube.resources import Key
from glovebox.metrics.dashboard_files import (
    CHART_FOLDER,
    dashboard_files,
    dashboards,
    filled,
    grafana,
)
from glovebox.metrics.engine import EngineMetrics
from glovebox.metrics.lineage import LineageCollector, LineageMetrics, Waiting
from glovebox.metrics.state import StateCollector
from glovebox.metrics.tally import StateTally
from glovebox_local.ports import LOOPBACK, choose_ports
from support.examples import REPOSITORY
from support.prometheus import Prometheus, needs_prometheus, running_prometheus
from support.promql import FROM_SCRAPES, grouped, registered, selectors

if TYPE_CHECKING:
    from glovebox.metrics.dashboard_files import Panel

# What kube-state-metrics and the kubelets serve, where they are scraped.
OTHERS = {
    "kube_resourcequota": {"namespace", "resourcequota", "resource", "type"},
    "container_memory_working_set_bytes": {"namespace", "pod", "container"},
    "container_cpu_usage_seconds_total": {"namespace", "pod", "container"},
}
PROCESS = {"process_resident_memory_bytes": set[str](), "process_cpu_seconds_total": set[str]()}
PANELS = [
    (f"{name}: {panel.title}", panel)
    for name, board in dashboards().items()
    for panel in board.panels
]
# An alert knows of it, another panel says it from the other side, or somebody has to look for it.
LEFT_OUT = {
    "glovebox_contract_rows_total",
    "glovebox_digest_checked_bytes_total",
    "glovebox_digest_checks_total",
    "glovebox_digest_oldest_check_timestamp_seconds",
    "glovebox_experiments_left_out",
    "glovebox_lineage_delivery_duration_seconds_bucket",
    "glovebox_lineage_destination_up",
    "glovebox_metrics_series_left_out",
    "glovebox_objects_unobserved",
    "glovebox_orphans_closed_total",
    "glovebox_pin_proof_requests_total",
    "glovebox_pin_proofs_total",
    "glovebox_reconcile_in_progress",
    "glovebox_records_without_experiment",
    "glovebox_reflector_failures_total",
    "glovebox_split_total",
    "glovebox_statistics_rows_total",
    "glovebox_store_authorities_earliest_expiry_timestamp_seconds",
    "glovebox_transient_errors_total",
}
NAMES = ("bound", "other")
# As they stand in EXPERIMENTS below: one of them, and all.
CHOSEN = {
    "": {},
    "one": {"namespace": "team", "experiment": "bound", "target": "gbx-bound"},
    "several": {"namespace": "team", "experiment": "|".join(NAMES)},
}
_CHOICES = {id(panel): board.choice for board in dashboards().values() for panel in board.panels}


def asked(panel: Panel) -> list[str]:
    """Return what a panel asks, with the variables as Grafana would replace them."""
    chosen = CHOSEN[_CHOICES[id(panel)]]
    return [filled(query, interval="15s", chosen=chosen) for query in panel.queries]


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=[name for name, _ in PANELS])
def test_every_expression_is_about_series_and_labels_that_the_code_registers(
    name: str, panel: Panel
) -> None:
    known = registered() | PROCESS | OTHERS
    for query, text in zip(panel.queries, asked(panel), strict=True):
        found = selectors(promql_parser.parse(text))
        assert found, name
        labels = set(FROM_SCRAPES)
        for selector in found:
            wanted = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
            job = wanted.pop("job", None)
            is_ours = selector.name not in OTHERS
            assert (job == "glovebox") is is_ours, f"{name} shows what other jobs say too"
            assert set(wanted) <= known[selector.name], name
            labels |= known[selector.name]
        assert grouped(text) <= labels, name
        assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= labels, name


def test_every_rate_is_over_what_grafana_knows_is_enough_or_over_what_the_title_says() -> None:
    words = {"1h": "hour", "1d": "day"}
    for name, panel in PANELS:
        for span in re.findall(r"\[([^]]*)\]", panel.queries[0].expr):
            assert span == "$__rate_interval" or words[span] in name, name


def test_panels_do_not_cover_each_other_and_have_numbers_of_their_own() -> None:
    for name in dashboards():
        panels = grafana(name)["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        taken: set[tuple[int, int]] = set()
        for panel in panels:
            place = panel["gridPos"]
            cells = set(
                itertools.product(
                    range(place["x"], place["x"] + place["w"]),
                    range(place["y"], place["y"] + place["h"]),
                )
            )
            assert place["x"] + place["w"] <= 24
            assert not cells & taken, panel["title"]
            taken |= cells


def test_a_number_is_red_only_from_where_its_panel_says() -> None:
    """Grafana's own thresholds, where a panel has none, are green and red from 80 on."""
    limits = {panel.title: panel.bad for _, panel in PANELS if panel.kind == "stat"}
    drawn = {
        panel["title"]: panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        for name in dashboards()
        for panel in grafana(name)["panels"]
        if panel["type"] == "stat"
    }
    assert {
        title: [step["value"] for step in steps if step["color"] == "red"]
        for title, steps in drawn.items()
    } == {title: [] if bad is None else [bad] for title, bad in limits.items()}
    assert all(steps[0] == {"color": "green", "value": None} for steps in drawn.values())


def test_numbers_and_tables_ask_for_now_and_lines_for_a_while() -> None:
    for panel in (each for name in dashboards() for each in grafana(name)["panels"]):
        is_now = panel["type"] in {"stat", "table"}
        for target in panel.get("targets", []):
            assert (target["instant"], target["range"]) == (is_now, not is_now), panel["title"]


@pytest.mark.parametrize(
    "series",
    [
        "glovebox_watch_last_contact_timestamp_seconds",
        "glovebox_sweep_last_success_timestamp_seconds",
    ],
)
def test_what_each_replica_has_of_its_own_is_shown_of_the_one_that_is_behind(series: str) -> None:
    """A follower that hears everything must not hide a leader that hears nothing."""
    shown = [query.expr for _, panel in PANELS for query in panel.queries if series in query.expr]
    assert shown
    assert [expr for expr in shown if "max" in expr or "min" not in expr] == []


def test_what_is_chosen_is_chosen_among_what_the_code_registers() -> None:
    known, asked_for = registered(), set[str]()
    for name in dashboards():
        for variable in grafana(name)["templating"]["list"]:
            if variable["type"] != "query":
                continue
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert found is not None, variable
            (selector,) = selectors(promql_parser.parse(found[1]))
            wanted = {matcher.name for matcher in selector.matchers.matchers} | {found[2]}
            assert wanted <= known[selector.name] | {"job"}, variable
            asked_for.add(variable["name"])
    chosen = set(CHOSEN["one"]) | set(CHOSEN["several"])
    assert asked_for == chosen | {"job"}


def test_every_variable_of_an_expression_is_one_of_its_dashboard() -> None:
    """A name that nobody chooses would reach Prometheus as it is written."""
    for name, board in dashboards().items():
        chosen = {each["name"] for each in grafana(name)["templating"]["list"]}
        for panel in grafana(name)["panels"]:
            for target in panel.get("targets", []):
                # `$1` is of a regular expression.
                names = set(re.findall(r"\$([a-z]\w*)", target["expr"]))
                assert names <= chosen, panel["title"]
        if board.choice:
            assert {"namespace", "experiment"} <= chosen


def test_links_lead_to_pages_that_are_there() -> None:
    pages = {each.page for board in dashboards().values() for each in board.links}
    pages |= {panel.page for _, panel in PANELS if panel.page}
    assert len(pages) > 5
    assert [page for page in sorted(pages) if not (REPOSITORY / page).is_file()] == []


def test_the_columns_of_a_table_are_called_apart_and_values_that_say_nothing_are_hidden() -> None:
    tables = [
        (panel, drawn)
        for name, board in dashboards().items()
        for panel, drawn in zip(
            board.panels,
            (each for each in grafana(name)["panels"] if each["type"] != "row"),
            strict=True,
        )
        if panel.kind == "table"
    ]
    for panel, drawn in tables:
        (organized,) = (
            each["options"] for each in drawn["transformations"] if each["id"] == "organize"
        )
        names = [query.legend for query in panel.queries]
        assert list(organized["renameByName"].values()) == [each for each in names if each]
        assert len(set(names)) == len(names)
        assert len(organized["excludeByName"]) == 1 + names.count("")
        merged = [each["id"] for each in drawn["transformations"]].count("merge")
        assert merged == (len(names) > 1)


def test_titles_are_unique_and_every_panel_says_what_to_make_of_it() -> None:
    assert len({name for name, _ in PANELS}) == len(PANELS)
    assert [name for name, panel in PANELS if not panel.description.endswith(".")] == []


def test_the_files_of_the_chart_are_up_to_date() -> None:
    files = dashboard_files(REPOSITORY)
    assert stale_files(files) == []
    assert set((REPOSITORY / CHART_FOLDER).glob("*")) == set(files)


def test_every_series_is_on_a_dashboard_or_is_left_out_on_purpose() -> None:
    shown = {
        selector.name
        for _, panel in PANELS
        for text in asked(panel)
        for selector in selectors(promql_parser.parse(text))
    }
    parts = {"_count", "_sum"}
    missing = {
        series
        for series in registered()
        if series not in shown and not any(series.endswith(part) for part in parts)
    }
    assert missing == LEFT_OUT


@contextmanager
def scraped(folder: Path) -> Iterator[Callable[[Panel], bool]]:
    """Start a Prometheus over a process in which everything happens, again at each question.

    Yield what says whether a panel has something to show.
    """
    registry = CollectorRegistry()
    engine, lineage = EngineMetrics(registry), LineageMetrics(registry, ["catalogue"])
    tally: StateTally[Key] = StateTally()
    for obj in (PIN, *EXPERIMENTS):
        tally.upsert(Key.of(obj), obj)
    registry.register(
        StateCollector(
            tally,
            queues=lambda: {"cluster": (2, 0.5)},
            reflectors=lambda: {"Namespace": time.time()},
            sweeps=lambda: {"experiment": time.time()},
            drifting=lambda: ["NetworkPolicy"],
            canary=lambda: 0.5,
            tells_lineage=True,
            most_experiments=9,
        )
    )
    registry.register(Others())
    registry.register(
        LineageCollector(lambda: {"catalogue": Waiting(1, time.time(), is_up=True, is_kept=True)})
    )
    ProcessCollector(registry=registry)
    web = choose_ports(["metrics"])["metrics"]
    server, thread = start_http_server(web, LOOPBACK, registry)
    try:
        with running_prometheus(folder, web) as prometheus:

            def answered(panel: Panel) -> bool:
                happening(engine, lineage)
                return shows(prometheus, panel)

            yield answered
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


PIN = {
    "apiVersion": "glovebox.dev/v1alpha1",
    "kind": "DatasetPin",
    "metadata": {"name": "moved", "namespace": "team", "uid": "1", "generation": 1},
    "spec": {"distribution": {"required": False}, "contract": {"format": "CSV"}},
    "status": {
        "observedGeneration": 1,
        "conditions": [
            {"type": "Ready", "status": "False", "reason": "DistributionMoved"},
            {"type": "DistributionStable", "status": "False", "reason": "DistributionMoved"},
            {"type": "ContractMet", "status": "False", "reason": "ContractViolated"},
        ],
        "contract": {"byRule": [{"rule": "Unique", "violations": 2}]},
        "distribution": {"worstPsi": 22204},
        "verification": [{"level": "Full", "lastTime": "2026-11-01T00:00:00Z"}],
    },
}


def experiment(name: str, role: str) -> dict[str, Any]:
    """Return an Experiment that reads the pin in a role, and is sealed."""
    return {
        "apiVersion": "glovebox.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {
            "name": name,
            "namespace": "team",
            "uid": name,
            "generation": 1,
            "creationTimestamp": "2026-11-01T00:00:00Z",
        },
        "spec": {
            "profile": "standard",
            "inputs": {"datasets": [{"name": "data", "pinRef": {"name": "moved"}, "role": role}]},
        },
        "status": {
            "observedGeneration": 1,
            "digest": "sha256:" + "a" * 64,
            "namespace": f"gbx-{name}",
            "boundTime": "2026-11-01T00:00:01Z",
            "provisioned": {"time": "2026-11-01T00:00:02Z"},
            "conditions": [{"type": "Ready", "status": "False", "reason": "NotSealed"}],
            "artifacts": {"credentialsExpireTime": "2026-11-01T00:00:00Z"},
            "inputs": [
                {
                    "name": "data",
                    "kind": "DatasetPin",
                    "pinRef": "moved",
                    "digest": "sha256:" + "1" * 64,
                    "bytes": 9,
                }
            ],
            "leakage": [{"type": "SharedRows", "level": "Measured", "found": 3}],
            "run": {
                "startTime": "2026-11-01T00:00:03Z",
                "completionTime": "2026-11-01T00:00:09Z",
                "attempts": 1,
            },
            "drift": {"repairs": 2},
        },
    }


def sealed(obj: dict[str, Any]) -> dict[str, Any]:
    """Return an Experiment with a seal."""
    seal = {"sealedTime": "2026-11-01T00:01:00Z", "objects": 2, "bytes": 7, "findings": ["x"]}
    return obj | {"status": obj["status"] | {"seal": seal}}


# The third waits for its seal, and is chosen nowhere.
EXPERIMENTS = [
    *(sealed(experiment(name, role)) for name, role in zip(NAMES, ("train", "test"), strict=True)),
    experiment("waits", "train"),
]


class Others(Collector):
    """What kube-state-metrics and the kubelets would serve of the namespaces."""

    def collect(self) -> Iterator[Metric]:
        quota = GaugeMetricFamily(
            "kube_resourcequota", "", labels=sorted(OTHERS["kube_resourcequota"])
        )
        pods = ("container", "namespace", "pod")
        memory = GaugeMetricFamily("container_memory_working_set_bytes", "", labels=pods)
        cpu = CounterMetricFamily("container_cpu_usage_seconds", "", labels=pods)
        for name in NAMES:
            for kind, value in (("hard", 4), ("used", 2)):
                quota.add_metric((f"gbx-{name}", "pods", "glovebox-quota", kind), value)
            memory.add_metric(("run", f"gbx-{name}", "run-1"), 1 << 20)
            cpu.add_metric(("run", f"gbx-{name}", "run-1"), time.time())
        yield from (quota, memory, cpu)


def happening(*all_metrics: object) -> None:
    """Let everything that is counted happen once, for each value of labels."""
    for metric in (each for metrics in all_metrics for each in vars(metrics).values()):
        if not isinstance(metric, Counter | Gauge | Histogram):
            continue
        names = metric._labelnames
        if names and not metric._metrics:
            metric.labels(*("primary" for _ in names))
        for child in list(metric._metrics.values()) if names else [metric]:
            if isinstance(child, Histogram):
                child.observe(0.5)
            elif isinstance(child, Counter | Gauge):
                child.inc()


@needs_prometheus
def test_every_panel_has_something_to_show_in_a_real_prometheus(tmp_path: Path) -> None:
    with scraped(tmp_path) as answered:
        empty = [name for name, _ in PANELS]
        deadline = time.monotonic() + 60
        while empty and time.monotonic() < deadline:
            time.sleep(0.5)
            empty = [name for name, panel in PANELS if name in empty and not answered(panel)]
    assert empty == []


def shows(prometheus: Prometheus, panel: Panel) -> bool:
    """Return whether each question of a panel has an answer, and none is `not a number`."""
    for text in asked(panel):
        found = prometheus.query(text)
        if not found or any(each["value"][1] == "NaN" for each in found):
            return False
    return True
