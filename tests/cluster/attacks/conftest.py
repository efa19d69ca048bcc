"""The stage of the attacks: one for all of them, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.attacks import stage as building
from support.cluster import running_cluster
from support.operator_process import PLATFORM_IMAGE, Operator, install_chart, store_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.attacks.stage import Stage


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A cluster of its own: what other tests install, bind or leave behind would stand in the lists of rights."""
    with running_cluster(tmp_path_factory.mktemp("attacked")) as cluster:
        install_chart(cluster)
        store_secret(cluster)
        operator = Operator(cluster, tmp_path_factory.mktemp("operator"), settings={"GLOVEBOX_IMAGE": PLATFORM_IMAGE})
        operator.start()
        try:
            yield building.build(cluster)
        finally:
            operator.stop()
