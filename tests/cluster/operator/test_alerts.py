"""Alerts of the chart in a real Prometheus that scrapes the real operator: they fire and resolve.

On a cluster of its own: what other tests left behind would fire before the fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from cluster.chart.rendering import only, render
from cluster.operator.test_pins import features
from support.cluster import Cluster, running_cluster
from support.operator_process import (
    BREAK_GLASS,
    PLATFORM_IMAGE,
    Operator,
    Team,
    experiment_spec,
    install_chart,
    profile_spec,
    store_secret,
    store_spec,
)
from support.prometheus import Prometheus, needs_prometheus, running_prometheus
from support.promtool import promtool
from support.refusing import Refusal, refusing

pytestmark = [pytest.mark.timeout(300), needs_prometheus]
SHORT = (
    "GloveboxDown",
    "GloveboxStoreNotReady",
    "GloveboxBrokenLink",
    "GloveboxIsolationIncomplete",
)


class Watched(NamedTuple):
    """What a test needs."""

    cluster: Cluster
    operator: Operator
    team: Team
    prometheus: Prometheus


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A fresh cluster, its operator, and a Prometheus with the chart's rules, which wait a second.

    The store is away from the beginning.
    """
    values = {"enabled": True, "alerts": {name: {"for": "1s"} for name in SHORT}}
    rules = only(render({"metrics": {"prometheusRule": values}}), "PrometheusRule")["spec"]
    root = tmp_path_factory.mktemp("watched")
    with (
        running_cluster(root / "cluster") as cluster,
        _impatient(cluster, root / "operator") as operator,
        running_prometheus(root / "prometheus", operator.port, rules) as prometheus,
    ):
        team = Team(cluster, "watched")
        team.declare("IsolationProfile", "standard", profile_spec())
        yield Watched(cluster, operator, team, prometheus)


def test_a_store_that_is_away_is_alerted_until_it_is_there(watched: Watched) -> None:
    cluster, team, prometheus = watched.cluster, watched.team, watched.prometheus
    prometheus.expect_firing("GloveboxAlive")
    assert set(prometheus.alerts()) == {"GloveboxAlive"}
    with _away(cluster):
        team.declare("ObjectStore", "primary", store_spec(cluster, "glovebox-artifacts"))
        fired = prometheus.expect_firing("GloveboxStoreNotReady")
        assert fired["labels"]["severity"] == "critical"
        assert fired["annotations"]["runbook_url"].endswith("/GloveboxStoreNotReady.md")
    team.expect("ObjectStore", "primary", timeout=90)
    prometheus.expect_resolved("GloveboxStoreNotReady")


def test_a_pin_that_names_what_is_not_there_is_alerted_until_it_goes(watched: Watched) -> None:
    team, prometheus = watched.team, watched.prometheus
    team.declare("FeatureSetPin", "broken", features("gone"))
    fired = prometheus.expect_firing("GloveboxBrokenLink")
    assert fired["labels"]["link"] == "input"
    team.api.delete(team.path("FeatureSetPin", "broken"))
    prometheus.expect_resolved("GloveboxBrokenLink")


def test_isolation_that_cannot_be_repaired_is_alerted_until_it_is(watched: Watched) -> None:
    cluster, team, prometheus = watched.cluster, watched.team, watched.prometheus
    team.expect("ObjectStore", "primary", timeout=90)
    team.declare("Experiment", "open", experiment_spec("standard", "primary"))
    space = team.expect("Experiment", "open")["status"]["namespace"]
    rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
    with refusing(cluster.api, [Refusal(team.name, "open", "networkpolicies", 403)]):
        path = f"/apis/networking.k8s.io/v1/namespaces/{space}/networkpolicies"
        rogue.delete(f"{path}/glovebox-default-deny")
        prometheus.expect_firing("GloveboxIsolationIncomplete")
    team.expect("Experiment", "open", timeout=60)
    prometheus.expect_resolved("GloveboxIsolationIncomplete")


def test_an_operator_that_is_gone_is_alerted_until_it_is_back(watched: Watched) -> None:
    operator, prometheus = watched.operator, watched.prometheus
    operator.kill()
    prometheus.expect_firing("GloveboxDown")
    assert "GloveboxAlive" not in prometheus.alerts(), "the dead man's switch lets go"
    operator.start()
    prometheus.expect_resolved("GloveboxDown")
    prometheus.expect_firing("GloveboxAlive")
    assert prometheus.rule_errors() == []


def test_a_real_scrape_is_as_promtool_wants_it(watched: Watched) -> None:
    done = promtool("check", "metrics", stdin=watched.operator.page())
    assert (done.returncode, done.stdout) == (0, "")


@contextmanager
def _impatient(cluster: Cluster, folder: Path) -> Iterator[Operator]:
    """Run an operator that holds back nothing: the grace time is five minutes otherwise."""
    install_chart(cluster)
    store_secret(cluster)
    grace = {"GLOVEBOX_GRACE_SECONDS": "1", "GLOVEBOX_GRACE_ATTEMPTS": "1"}
    running = Operator(cluster, folder, settings={"GLOVEBOX_IMAGE": PLATFORM_IMAGE, **grace})
    running.start()
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def _away(cluster: Cluster) -> Iterator[None]:
    cluster.store.stop()
    try:
        yield
    finally:
        cluster.store.start()
