"""A cluster of its own with nothing but the CRDs.

No operator, so that what holds here is held by the API server alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from glovebox.api.kinds import BY_NAME, KINDS
from glovebox.names import API_VERSION
from support.api import path_of
from support.cluster import Cluster, running_cluster
from support.examples import REPOSITORY, flights, merged

if TYPE_CHECKING:
    from support.api import Json

TEAM = "team-flights"


@pytest.fixture(scope="package")
def crds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster with the CRDs of the repository.

    Of its own, because the chart installs the same CRDs elsewhere, and helm refuses to take over
    what it did not install.
    """
    with running_cluster(tmp_path_factory.mktemp("crds")) as cluster:
        cluster.kubectl("apply", "--server-side", "-f", str(REPOSITORY / "crds"))
        for kind in KINDS:
            cluster.kubectl(
                "wait", "--for=condition=Established", f"crd/{kind.crd_name}", "--timeout=30s"
            )
        cluster.api.create_namespace(TEAM)
        yield cluster


def object_path(kind: str, name: str) -> str:
    """Return the path of an object of ours; namespaced ones live in the team's namespace."""
    entry = BY_NAME[kind]
    return path_of(
        API_VERSION, entry.plural, namespace=TEAM if entry.namespaced else None, name=name
    )


@pytest.fixture
def make(crds: Cluster) -> Iterator[Callable[..., Json]]:
    """Creates an object of docs/examples/flights under another name, with changes.

    Deleted after the test.
    """
    made: list[str] = []

    def create(kind: str, name: str, change: dict[str, Any] | None = None) -> Json:
        body = merged(merged(flights(kind), {"metadata": {"name": name}}), change or {})
        collection = object_path(kind, name).rpartition("/")[0]
        result = crds.api.create(collection, body)
        made.append(object_path(kind, name))
        return result

    yield create
    for path in made:
        crds.api.delete(path)
