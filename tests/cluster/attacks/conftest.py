"""The stage of the attacks: one for all of them, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.attacks import stage as building
from support.cluster import running_cluster
from support.operator_process import PLATFORM_IMAGE, running_operator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.attacks.stage import Stage


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A cluster of its own.

    What other tests install, bind or leave behind would stand in the lists of rights.
    """
    with (
        running_cluster(tmp_path_factory.mktemp("attacked")) as cluster,
        running_operator(cluster, tmp_path_factory.mktemp("operator"), PLATFORM_IMAGE),
    ):
        yield building.build(cluster)
