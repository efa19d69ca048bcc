"""What is sent to create an object and to recreate one, and what is not sent."""

from __future__ import annotations

from typing import Any, cast

import pytest

from glovebox.apply.applier import Applier
from glovebox.apply.children import Children
from glovebox.errors import Conflict, Forbidden, InvalidInput, NamespaceGone, NotReady, Rejected
from glovebox.kube.answers import NotFound
from glovebox.kube.client import Client
from glovebox.kube.kinds import CONFIG_MAP, Kind
from glovebox.kube.objects import key_of

Json = dict[str, Any]
SPACE = "gbx-team-exp-0123456789"
INTENT: Json = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "snapshot", "namespace": SPACE},
    "data": {"a": "as bound"},
    "immutable": True,
}
KEY = key_of(CONFIG_MAP, INTENT)


def stored(uid: str, version: int, obj: Json = INTENT, **metadata: Any) -> Json:
    given = {"uid": uid, "resourceVersion": str(version), **metadata}
    return {**obj, "metadata": {**obj["metadata"], **given}}


class Server:
    """Holds one ConfigMap at most, which nobody can change; refuses what it is told to."""

    def __init__(self, there: Json | None = None, **refuses: Exception) -> None:
        self.there, self.refuses = there, refuses
        self.sent: list[str] = []
        self.is_held = False

    def _send(self, verb: str) -> None:
        self.sent.append(verb)
        if verb in self.refuses:
            raise self.refuses[verb]

    async def get(self, *_: Any) -> Json:
        self._send("get")
        if self.there is None:
            raise NotFound("NotFound", "nothing")
        return self.there

    async def create(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
        del kind
        self._send("dry run" if dry_run else "create")
        answer = stored("new", 9, obj)
        if not dry_run:
            self.there = answer
        return answer

    async def replace(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
        del kind, obj
        self.sent.append("ask" if dry_run else "replace")
        raise InvalidInput("Invalid", "field is immutable")

    async def delete(self, *_: Any, uid: str) -> Json | None:
        self._send("delete")
        assert self.there is not None
        assert self.there["metadata"]["uid"] == uid
        if self.is_held:
            held = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/held"]}
            self.there = {**self.there, "metadata": {**self.there["metadata"], **held}}
            return self.there
        answer, self.there = self.there, None
        return answer


def applier(server: Server) -> Applier:
    children = Children(lambda _: None, lambda: 0.0)
    if server.there is not None:
        children.table(CONFIG_MAP).seen(server.there)
    return Applier(cast("Client", server), children, lambda: 0.0)


@pytest.mark.parametrize("policy", ["Repair", "Alert", "Ignore"])
async def test_what_was_never_there_is_created_whatever_the_drift_policy(policy: str) -> None:
    server = Server()
    applied = await applier(server).ensure(INTENT, established=False, policy=policy)
    assert (applied.result, server.sent) == ("created", ["create"])


@pytest.mark.parametrize(
    ("policy", "result", "sent"),
    [
        ("Repair", "repaired", ["get", "create"]),
        ("Alert", "alerted", ["get"]),
        ("Ignore", "ignored", []),
    ],
)
async def test_what_stood_once_is_created_again_as_the_policy_says(
    policy: str, result: str, sent: list[str]
) -> None:
    server = Server()
    applied = await applier(server).ensure(INTENT, established=True, policy=policy)
    assert (applied.result, server.sent) == (result, sent)
    assert applied.drift is not None
    assert applied.drift.change == "deleted"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("forbidden: namespace gbx is being terminated", NotReady),
        ("forbidden: no right", Forbidden),
    ],
)
async def test_a_namespace_that_goes_is_waited_for(said: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await applier(Server(create=Forbidden("Forbidden", said))).ensure(INTENT, established=False)


CHANGED = stored("old", 3, {**INTENT, "data": {"a": "edited"}})


async def test_what_nobody_can_change_is_recreated_once_that_is_sure() -> None:
    server = Server(CHANGED)
    applied = await applier(server).ensure(INTENT, established=True)
    assert applied.result == "repaired"
    assert server.sent[-4:] == ["replace", "dry run", "delete", "create"]


async def test_what_cannot_be_created_again_is_not_deleted() -> None:
    server = Server(CHANGED, **{"dry run": InvalidInput("Invalid", "a policy")})
    with pytest.raises(Rejected, match="a policy"):
        await applier(server).ensure(INTENT, established=True)
    assert server.there is CHANGED


async def test_a_namespace_that_is_gone_is_no_writer_that_was_faster() -> None:
    gone = NamespaceGone("NamespaceTerminating", "no", namespace=SPACE)
    server = Server(CHANGED, create=gone)
    with pytest.raises(NamespaceGone):
        await applier(server).ensure(INTENT, established=True)
    assert server.sent.count("create") == 1


async def test_beside_what_a_finalizer_holds_nothing_is_created() -> None:
    server = Server(CHANGED)
    server.is_held = True
    with pytest.raises(Rejected, match=r"example\.com/held"):
        await applier(server).ensure(INTENT, established=True)
    assert "create" not in server.sent


async def test_one_404_is_no_proof_that_something_is_gone() -> None:
    class Lying(Server):
        async def delete(self, *_: Any, uid: str) -> Json | None:
            del uid
            return None

    server = Lying(CHANGED)
    with pytest.raises(Conflict):
        await applier(server).take_away(CONFIG_MAP, KEY, "old", 3)
    server.there = stored("another", 5)
    assert await applier(server).take_away(CONFIG_MAP, KEY, "old", 3) == ()
