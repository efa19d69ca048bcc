"""One operator process for the tests of this folder, with the chart installed and a proven store."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from support.cluster import Cluster
from support.operator_process import (
    CSI_DRIVER,
    PLATFORM_IMAGE,
    Operator,
    Team,
    declare_platform,
    profile_spec,
    running_operator,
)


@pytest.fixture(scope="session")
def operator(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The running operator. A test that kills it starts it again."""
    with running_operator(cluster, tmp_path_factory.mktemp("operator"), PLATFORM_IMAGE) as running:
        yield running


@pytest.fixture(scope="session")
def platform(cluster: Cluster, operator: Operator) -> Team:
    """The profile `standard` and the store `primary`, Ready."""
    del operator
    return declare_platform(cluster)


@pytest.fixture(scope="session")
def profiles(platform: Team) -> Team:
    """One profile for each mode. The cache's is of volumes that an administrator makes, without a class."""
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


@pytest.fixture
def team(cluster: Cluster, platform: Team) -> Team:
    """A fresh team with a namespace of its own."""
    del platform
    return Team(cluster, f"team-{uuid.uuid4().hex[:8]}")
