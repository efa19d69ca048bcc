"""A Secret with credentials is written only on the version that was read; pods end soon."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, cast

import pytest

from glovebox.apply import writer
from glovebox.apply.children import Children
from glovebox.apply.managed import NotManagedError, Strategy
from glovebox.apply.writer import Writer
from glovebox.desired.difference import fingerprint
from glovebox.desired.drift import Applied, Drift
from glovebox.errors import Conflict, InvalidInput, Rejected
from glovebox.kube.answers import AlreadyExists, NotFound
from glovebox.kube.client import Client
from glovebox.kube.kinds import CONFIG_MAP, EVENT, EXPERIMENT, NODE, POD, ROLE_BINDING, SECRET, Kind
from glovebox.kube.objects import key_of
from glovebox.kube.resources import Key, Resources

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


def test_a_label_and_the_notes_that_change_are_written_in_one_patch() -> None:
    server = Patched()

    async def test() -> None:
        notes = {"glovebox.dev/a": "1", "glovebox.dev/b": "2"}
        await writing(server).set_state_label(LABELLED, "Frozen", annotations=notes)
        await writing(server).set_state_label(LIVE, "Sealed", annotations={"glovebox.dev/a": "1"})

    asyncio.run(test())
    assert [patch["metadata"] for patch in server.patches] == [
        {
            "labels": {"glovebox.dev/state": "Frozen"},
            "annotations": {"glovebox.dev/b": "2"},
            "resourceVersion": "7",
        },
        {
            "labels": {"glovebox.dev/state": "Sealed"},
            "annotations": {"glovebox.dev/a": "1"},
            "resourceVersion": "7",
        },
    ]


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


RECREATED: Json = {
    **BINDING,
    "metadata": {**BINDING["metadata"], "uid": "since", "resourceVersion": "9"},
}


@pytest.mark.parametrize(
    ("read", "uid"),
    [(BINDING, "u"), (None, "u"), (RECREATED, "since")],
    ids=["it is read", "the read says no", "it was recreated"],
)
def test_a_last_act_takes_away_what_either_the_read_or_the_watch_knows(
    read: Json | None, uid: str
) -> None:
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
    assert deleted == [uid]
    assert children.wanted(key) is None, "nobody is to make it again"
    known = children.get(key)
    assert known is None or known.uid != uid, "what was known of another one, the watch corrects"


def test_where_neither_knows_anything_nothing_is_deleted() -> None:
    class Empty:
        async def get(self, *_: Any) -> Json:
            raise NotFound("NotFound", "nothing")

    key = key_of(CONFIG_MAP, {"metadata": {"name": "x", "namespace": SPACE}})
    assert asyncio.run(writing(Empty()).remove_live(CONFIG_MAP, key)) == ()


class Silent:
    """Fails the test on any request."""

    def __getattr__(self, name: str) -> Any:
        pytest.fail(f"{name} was asked for")


OTHER = {"apiVersion": "v1", "kind": "Node", **LIVE}


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda to: to.create_once(NODE, dict(OTHER)), id="once"),
        pytest.param(lambda to: to.create_once(ROLE_BINDING, BINDING), id="kept, and not once"),
        pytest.param(lambda to: to.remove_live(NODE, key_of(NODE, OTHER)), id="a last act"),
        pytest.param(lambda to: to.delete(NODE, key_of(NODE, OTHER), uid="u"), id="delete"),
    ],
)
def test_what_the_table_of_managed_objects_does_not_allow_is_not_sent(
    write: Callable[[Writer], Awaitable[object]],
) -> None:
    async def test() -> None:
        await write(writing(Silent()))

    with pytest.raises(NotManagedError, match=r"see apply/managed\.py"):
        asyncio.run(test())


def _nothing_may_be_written(kind: Kind, strategy: Strategy) -> NoReturn:
    raise NotManagedError("InternalError", f"{kind.kind} is not written by {strategy.value}")


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda to: to.create_once(POD, {}), "Pod is not written by create once"),
        (lambda to: to.rotate(secret(), None, watched=True), "Secret is not written by rotate"),
        (lambda to: to.extend({}, LIVE), "ConfigMap is not written by patch"),
        (
            lambda to: to.write_status(EXPERIMENT_OBJ, {"a": 1}),
            "Experiment is not written by patch",
        ),
        (lambda to: to.write_finalizers(EXPERIMENT_OBJ, []), "Experiment is not written by patch"),
        (lambda to: to.set_state_label(LIVE, "Sealed"), "Namespace is not written by patch"),
        (lambda to: to.stop(LIVE), "Pod is not written by remove"),
        (lambda to: to.post_event({}), "Event is not written by create once"),
    ],
    ids=["once", "rotate", "extend", "status", "finalizers", "label", "stop", "event"],
)
def test_each_write_asks_the_table_of_managed_objects_first(
    write: Callable[[Writer], Awaitable[object]], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "managed", _nothing_may_be_written)

    async def test() -> None:
        await write(writing(Silent()))

    with pytest.raises(NotManagedError, match=said):
        asyncio.run(test())


def test_an_object_is_deleted_by_the_uid_that_is_meant() -> None:
    sent: list[Any] = []

    class Deleting:
        async def delete(self, *what: Any, uid: str) -> None:
            sent.append((*what, uid))

    asyncio.run(writing(Deleting()).delete(ROLE_BINDING, key_of(ROLE_BINDING, BINDING), uid="u"))
    assert sent == [(ROLE_BINDING, SPACE, "team", "u")]


class Fixed(Server):
    """Does not let a Secret be changed; takes one away by its UID."""

    refuses_new = False

    async def replace(self, kind: Kind, obj: Json) -> Json:
        del kind, obj
        self.sent.append("replace")
        raise InvalidInput("Invalid", "field is immutable")

    async def create(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
        if not dry_run:
            return await super().create(kind, obj)
        self.sent.append("try")
        if self.refuses_new:
            raise InvalidInput("Invalid", "a policy of the cluster")
        raise AlreadyExists("AlreadyExists", "something has the name")

    async def delete(self, *_: Any, uid: str) -> None:
        self.sent.append(f"delete {uid}")
        self.there = None


def typed(kind: str, **more: Any) -> Json:
    return {**secret("a", "3", key="old"), "type": kind, **more}


@pytest.mark.parametrize(
    "there",
    [typed("Opaque", immutable=True), typed("theirs")],
    ids=["it is immutable", "it is of another type"],
)
def test_a_secret_that_cannot_be_changed_is_recreated_by_its_uid_once_that_is_sure(
    there: Json,
) -> None:
    server = Fixed(there)
    asyncio.run(
        writing(server).rotate({**secret(key="new"), "type": "Opaque"}, there, watched=True)
    )
    assert server.sent == ["replace", "get", "try", "delete a", "create"]
    assert server.there is not None
    assert server.there["data"] == {"key": "new"}


@pytest.mark.parametrize(
    ("there", "refuses", "sent"),
    [
        (typed("Opaque"), False, ["replace", "get"]),
        (typed("theirs"), True, ["replace", "get", "try"]),
    ],
    ids=["something else is wrong with it", "it could not be created again"],
)
def test_a_secret_that_could_not_surely_be_created_again_is_not_taken_away(
    there: Json,
    refuses: bool,  # noqa: FBT001 - a table
    sent: list[str],
) -> None:
    server = Fixed(there)
    server.refuses_new = refuses
    with pytest.raises(Rejected):
        asyncio.run(
            writing(server).rotate({**secret(key="new"), "type": "Opaque"}, there, watched=True)
        )
    assert (server.sent, server.there) == (sent, there)


def test_a_secret_that_went_since_it_was_read_is_created() -> None:
    class Gone(Server):
        async def replace(self, kind: Kind, obj: Json) -> Json:
            del kind, obj
            self.there = None
            raise NotFound("NotFound", "it went")

    server = Gone(secret("a", "3"))
    rotate(server, secret("a", "3"))
    assert server.sent == ["create"]


@pytest.mark.parametrize("watched", [True, False])
def test_the_cache_waits_for_a_secret_that_it_follows_and_for_no_other(watched: bool) -> None:  # noqa: FBT001 - a table
    children = Children(lambda _: None, lambda: 0.0)
    made = secret(key="new")
    asyncio.run(writing(Server(None), children).rotate(made, None, watched=watched))
    key = key_of(SECRET, made)
    assert (children.wanted(key) is not None) == watched
    assert (children.get(key) is not None) == watched


def test_what_was_written_of_our_own_kinds_is_known_at_once() -> None:
    resources = Resources(lambda _: None)
    writer = Writer(
        cast("Client", Patched()), Children(lambda _: None, lambda: 0.0), resources, lambda: 0.0
    )
    asyncio.run(writer.write_status(EXPERIMENT_OBJ, {"state": "Open"}))
    assert (resources.get(Key.of(EXPERIMENT_OBJ)) or {})["status"] == {"state": "Open"}


def test_finalizers_and_notes_are_written_at_once_and_known_at_once() -> None:
    resources, server = Resources(lambda _: None), Patched()
    writer = Writer(
        cast("Client", server), Children(lambda _: None, lambda: 0.0), resources, lambda: 0.0
    )
    asyncio.run(writer.write_finalizers(EXPERIMENT_OBJ, ["a"], annotations={"n": "1", "o": None}))
    asyncio.run(writer.write_finalizers(EXPERIMENT_OBJ, []))
    noted = {"finalizers": ["a"], "resourceVersion": "7", "annotations": {"n": "1", "o": None}}
    assert [patch["metadata"] for patch in server.patches] == [
        noted,
        {"finalizers": [], "resourceVersion": "7"},
    ]
    assert resources.get(Key.of(EXPERIMENT_OBJ)) is not None


def test_an_event_is_posted_once() -> None:
    sent: list[Any] = []

    class Taking:
        async def create(self, kind: Kind, obj: Json) -> Json:
            sent.append((kind, obj))
            return obj

    asyncio.run(writing(Taking()).post_event({"kind": "Event"}))
    assert sent == [(EVENT, {"kind": "Event"})]


def test_of_a_namespace_that_is_given_up_nothing_is_waited_for() -> None:
    children = Children(lambda _: None, lambda: 0.0)
    key = key_of(ROLE_BINDING, BINDING)
    children.want(key, fingerprint(BINDING))
    writing(Silent(), children).forget(SPACE)
    assert children.wanted(key) is None


def test_of_a_namespace_that_is_given_up_no_fight_is_remembered() -> None:
    to, key = writing(Silent()), key_of(SECRET, secret())
    assert to.contended_for(key) == 0
    for _ in range(10):
        to.note_repair(key)
    assert to.contended_for(key) > 0, "somebody keeps changing it"
    to.forget("another")
    assert to.contended_for(key) > 0
    to.forget(SPACE)
    assert to.contended_for(key) == 0


async def test_what_is_kept_is_kept_as_the_applier_is_asked_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Json] = []
    to, key = writing(Silent()), key_of(ROLE_BINDING, BINDING)

    async def asking(*_: object, **options: Any) -> Applied:
        asked.append(options)
        return Applied(key, "unchanged")

    monkeypatch.setattr(to._applier, "ensure", asking)
    monkeypatch.setattr(to._applier, "remove", asking)

    def owns(live: Mapping[str, Any]) -> None:
        del live

    drift = Drift(key, "unexpected")
    await to.ensure(BINDING, established=True, policy="Alert", owns=owns)
    await to.ensure(BINDING, established=False, policy="Ignore")
    await to.remove(ROLE_BINDING, key, drift=drift)
    assert asked == [
        {"established": True, "policy": "Alert", "owns": owns},
        {"established": False, "policy": "Ignore"},
        {"drift": drift},
    ]
