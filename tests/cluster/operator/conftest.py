"""One operator process for the tests of this folder, with the chart and a proven store."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from support.api import Api
from support.cluster import Cluster
from support.no_leaks import without_leaks
from support.numbered_operator import Numbered, numbered_operator
from support.operator_process import (
    BREAK_GLASS,
    CSI_DRIVER,
    PLATFORM_IMAGE,
    Operator,
    Team,
    declare_platform,
    profile_spec,
    running_operator,
)
from support.unhindered import components_unhindered


@pytest.fixture(scope="package")
def operator(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The running operator. A test that kills it starts it again.

    When all tests are over, no secret that was in play is in anything that was put out, and no
    guard has refused one of Kubernetes' own components anything.
    """
    folder = tmp_path_factory.mktemp("operator")
    with running_operator(cluster, folder, PLATFORM_IMAGE) as running:
        # Below it are the logs of all operators, and of the cluster.
        logs = tmp_path_factory.getbasetemp()
        with (
            without_leaks(cluster, logs, lambda: {"/metrics": running.page()}),
            components_unhindered(cluster),
        ):
            yield running


@pytest.fixture(scope="package")
def platform(cluster: Cluster, operator: Operator) -> Team:
    """The profile `standard` and the store `primary`, Ready."""
    del operator
    return declare_platform(cluster)


@pytest.fixture(scope="package")
def profiles(platform: Team) -> Team:
    """One profile for each mode.

    The cache's is of volumes that an administrator makes, without a class.
    """
    csi = {
        "driver": CSI_DRIVER,
        "volumeAttributes": {"bucketName": "$(bucket)"},
        "mountOptions": ["prefix $(prefix)"],
    }
    for name, delivery in (
        (
            "cached",
            {"mode": "Cache", "cache": {"storageClassName": "by-hand", "minimumSize": "1Mi"}},
        ),
        ("driven", {"mode": "CSI", "csi": csi}),
        ("imaged", {"mode": "Image"}),
    ):
        platform.declare("IsolationProfile", name, profile_spec(delivery=delivery))
        platform.expect("IsolationProfile", name)
    return platform


@pytest.fixture(scope="module")
def numbered(
    cluster: Cluster, platform: Team, operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Numbered]:
    """An operator behind proxies that number its writes; nothing else reconciles meanwhile."""
    folder = tmp_path_factory.mktemp("numbered")
    with numbered_operator(cluster, platform, operator, folder) as running:
        yield running


@pytest.fixture
def rogue(cluster: Cluster) -> Api:
    """Somebody whom the guards let through: the group for emergencies."""
    return cluster.api_as("rogue", ["system:masters", BREAK_GLASS])


@pytest.fixture
def team(cluster: Cluster, platform: Team) -> Team:
    """A fresh team with a namespace of its own."""
    del platform
    return Team(cluster, f"team-{uuid.uuid4().hex[:8]}")
