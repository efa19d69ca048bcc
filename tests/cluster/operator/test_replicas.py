"""Two replicas as processes: one works, the other is warm and ready, and takes over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import Cluster
from support.operator_process import PLATFORM_IMAGE, Operator, Team, profile_spec
from support.waiting import eventually

pytestmark = pytest.mark.slow

HAND_OVER_SECONDS = 5.0
# A lease of 15 s, looked at every 2 s; the rest is for a busy machine.
TAKE_OVER_SECONDS = 25.0


@pytest.fixture
def replicas(
    cluster: Cluster, operator: Operator, platform: Team, tmp_path: Path
) -> Iterator[tuple[Operator, Operator]]:
    """Two replicas that elect; the operator of the other tests rests meanwhile."""
    del platform
    operator.stop()
    pair = tuple(
        Operator(
            cluster,
            tmp_path / name,
            name=name,
            settings={
                "GLOVEBOX_IMAGE": PLATFORM_IMAGE,
                "GLOVEBOX_LEADER_ELECTION": "true",
                "GLOVEBOX_IDENTITY": name,
            },
        )
        for name in ("first", "second")
    )
    try:
        for one in pair:
            one.start()  # waits until it is ready: a follower is
        yield pair[0], pair[1]
    finally:
        for one in pair:
            one.kill()
        operator.start()


def leads(one: Operator) -> bool:
    return one.metric("glovebox_leader") == 1


def works(team: Team, name: str) -> None:
    """A declaration is answered, so somebody works."""
    team.declare("IsolationProfile", name, profile_spec())
    team.expect("IsolationProfile", name)


@pytest.mark.timeout(400)  # it starts five processes
def test_one_replica_works_and_the_other_takes_over(
    replicas: tuple[Operator, Operator], team: Team
) -> None:
    first, second = replicas
    assert leads(first)
    assert not leads(second)
    works(team, "by-the-first")
    assert second.writes() == 0

    # Asked to stop, it gives the lease back.
    first.stop()
    stopped = time.monotonic()
    eventually(lambda: leads(second), what="the second replica leads", timeout=HAND_OVER_SECONDS)
    assert time.monotonic() - stopped < HAND_OVER_SECONDS
    works(team, "by-the-second")

    # Killed, it is followed when its lease has run out.
    first.start()
    assert not leads(first)
    second.kill()
    eventually(lambda: leads(first), what="the first replica leads", timeout=TAKE_OVER_SECONDS)
    works(team, "by-the-first-again")
