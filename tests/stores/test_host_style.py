"""`pathStyle: false`: the bucket is part of the host's name, in each request of the product."""

from __future__ import annotations

import datetime as dt
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cluster.store.test_verifying import found, sealed, verify
from glovebox.data.proofs import Outcome
from glovebox.store.pins import PrefixSource, build_pin
from glovebox.store.probes import prove_store
from stores.test_seals import put
from support.other_stores import DOMAIN

if TYPE_CHECKING:
    from glovebox.store.connection import Store, Stores, StoreSettings
    from support.running_stores import OtherStore

# The one of these stores that has a domain.
pytestmark = pytest.mark.parametrize("running", ["minio"], indirect=True)
ODD = ("plain", "x y+%25&<", "ünï", "a/b", "~tilde", "q?s=1#f")


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names below the domain are this machine; yield which were looked up."""
    asked: set[str] = set()
    real = socket.getaddrinfo

    def look_up(host: Any, *rest: Any, **named: Any) -> Any:
        if str(host).endswith(DOMAIN):
            asked.add(str(host))
            host = "127.0.0.1"
        return real(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


@pytest.fixture
def hosted(stores: Stores, settings: StoreSettings, resolved: set[str]) -> Store:
    del resolved
    endpoint = settings.endpoint.replace("127.0.0.1", DOMAIN)
    return stores.open(replace(settings, endpoint=endpoint, path_style=False))


async def test_checks_pins_and_seals_name_the_bucket_in_the_host(
    hosted: Store, locked_bucket: str, running: OtherStore, resolved: set[str]
) -> None:
    proofs = await prove_store(
        hosted, bucket=locked_bucket, role_arn=running.role, now=dt.datetime.now(dt.UTC)
    )
    assert [each for each in proofs if each.outcome is not Outcome.PASSED] == []
    for name in ODD:
        put(hosted, locked_bucket, name, name.encode())
    source = PrefixSource(locked_bucket, "team/")
    pin = await build_pin(hosted, source, artifacts_bucket=locked_bucket, lock=None)
    assert pin.roots.objects == len(ODD)
    await sealed(hosted, locked_bucket)
    verified = verify(hosted, locked_bucket)
    assert (found(verified), len(verified.report.artifacts)) == ([], len(ODD))
    # AssumeRole is asked of the endpoint itself; all else of the bucket's host.
    assert resolved == {DOMAIN, f"{locked_bucket}.{DOMAIN}"}
