"""The same questions to every store: `make test-stores` builds them, and nothing else does."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from glovebox.store.buckets import DefaultRetention, ensure_bucket
from glovebox.store.connection import Store, StoreSettings
from glovebox_local.errors import LocalError
from glovebox_local.packages import CEPH_PACKAGES, install_packages
from glovebox_local.programs import COSIGN, STORE_PROGRAMS
from glovebox_local.programs import ensure_programs as build_programs
from stores.expected import EXPECTED, Expected
from support.cluster import build_before_the_first_test
from support.other_stores import STORES
from support.store_fixtures import data_bucket, store, stores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox_local.progress import Progress
    from support.running_stores import OtherStore

__all__ = ["data_bucket", "store", "stores"]
_HERE = Path(__file__).parent
_NO_CEPH = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have all tests here left out wherever they are not asked for."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker("stores")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build or install the stores that are asked, before the first test."""
    asked = {
        item.callspec.params.get("running")
        for item in session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    }
    if any(COSIGN.name in getattr(item, "fixturenames", ()) for item in session.items):
        asked.add(COSIGN.name)
    programs = [program for program in STORE_PROGRAMS if program.name in asked]

    def bring(progress: Progress) -> None:
        build_programs(programs, progress)
        if "ceph" in asked:
            try:
                install_packages(progress, CEPH_PACKAGES)
            except LocalError as error:
                session.config.stash[_NO_CEPH] = f"NOT TESTED: {error}"

    build_before_the_first_test(session, _HERE, bring)


@pytest.fixture(scope="session", params=list(STORES))
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OtherStore]:
    """Each store in turn."""
    if request.param == "ceph" and (reason := request.config.stash.get(_NO_CEPH, "")):
        pytest.skip(reason)
    with STORES[request.param](tmp_path_factory.mktemp(request.param)) as found:
        yield found


@pytest.fixture
def expected(running: OtherStore) -> Expected:
    """What this store cannot hold."""
    return EXPECTED[running.name]


@pytest.fixture
def settings(running: OtherStore) -> StoreSettings:
    return StoreSettings(endpoint=running.endpoint, credentials=running.operator)


@pytest.fixture
async def locked_bucket(store: Store) -> str:
    """A new bucket as the operator makes one: lock, versions, a day in COMPLIANCE."""
    name = f"locked-{secrets.token_hex(4)}"
    retention = DefaultRetention("COMPLIANCE", 1)
    assert await ensure_bucket(store, name, create=True, lock_required=True, retention=retention)
    return name
