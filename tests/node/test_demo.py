"""The demonstration as root starts it.

With a node, so that the Experiment runs, is sealed, and is verified from outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from glovebox_local.cgroups import hierarchies
from support.kept_demo import kept_demo

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from support.node import NodeCluster

_TIMEOUT = 900.0


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder with a short name: a socket's path has at most 107 bytes."""
    with TemporaryDirectory(prefix="gbx") as folder:
        yield Path(folder)


@pytest.mark.timeout(_TIMEOUT + 60)
def test_the_experiment_runs_and_its_seal_is_verified_and_nothing_stays(
    node_cluster: NodeCluster, state: Path
) -> None:
    """And no secret is in anything that it put out: the run's sessions, keys of the store."""
    del node_cluster  # Whoever has one has shown that there can be nodes here, side by side.
    with kept_demo(state, "--node", timeout=_TIMEOUT) as said:
        text = " ".join(said.split())
    assert "All of it happened" in text
    assert '"event": "trained", "auc": 0.6' in text
    assert "The seal of team-flights/delay-baseline holds." in text
    assert "2 object versions listed: 2 locked, 0 unlocked, 0 unreadable" in text
    for condition in (
        "Isolated True Proven",
        "Succeeded True RunSucceeded",
        "Sealed True Sealed",
        "InputsVerified True Verified",
    ):
        assert condition in text
    assert not list(state.glob("glovebox/d/run/*.json"))
    assert not [folder for hierarchy in hierarchies() for folder in hierarchy.glob("glovebox-d-*")]
