"""The election on the real API server: one leads, hands over in time, and writes nothing after."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from glovebox.errors import Fenced
from glovebox.kube.client import Client
from glovebox.kube.kinds import CONFIG_MAP, LEASE
from glovebox.kube.lease import Elector, LeaseLostError, Timing
from glovebox.kube.session import Login

# As in the product, but five times as fast.
QUICK = Timing(lease=3.0, renew=0.4, request=0.6, deadline=2.0, margin=0.4)


@asynccontextmanager
async def replica(login: Login, namespace: str, name: str) -> AsyncIterator[Elector]:
    async with Client(login) as client:
        elector = Elector(client, namespace, "glovebox", name, timing=QUICK)
        client.fence = elector.remaining_seconds
        yield elector


@pytest.fixture
def identities() -> tuple[str, str]:
    return f"a-{uuid.uuid4().hex[:6]}", f"b-{uuid.uuid4().hex[:6]}"


async def test_the_lease_is_handed_over_and_shows_who_leads(
    login: Login, client: Client, namespace: str, identities: tuple[str, str]
) -> None:
    first, second = identities
    async with (
        replica(login, namespace, first) as a,
        replica(login, namespace, second) as b,
    ):
        await a.acquire()
        waiting = asyncio.create_task(b.acquire())
        holding = asyncio.create_task(a.hold())
        await asyncio.sleep(QUICK.lease + 1)  # longer than the lease: it is renewed
        assert a.leads
        assert not waiting.done()
        lease = await client.get(LEASE, namespace, "glovebox")
        assert lease["spec"]["holderIdentity"] == first
        assert lease["spec"]["leaseTransitions"] == 1
        holding.cancel()
        await asyncio.wait((holding,))
        await a.release()
        async with asyncio.timeout(QUICK.lease):
            await waiting
        lease = await client.get(LEASE, namespace, "glovebox")
        assert lease["spec"]["holderIdentity"] == second
        assert lease["spec"]["leaseTransitions"] == 2
        assert lease["spec"]["acquireTime"] <= lease["spec"]["renewTime"]


async def test_whoever_lost_the_lease_stops_and_writes_nothing(
    login: Login, client: Client, namespace: str, identities: tuple[str, str]
) -> None:
    first, second = identities
    async with replica(login, namespace, first) as a:
        await a.acquire()
        made = {"metadata": {"name": "by-the-leader", "namespace": namespace}}
        await a._client.create(CONFIG_MAP, made)
        lease = await client.get(LEASE, namespace, "glovebox")
        spec = {**lease["spec"], "holderIdentity": second}
        await client.replace(LEASE, {**lease, "spec": spec})
        with pytest.raises(LeaseLostError, match="another replica"):
            await a.hold()
        with pytest.raises(Fenced):
            await a._client.delete(CONFIG_MAP, namespace, "by-the-leader", uid="any")
        assert await client.get(CONFIG_MAP, namespace, "by-the-leader")
        # It was another's by then: it is not given back.
        await a.release()
        lease = await client.get(LEASE, namespace, "glovebox")
        assert lease["spec"]["holderIdentity"] == second


async def test_two_who_begin_at_once_end_as_one(
    login: Login, namespace: str, identities: tuple[str, str]
) -> None:
    first, second = identities
    async with (
        replica(login, namespace, first) as a,
        replica(login, namespace, second) as b,
    ):
        tasks = [asyncio.create_task(elector.acquire()) for elector in (a, b)]
        done, _ = await asyncio.wait(tasks, timeout=QUICK.lease / 2)
        assert len(done) == 1
        assert [a.leads, b.leads].count(True) == 1
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
