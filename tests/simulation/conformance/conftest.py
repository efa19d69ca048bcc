"""The servers that conformance tests run against: the stand-in, and the real one (mark `real`)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from simulation.api_server import ApiServer, Asked, Refused
from simulation.api_transport import answered, parse
from support.api import Api, ApiError
from support.cluster import (
    Cluster,
    build_before_the_first_test,
    ensure_programs,
    running_cluster,
)
from support.waiting import eventually

Json = dict[str, Any]
_HERE = Path(__file__).parent
_CRDS = _HERE.parents[2] / "crds"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real: needs the built programs of a real cluster")


def pytest_collection_finish(session: pytest.Session) -> None:
    if any(item.get_closest_marker("real") for item in session.items):
        build_before_the_first_test(session, _HERE, ensure_programs)


class StandInApi(Api):
    """The stand-in as one sees it who asks by HTTP."""

    def __init__(self) -> None:
        numbers = itertools.count(1)
        self.server = ApiServer(
            lambda: datetime.now(UTC), lambda: f"00000000-0000-4000-8000-{next(numbers):012d}"
        )
        self.headers = {}
        for name in ("default", "kube-system"):
            self.create_namespace(name)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str | None = None,
        **query: Any,
    ) -> Any:
        del accept
        params = {name: str(value) for name, value in query.items()}
        body = None if body is None else json.loads(json.dumps(body))
        try:
            code, answer = answered(
                self.server,
                parse(method, path, "administrator", params),
                params,
                body,
                content_type,
            )
        except Refused as refusal:
            code, answer = refusal.code, refusal.status
        if code >= 400:
            raise ApiError(method, path, code, answer)
        return json.loads(json.dumps(answer))

    def events(self, path: str, version: str, **query: Any) -> list[Json]:
        """Return what a watch shows at once."""
        asked = parse("GET", path, "administrator", {"watch": "1"})
        try:
            watch = self.server.watch(
                asked,
                version,
                label_selector=query.get("labelSelector", ""),
                field_selector=query.get("fieldSelector", ""),
            )
            return list(watch.pending())
        except Refused as refusal:
            return [{"type": "ERROR", "object": refusal.status}]

    def account(self, namespace: str) -> None:
        """Do what the ServiceAccount controller does."""
        asked = Asked("controller", "create", _kind("serviceaccounts"), namespace, "default")
        self.server.create(asked, {"metadata": {"name": "default"}})

    def finish_namespace(self, namespace: str) -> None:
        """Do what the namespace controller does last."""
        self.server.finalize_namespace(namespace)


def _kind(plural: str) -> Any:
    return parse("GET", f"/api/v1/{plural}", "", {}).kind


class RealApi(Api):
    """The real API server."""

    def events(self, path: str, version: str, **query: Any) -> list[Json]:
        """Return what a watch shows within a second."""
        connection = self.connect()
        asked = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "1", **query}
        text = "&".join(f"{name}={value}" for name, value in asked.items())
        connection.request("GET", f"{path}?{text}", headers=self.headers)
        raw = connection.getresponse().read()
        connection.close()
        return [json.loads(line) for line in raw.splitlines() if line]

    def account(self, namespace: str) -> None:
        """Wait for the ServiceAccount controller."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        eventually(lambda: self.find(path), what="the default account")

    def finish_namespace(self, namespace: str) -> None:
        """Wait for the namespace controller."""
        eventually(
            lambda: self.find(f"/api/v1/namespaces/{namespace}") is None, what="the namespace goes"
        )


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("conformance")) as running:
        yield running


@pytest.fixture(scope="package")
def real_api(cluster: Cluster) -> RealApi:
    api = RealApi(cluster.kubeconfig)
    for path in sorted(_CRDS.glob("*.yaml")):
        api.create(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            yaml.safe_load(path.read_text(encoding="utf-8")),
        )
    eventually(
        lambda: all(
            _served(api, plural)
            for plural in ("experiments", "isolationprofiles", "objectstores", "datasetpins")
        ),
        what="our kinds are served",
    )
    return api


def _served(api: Api, plural: str) -> bool:
    try:
        api.list(f"/apis/glovebox.dev/v1alpha1/{plural}")
    except ApiError:
        return False
    return True


@pytest.fixture(scope="package")
def stand_in_api() -> StandInApi:
    return StandInApi()


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.real)])
def api(request: pytest.FixtureRequest) -> Any:
    name = "stand_in_api" if request.param == "stand-in" else "real_api"
    return request.getfixturevalue(name)


_namespaces = itertools.count(1)


@pytest.fixture
def namespace(api: Any) -> str:
    name = f"conformance-{next(_namespaces)}"
    api.create_namespace(name)
    return name
