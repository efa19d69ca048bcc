"""An operator under a Prometheus with the chart's own rules in a hurry, and faults that pass."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from cluster.chart.rendering import only, render
from glovebox_local.operator_process import OPERATOR_USER
from support.cluster import Cluster, running_cluster
from support.hurried_rules import hurried
from support.numbering_proxy import NumberingProxy, api_proxy, kubeconfig_through, numbering
from support.operator_process import (
    PLATFORM_IMAGE,
    Operator,
    Team,
    declare_platform,
    install_chart,
    store_secret,
)
from support.prometheus import Prometheus, running_prometheus
from support.waiting import eventually

PREFIX: Final = "Glovebox"
ALIVE: Final = "Alive"
DONE: Final = "fired while the fault stood, and was over after it"
# Nothing is held back, and whatever is due by the clock is due soon: minutes otherwise.
IMPATIENT: Final = {
    "GLOVEBOX_GRACE_SECONDS": "1",
    "GLOVEBOX_GRACE_ATTEMPTS": "1",
    "GLOVEBOX_RESYNC_SECONDS": "10",
}
# A page that is late for a second is no fault.
INTERVAL: Final = "3s"
# Values of the chart: an installation with a handful of objects.
THRESHOLDS: Final = {
    "queueSeconds": 5,
    "errorFloor": 2,
    "failedFloor": 1,
    "readySeconds": 5,
    "driftPerHour": 3,
    "sealSeconds": 5,
    "ledgerSeconds": 60,
    "lineageSeconds": 5,
}


@dataclass(frozen=True)
class Watched:
    """What faults are planted in.

    Attributes:
        cluster: A cluster of its own: what other tests left behind would fire before a fault.
        operator: The only operator.
        proxy: Between the operator and the API server.
        platform: Who declared the profile and the store.
        prometheus: What scrapes the operator.
    """

    cluster: Cluster
    operator: Operator
    proxy: NumberingProxy
    platform: Team
    prometheus: Prometheus

    def firing(self) -> set[str]:
        """Return the alerts that fire now, without their prefix and the dead man's switch."""
        return {name.removeprefix(PREFIX) for name in self.prometheus.alerts()} - {ALIVE}

    def quiet(self, timeout: float = 60.0) -> None:
        """Wait until nothing fires but the dead man's switch."""
        self.prometheus.expect_firing(PREFIX + ALIVE, timeout=timeout)
        eventually(lambda: not self.firing() or None, what="nothing fires", timeout=timeout)

    def fired(self, names: Collection[str], timeout: float) -> set[str]:
        """Wait until each of these alerts has fired; return those that have."""
        seen: set[str] = set()

        def look() -> bool | None:
            seen.update(self.firing() & set(names))
            return seen == set(names) or None

        with suppress(AssertionError):  # what never fired is what the test says
            eventually(look, what="all fire", timeout=timeout)
        return seen

    def over(self, names: Collection[str], timeout: float) -> set[str]:
        """Wait until none of these alerts fires any more; return those that do not."""
        with suppress(AssertionError):
            eventually(
                lambda: not self.firing() & set(names) or None, what="all is over", timeout=timeout
            )
        return set(names) - self.firing()


def told(names: Collection[str], fired: Collection[str], over: Collection[str]) -> dict[str, str]:
    """Return what became of each alert."""
    words = dict.fromkeys(names, DONE)
    words |= dict.fromkeys(set(names) - set(over), "fires although the fault is over")
    return words | dict.fromkeys(set(names) - set(fired), "did not fire")


@contextmanager
def watched(
    folder: Path,
    *,
    settings: Mapping[str, str] = MappingProxyType({}),
    thresholds: Mapping[str, float] = MappingProxyType({}),
) -> Iterator[Watched]:
    """Run a cluster, one operator behind a proxy, and a Prometheus; nothing fires yet.

    Args:
        folder: For all of them.
        settings: Further environment variables of the operator.
        thresholds: Other values of the chart than those here.
    """
    rule = {"enabled": True, "thresholds": {**THRESHOLDS, **thresholds}}
    rules = only(render({"metrics": {"prometheusRule": rule}}), "PrometheusRule")["spec"]
    with running_cluster(folder / "cluster") as cluster:
        install_chart(cluster)
        store_secret(cluster)
        proxy = api_proxy(cluster.kubeconfig_for(OPERATOR_USER), lambda *_: None)
        with numbering(proxy):
            kubeconfig = kubeconfig_through(proxy, folder / "kubeconfig")
            environment: dict[str, Any] = {"GLOVEBOX_IMAGE": PLATFORM_IMAGE, **IMPATIENT}
            operator = Operator(
                cluster,
                folder / "operator",
                kubeconfig=kubeconfig,
                settings={**environment, **settings},
            )
            operator.start()
            try:
                platform = declare_platform(cluster)
                with running_prometheus(
                    folder / "prometheus", operator.port, hurried(rules), interval=INTERVAL
                ) as prometheus:
                    found = Watched(cluster, operator, proxy, platform, prometheus)
                    found.quiet()
                    yield found
            finally:
                proxy.silent.clear()
                proxy.down.clear()
                operator.kill()
