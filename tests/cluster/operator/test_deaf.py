"""A proxy that silences watches before the real API server: the operator says that it is deaf."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from glovebox_local.operator_process import OPERATOR_USER
from support.cluster import Cluster
from support.numbering_proxy import NumberingProxy, api_proxy, kubeconfig_through, numbering
from support.operator_process import PLATFORM_IMAGE, Operator, Team, experiment_spec
from support.waiting import eventually


@pytest.fixture
def through(
    cluster: Cluster, operator: Operator, platform: Team, tmp_path: Path
) -> Iterator[tuple[Operator, NumberingProxy]]:
    """An operator that elects, behind a proxy; that of the other tests rests meanwhile."""
    del platform
    proxy = api_proxy(cluster.kubeconfig_for(OPERATOR_USER), lambda *_: None)
    with numbering(proxy):
        kubeconfig = kubeconfig_through(proxy, tmp_path / "kubeconfig")
        settings = {"GLOVEBOX_IMAGE": PLATFORM_IMAGE, "GLOVEBOX_LEADER_ELECTION": "true"}
        one = Operator(
            cluster, tmp_path / "deaf", name="deaf", kubeconfig=kubeconfig, settings=settings
        )
        operator.stop()
        try:
            one.start()
            yield one, proxy
        finally:
            proxy.silent.clear()
            one.kill()
            operator.start()


def ready(operator: Operator) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", operator.port, timeout=10)) as connection:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.mark.timeout(300)
def test_watches_that_are_silenced_make_the_operator_not_ready_until_they_are_heard(
    through: tuple[Operator, NumberingProxy], team: Team
) -> None:
    operator, proxy = through
    assert ready(operator) == (200, "ok\n")
    eventually(lambda: operator.metric("glovebox_leader") == 1, what="it leads", timeout=60)

    proxy.silent.set()
    found = eventually(
        lambda: told if (told := ready(operator))[0] != 200 else None,
        what="it says that it is deaf",
        timeout=90,
    )
    assert found[0] == 503
    assert found[1].startswith("deaf: the Lease changed ")
    assert operator.metric("glovebox_watch_canary_delay_seconds") > 30
    assert operator.metric("glovebox_leader") == 1, "what it writes arrives"

    proxy.silent.clear()
    eventually(lambda: ready(operator)[0] == 200, what="it hears again", timeout=90)
    team.declare("Experiment", "heard", experiment_spec("standard", "primary"))
    team.expect("Experiment", "heard")
