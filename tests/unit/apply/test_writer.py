"""A Secret with credentials is written only on the version that was read; pods end soon."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from glovebox.apply.children import Children
from glovebox.apply.writer import Writer
from glovebox.errors import Conflict
from glovebox.kube.answers import AlreadyExists
from glovebox.kube.client import Client
from glovebox.kube.kinds import EXPERIMENT, POD, Kind
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
