"""A Secret with credentials is written only on the version that was read; pods end soon."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from glovebox.apply.children import Children
from glovebox.apply.writer import Writer
from glovebox.desired.difference import fingerprint
from glovebox.errors import Conflict, InvalidInput, Rejected
from glovebox.kube.answers import AlreadyExists, NotFound
from glovebox.kube.client import Client
from glovebox.kube.kinds import CONFIG_MAP, EXPERIMENT, POD, ROLE_BINDING, SECRET, Kind
from glovebox.kube.objects import key_of
from glovebox.kube.resources import Resources

Json = dict[str, Any]
SPACE, NAME = "gbx-team-exp-0123456789", "glovebox-artifacts-credentials"


def secret(uid: str = "", version: str = "", **data: str) -> Json:
    metadata = {"name": NAME, "namespace": SPACE}
    if uid:
        metadata |= {"uid": uid, "resourceVersion": version}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


class Server:
    """Holds one Secret, and compares UID and version as the API server does."""

    def __init__(self, there: Json | None) -> None:
        self.there = there
        self.sent: list[str] = []

    async def create(self, kind: Kind, obj: Json) -> Json:
        del kind
        self.sent.append("create")
        if self.there is not None:
            raise AlreadyExists("AlreadyExists", "something has the name")
        self.there = {**obj, "metadata": {**obj["metadata"], "uid": "ours", "resourceVersion": "1"}}
        return self.there

    async def get(self, *_: Any) -> Json:
        self.sent.append("get")
        assert self.there is not None
        return self.there

    async def replace(self, kind: Kind, obj: Json) -> Json:
        del kind
        self.sent.append("replace")
        assert self.there is not None
        live, given = self.there["metadata"], obj["metadata"]
        for field in ("uid", "resourceVersion"):
            if given[field] != live[field]:
                raise Conflict("Conflict", f"another {field}")
        self.there = {**obj, "metadata": {**given, "resourceVersion": "9"}}
        return self.there


def rotate(server: Server, live: Json | None) -> None:
    children = Children(lambda _: None, lambda: 0.0)
    writer = Writer(cast("Client", server), children, Resources(lambda _: None), lambda: 0.0)
    asyncio.run(writer.rotate(secret(key="new"), live, watched=True))


def test_what_was_read_is_replaced_on_its_version() -> None:
    server = Server(secret("a", "3", key="old"))
    rotate(server, secret("a", "3"))
    assert server.there is not None
    assert (server.sent, server.there["data"]) == (["replace"], {"key": "new"})


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (secret("a", "4", key="theirs"), "somebody wrote in between"),
        (secret("b", "3", key="theirs"), "another one took its place"),
    ],
)
def test_what_somebody_wrote_since_is_not_overwritten(there: Json, why: str) -> None:
    server = Server(there)
    with pytest.raises(Conflict):
        rotate(server, secret("a", "3"))
    assert server.there is there, why


def test_what_has_the_name_already_is_read_before_it_is_replaced() -> None:
    server = Server(secret("b", "7", key="theirs"))
    rotate(server, None)
    assert server.sent == ["create", "get", "replace"]


def test_where_nothing_is_it_is_created() -> None:
    server = Server(None)
    rotate(server, None)
    assert server.sent == ["create"]


@pytest.mark.parametrize(
    ("spec", "grace"),
    [({"terminationGracePeriodSeconds": 864000}, 30), ({}, 30)]
    + [({"terminationGracePeriodSeconds": said}, max(said, 1)) for said in (0, 1, 5, 30)],
)
def test_a_pod_is_stopped_within_30_seconds_whatever_it_says(spec: Json, grace: int) -> None:
    sent: list[Json] = []

    class Deleting:
        async def delete(self, kind: Kind, namespace: str, name: str, **options: Any) -> None:
            sent.append({"what": (kind, namespace, name), **options})

    children = Children(lambda _: None, lambda: 0.0)
    client = cast("Client", Deleting())
    writer = Writer(client, children, Resources(lambda _: None), lambda: 0.0)
    pod = {"metadata": {"name": "a", "namespace": SPACE, "uid": "u"}, "spec": spec}
    asyncio.run(writer.stop(pod))
    assert sent == [{"what": (POD, SPACE, "a"), "uid": "u", "grace_seconds": grace}]


class Patched:
    """Takes each merge patch and each status, and keeps what was sent."""

    def __init__(self) -> None:
        self.patches: list[Json] = []

    async def replace(self, kind: Kind, obj: Json, *, subresource: str) -> Json:
        del kind
        assert subresource == "status"
        self.patches.append(obj)
        return obj

    async def merge(self, kind: Kind, namespace: str | None, name: str, patch: Json) -> Json:
        del namespace
        self.patches.append(patch)
        return {"apiVersion": kind.api_version, "kind": kind.kind, **LIVE, "name": name}


LIVE: Json = {"metadata": {"name": "x", "namespace": "team", "uid": "u", "resourceVersion": "7"}}


def test_what_others_own_is_written_on_the_version_that_was_read() -> None:
    server = Patched()
    children = Children(lambda _: None, lambda: 0.0)
    client = cast("Client", server)
    writer = Writer(client, children, Resources(lambda _: None), lambda: 0.0)
    experiment = {"apiVersion": EXPERIMENT.api_version, "kind": EXPERIMENT.kind, **LIVE}
    asyncio.run(writer.write_finalizers(experiment, ["a"]))
    asyncio.run(writer.set_state_label({"kind": "Namespace", **LIVE}, "Sealed"))
    asyncio.run(writer.write_status(experiment, {"state": "Open"}))
    assert [patch["metadata"]["resourceVersion"] for patch in server.patches] == ["7"] * 3


def writing(client: object, children: Children | None = None) -> Writer:
    children = children or Children(lambda _: None, lambda: 0.0)
    return Writer(cast("Client", client), children, Resources(lambda _: None), lambda: 0.0)


EXPERIMENT_OBJ = {"apiVersion": EXPERIMENT.api_version, "kind": EXPERIMENT.kind, **LIVE}
LABELLED: Json = {
    "metadata": {
        **LIVE["metadata"],
        "labels": {"glovebox.dev/state": "Sealed"},
        "annotations": {"glovebox.dev/a": "1"},
    }
}


@pytest.mark.parametrize(
    ("write", "sent"),
    [
        pytest.param(lambda to: to.write_status({**EXPERIMENT_OBJ, "status": {}}, {}), 0, id="it"),
        pytest.param(lambda to: to.write_status(EXPERIMENT_OBJ, {"state": "Open"}), 1, id="status"),
        pytest.param(lambda to: to.set_state_label(LABELLED, "Sealed"), 0, id="the same label"),
        pytest.param(lambda to: to.set_state_label(LABELLED, "Frozen"), 1, id="another label"),
        pytest.param(
            lambda to: to.set_state_label(
                LABELLED, "Sealed", annotations={"glovebox.dev/a": "1", "glovebox.dev/b": None}
            ),
            0,
            id="notes that it has, and one that it has not",
        ),
        pytest.param(
            lambda to: to.set_state_label(LABELLED, "Sealed", annotations={"glovebox.dev/a": None}),
            1,
            id="a note that goes",
        ),
    ],
)
def test_what_is_so_already_is_not_written(
    write: Callable[[Writer], Awaitable[object]], sent: int
) -> None:
    server = Patched()

    async def test() -> None:
        await write(writing(server))

    asyncio.run(test())
    assert len(server.patches) == sent


class Refusing:
    """Takes nothing: a policy of the cluster says of each write that it is invalid."""

    async def _refuse(self, *_: Any, **__: Any) -> Json:
        raise InvalidInput("Invalid", "a policy of the cluster")

    create = create_or_get = replace = merge = _refuse

    async def get(self, *_: Any) -> Json:
        return secret("a", "3", key="theirs") | {"type": "Opaque"}


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda to: to.create_once(SECRET, secret()), id="once"),
        pytest.param(
            lambda to: to.rotate(secret() | {"type": "Opaque"}, secret("a", "3"), watched=False),
            id="rotate",
        ),
        pytest.param(lambda to: to.extend({"metadata": {"name": "x"}}, LIVE), id="extend"),
        pytest.param(lambda to: to.write_status(EXPERIMENT_OBJ, {"state": "Open"}), id="status"),
        pytest.param(lambda to: to.write_finalizers(EXPERIMENT_OBJ, ["a"]), id="finalizers"),
        pytest.param(lambda to: to.set_state_label(LIVE, "Sealed"), id="label"),
    ],
)
def test_what_the_cluster_refuses_of_ours_is_no_mistake_of_the_user(
    write: Callable[[Writer], Awaitable[object]],
) -> None:
    async def test() -> None:
        await write(writing(Refusing()))

    with pytest.raises(Rejected, match="a policy of the cluster"):
        asyncio.run(test())


BINDING: Json = {
    "kind": "RoleBinding",
    "metadata": {"name": "team", "namespace": SPACE, "uid": "u", "resourceVersion": "7"},
}


@pytest.mark.parametrize("read", [BINDING, None], ids=["it is read", "the read says no"])
def test_a_last_act_takes_away_what_either_the_read_or_the_watch_knows(read: Json | None) -> None:
    deleted: list[str] = []

    class Deaf:
        async def get(self, *_: Any) -> Json:
            if read is None:
                raise NotFound("NotFound", "nothing")
            return read

        async def delete(self, *_: Any, uid: str) -> Json:
            deleted.append(uid)
            return {"kind": "Status"}

    key = key_of(ROLE_BINDING, BINDING)
    children = Children(lambda _: None, lambda: 0.0)
    children.table(ROLE_BINDING).seen(BINDING)
    children.want(key, fingerprint(BINDING))
    assert asyncio.run(writing(Deaf(), children).remove_live(ROLE_BINDING, key)) == ()
    assert deleted == ["u"]
    assert children.wanted(key) is None, "nobody is to make it again"
    assert children.get(key) is None


def test_where_neither_knows_anything_nothing_is_deleted() -> None:
    class Empty:
        async def get(self, *_: Any) -> Json:
            raise NotFound("NotFound", "nothing")

    key = key_of(CONFIG_MAP, {"metadata": {"name": "x", "namespace": SPACE}})
    assert asyncio.run(writing(Empty()).remove_live(CONFIG_MAP, key)) == ()
