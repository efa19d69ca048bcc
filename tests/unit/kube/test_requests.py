"""What the client does with each answer, and with none: repeated only where nothing was done."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from glovebox.errors import (
    Fenced,
    GloveboxError,
    InvalidInput,
    NamespaceGone,
    Rejected,
    Unavailable,
)
from glovebox.kube.answers import AlreadyExists, Expired, NotFound
from glovebox.kube.client import Client
from glovebox.kube.kinds import CONFIG_MAP, JOB, LEASE, POD, Kind
from glovebox.kube.transport import (
    REQUESTS_AT_ONCE,
    Answer,
    Credentials,
    Transport,
    TransportError,
)
from support.scripted_transport import Asked, User, Wire, answered
from support.virtual_time import now, run

OBJECT = {"metadata": {"name": "a", "namespace": "team"}}
Use = Callable[[Client], Awaitable[object]]


def logins() -> Callable[[], User]:
    names = iter(f"user{number}" for number in range(1, 100))
    return lambda: User(next(names))


def use(wire: Wire, what: Use, **options: Any) -> Any:
    async def main() -> object:
        login = options.pop("login", logins())
        async with Client(login, transport=wire.transport, jitter=lambda: 0.0, **options) as client:
            return await what(client)

    return run(main())


def get(client: Client) -> Awaitable[object]:
    return client.get(CONFIG_MAP, "team", "a")


def put(client: Client) -> Awaitable[object]:
    return client.replace(CONFIG_MAP, OBJECT)


def delete(client: Client) -> Awaitable[object]:
    return client.delete(CONFIG_MAP, "team", "a", uid="u")


def refuses(*users: str) -> Callable[[Asked], Answer]:
    return lambda asked: answered(401 if asked.user in users else 200)


# 401


def test_a_refused_login_is_renewed_once_and_the_request_repeated_with_it() -> None:
    wire = Wire(refuses("user1"))
    use(wire, put)
    assert [asked.user for asked in wire.asked] == ["user1", "user2"]
    assert "user1" in wire.closed


def test_credentials_that_stay_refused_are_an_error_and_not_a_loop() -> None:
    wire = Wire(refuses("user1", "user2", "user3"))
    with pytest.raises(Unavailable, match="did not accept the operator's credentials"):
        use(wire, get)
    assert [asked.user for asked in wire.asked] == ["user1", "user2"]


def test_requests_that_stay_refused_do_not_log_in_one_by_one() -> None:
    """A credential plugin may be slow or ask somebody: it is run again after a pause."""
    wire = Wire(lambda _: answered(401))

    async def one_by_one(client: Client) -> None:
        for _ in range(10):
            with pytest.raises(Unavailable):
                await get(client)

    use(wire, one_by_one)
    assert {asked.user for asked in wire.asked} == {"user1", "user2"}


def test_many_refusals_at_once_lead_to_one_login() -> None:
    wire = Wire(refuses("user1"))
    use(wire, lambda client: asyncio.gather(*(get(client) for _ in range(20))))
    assert {asked.user for asked in wire.asked} == {"user1", "user2"}
    assert len(wire.asked) <= 40


def test_a_request_in_flight_survives_the_login_of_another() -> None:
    wire = Wire(lambda asked: slowly(asked) if asked.path.endswith("slow") else late(asked))

    async def slowly(_: Asked) -> Answer:
        await asyncio.sleep(10)
        return answered(200, {"of": "user1"})

    def late(asked: Asked) -> Answer:
        return answered(401 if asked.user == "user1" else 200)

    async def both(client: Client) -> object:
        slow = asyncio.create_task(client.get(CONFIG_MAP, "team", "slow"))
        await asyncio.sleep(1)
        await get(client)
        return await slow

    assert use(wire, both) == {"of": "user1"}


def test_a_request_that_waited_for_its_turn_takes_the_new_login() -> None:
    async def answer(asked: Asked) -> Answer:
        await asyncio.sleep(1)
        return answered(401 if asked.user == "user1" else 200)

    wire = Wire(answer)
    crowd = REQUESTS_AT_ONCE + 8
    use(wire, lambda client: asyncio.gather(*(get(client) for _ in range(crowd))))
    assert sum(asked.user == "user1" for asked in wire.asked) == REQUESTS_AT_ONCE


class Due(User):
    """Credentials that are due at once."""

    def due(self) -> bool:
        return self.name == "user1"


def test_credentials_that_are_due_are_renewed_before_the_request() -> None:
    wire = Wire(lambda _: answered(200))
    names = iter(("user1", "user2"))
    use(wire, get, login=lambda: Due(next(names)))
    assert [asked.user for asked in wire.asked] == ["user2"]


def test_due_credentials_are_used_on_while_no_new_ones_can_be_had() -> None:
    wire = Wire(lambda _: answered(200))
    names = iter(("user1",))

    def login() -> User:
        name = next(names, None)
        if name is None:
            raise RuntimeError("the plugin failed")
        return Due(name)

    use(wire, get, login=login)
    assert [asked.user for asked in wire.asked] == ["user1"]


def test_credentials_that_are_damaged_leave_the_old_ones_in_use() -> None:
    """A certificate that is none is found when a connection is made of it."""
    wire = Wire(lambda _: answered(200))
    made: list[str] = []

    def transport(credentials: Credentials) -> Transport:
        if made:
            raise ssl.SSLError("no start line")
        made.append("one")
        return wire.transport(credentials)

    async def main() -> None:
        async with Client(lambda: Due("user1"), transport=transport) as client:
            await get(client)
            await get(client)

    run(main())
    assert [asked.user for asked in wire.asked] == ["user1", "user1"]


# 429


def test_whoever_waits_after_a_429_holds_no_place_at_the_gate() -> None:
    times: dict[str, float] = {}

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/busy") and now() < start[0] + 10:
            return answered(429, retry_after="20")
        times[asked.path[-4:]] = now() - start[0]
        return answered(200)

    start = [0.0]

    async def crowd(client: Client) -> None:
        start[0] = now()
        busy = [
            asyncio.create_task(client.get(CONFIG_MAP, "team", "busy"))
            for _ in range(REQUESTS_AT_ONCE)
        ]
        await asyncio.sleep(1)
        await client.get(CONFIG_MAP, "team", "free")
        await asyncio.gather(*busy)

    use(Wire(answer), crowd)
    assert times["free"] == 1
    assert times["busy"] == 20


def test_shedding_is_waited_for_five_times_and_a_long_retry_after_is_cut() -> None:
    wire = Wire(lambda _: answered(429, retry_after="3600"))
    took: list[float] = []

    async def timed(client: Client) -> None:
        started = now()
        with pytest.raises(Unavailable, match="shedding load") as caught:
            await put(client)
        took.append(now() - started)
        assert not caught.value.effect_unknown

    use(wire, timed)
    assert len(wire.asked) == 5
    assert took == [4 * 30]


# No answer, and what it means.


def lost(_: Asked) -> Answer:
    raise TransportError("reset by peer")


def unreached(_: Asked) -> Answer:
    raise TransportError("connection refused", sent=False)


def cut(_: Asked) -> Answer:
    return Answer(200, b'{"metadata"')


def page(_: Asked) -> Answer:
    return Answer(200, b"<html><body>We are back soon</body></html>")


def no_such_page(_: Asked) -> Answer:
    return Answer(404, b"<html><body>default backend</body></html>")


@pytest.mark.parametrize(
    ("what", "answer", "unknown"),
    [
        pytest.param(put, lost, True, id="a write whose answer was lost"),
        pytest.param(put, cut, True, id="a write whose answer was cut off"),
        pytest.param(put, page, True, id="a proxy answers a write with a page"),
        pytest.param(put, lambda _: Answer(200, b"[]"), True, id="a write is answered with a list"),
        pytest.param(get, page, False, id="a proxy answers a read with a page"),
        pytest.param(get, no_such_page, False, id="a proxy says that nothing is there"),
        pytest.param(put, no_such_page, True, id="a proxy says that of a write"),
        pytest.param(put, lambda _: answered(500), True, id="etcd may have taken it"),
        pytest.param(put, lambda _: answered(504), True, id="a gateway gave up waiting"),
        pytest.param(put, unreached, False, id="it never left"),
        pytest.param(put, lambda _: answered(403), False, id="it was refused"),
        pytest.param(get, lost, False, id="a read has no effect"),
        pytest.param(get, lambda _: answered(503), False, id="a read that failed"),
    ],
)
def test_an_error_says_whether_the_effect_is_unknown(
    what: Use, answer: Callable[[Asked], Answer], *, unknown: bool
) -> None:
    with pytest.raises(Unavailable) as caught:
        use(Wire(answer), what)
    assert caught.value.effect_unknown is unknown


async def never(_: Asked) -> Answer:
    await asyncio.sleep(3600)
    return answered(200)


def test_a_request_without_an_answer_ends_after_thirty_seconds() -> None:
    async def timed(client: Client) -> float:
        started = now()
        with pytest.raises(Unavailable) as caught:
            await put(client)
        assert caught.value.effect_unknown
        return now() - started

    assert use(Wire(never), timed) == 30


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (404, "NotFound", NotFound),
        (409, "AlreadyExists", AlreadyExists),
        (410, "Expired", Expired),
        (422, "Invalid", InvalidInput),
    ],
)
def test_every_answer_is_in_the_error_tree(
    code: int, reason: str, error: type[GloveboxError]
) -> None:
    with pytest.raises(error) as caught:
        use(Wire(lambda _: answered(code, {"reason": reason})), put)
    assert isinstance(caught.value, GloveboxError)


def test_a_kind_that_is_not_served_is_not_there() -> None:
    with pytest.raises(NotFound):
        use(Wire(lambda _: Answer(404, b"404 page not found\n")), get)


def test_a_watch_that_is_answered_with_a_page_is_none() -> None:
    opened: list[str] = []

    async def watch(client: Client) -> None:
        async for _ in client.watch(CONFIG_MAP, "1", opened=lambda: opened.append("opened")):
            pass

    wire = Wire(lambda _: answered(200), lambda _: _page(), content_type="text/html")
    with pytest.raises(Unavailable, match="load balancer"):
        use(wire, watch)
    assert not opened


async def _page() -> AsyncIterator[bytes]:
    yield b"<html></html>"


def test_that_a_namespace_is_gone_is_said_by_an_answer_about_it_alone() -> None:
    def create(client: Client) -> Awaitable[object]:
        return client.create(CONFIG_MAP, OBJECT)

    about = {"name": "team", "kind": "namespaces"}
    with pytest.raises(NamespaceGone) as caught:
        use(Wire(lambda _: answered(404, {"reason": "NotFound", "details": about})), create)
    assert caught.value.namespace == "team"


@pytest.mark.parametrize("about", [{}, {"kind": "webhooks"}, "no"])
def test_another_404_to_a_creation_says_nothing_of_a_namespace(about: object) -> None:
    def create(client: Client) -> Awaitable[object]:
        return client.create(CONFIG_MAP, OBJECT)

    with pytest.raises(NotFound) as caught:
        use(Wire(lambda _: answered(404, {"details": about})), create)
    assert not isinstance(caught.value, NamespaceGone)


@pytest.mark.parametrize("code", [400, 422])
def test_a_deletion_that_a_policy_refuses_is_no_mistake_of_the_user(code: int) -> None:
    """It is tried again with backoff: of a mistake, nothing but an edit of the user is expected."""
    with pytest.raises(Rejected, match="a policy of the cluster"):
        use(Wire(lambda _: answered(code, {"reason": "Invalid"})), delete)


# The fence.


def stale() -> float:
    raise Fenced("ApiUnavailable", "the lease is stale")


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(put, id="PUT"),
        pytest.param(lambda client: client.create(CONFIG_MAP, OBJECT), id="POST"),
        pytest.param(lambda client: client.merge(CONFIG_MAP, "team", "a", {}), id="PATCH"),
        pytest.param(lambda client: client.delete(CONFIG_MAP, "team", "a", uid="u"), id="DELETE"),
    ],
)
def test_a_replica_whose_lease_is_stale_writes_nothing(what: Use) -> None:
    wire = Wire(lambda _: answered(200))
    with pytest.raises(Fenced):
        use(wire, what, fence=stale)
    assert wire.asked == []


def test_reading_and_the_election_itself_pass_the_fence() -> None:
    wire = Wire(lambda _: answered(200))
    use(wire, get, fence=stale)
    use(wire, lambda client: client.replace(LEASE, OBJECT), fence=stale)
    assert [asked.method for asked in wire.asked] == ["GET", "PUT"]


def test_a_write_takes_no_longer_than_what_is_left_of_the_lease() -> None:
    async def timed(client: Client) -> float:
        started = now()
        with pytest.raises(Unavailable):
            await put(client)
        return now() - started

    wire = Wire(never)
    assert use(wire, timed, fence=lambda: 4.0) == 4
    assert wire.asked[0].timeout_seconds == 4


def test_the_fence_is_asked_when_the_request_has_its_turn_and_not_before() -> None:
    """A request that waited at the gate, or after a 429, while the lease ran out is not sent."""
    held = [True]

    def fence() -> float:
        return 30.0 if held[0] else stale()

    def answer(_: Asked) -> Answer:
        held[0] = False
        return answered(429)

    wire = Wire(answer)
    with pytest.raises(Fenced):
        use(wire, put, fence=fence)
    assert len(wire.asked) == 1


# Watches.


def test_a_watch_whose_login_is_refused_logs_in_again_once() -> None:
    async def lines() -> AsyncIterator[bytes]:
        yield b'{"type":"ADDED","object":{"a":1}}\n{"type":"ADDED","ob'
        yield b'ject":{"a":2}}\n'

    wire = Wire(lambda _: answered(200), lambda asked: 401 if asked.user == "user1" else lines())

    async def watched(client: Client) -> list[int]:
        return [event["object"]["a"] async for event in client.watch(CONFIG_MAP, "7")]

    assert use(wire, watched) == [1, 2]
    assert [asked.user for asked in wire.asked] == ["user1", "user2"]


# lists


@pytest.mark.parametrize(
    ("kind", "namespace", "most"), [(POD, "gbx-1", "10"), (POD, None, "10"), (JOB, "gbx-1", "50")]
)
def test_of_a_team_s_pods_few_are_read_at_once(
    kind: Kind, namespace: str | None, most: str
) -> None:
    wire = Wire(lambda _: answered(200, {"metadata": {"resourceVersion": "1"}, "items": []}))

    async def read(client: Client) -> None:
        async for _ in client.pages(kind, namespace=namespace):
            pass

    use(wire, read)
    assert [asked.params["limit"] for asked in wire.asked] == [most]
