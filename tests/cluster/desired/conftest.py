"""A cluster without chart and operator: here the operator's part is played by hand."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import pytest

from cluster.desired.provisioned import Provision, Provisioned
from support.cluster import running_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox.desired.inputs import ExperimentInputs
    from support.cluster import Cluster


@pytest.fixture(scope="package")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of its own: other guards and operators would take our namespaces for theirs."""
    with running_cluster(tmp_path_factory.mktemp("desired")) as cluster:
        yield cluster


@pytest.fixture(scope="package")
def provision(bare: Cluster) -> Provision:
    """Write all objects of an experiment, each time into another namespace."""
    numbers = itertools.count()

    def write(inputs: ExperimentInputs) -> Provisioned:
        return Provisioned(
            bare.api, dataclasses.replace(inputs, namespace=f"desired-{next(numbers)}")
        )

    return write
