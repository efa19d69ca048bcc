"""What is sent to create an object and to recreate one, and what is not sent."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, cast

import pytest

from glovebox.apply.applier import Applier
from glovebox.apply.children import Children
from glovebox.desired.difference import fingerprint
from glovebox.desired.drift import Drift
from glovebox.errors import Conflict, Forbidden, InvalidInput, NamespaceGone, NotReady, Rejected
from glovebox.kube.answers import AlreadyExists, NotFound
from glovebox.kube.client import Client
from glovebox.kube.kinds import CONFIG_MAP, Kind
from glovebox.kube.objects import key_of
from support.virtual_time import now, run

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


LEAVING: Json = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/held"]}


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
            self.there = stored(uid, 8, self.there, **LEAVING)
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
    server = Server(create=Forbidden("Forbidden", said))
    with pytest.raises(error):
        await applier(server).ensure(INTENT, established=False)
    assert server.sent == ["create"], "nothing changes by asking again"


@pytest.mark.parametrize("said", ["exceeded quota: q", "status unknown for quota: q"])
@pytest.mark.parametrize(("times", "is_told"), [(1, False), (3, False), (4, True)])
def test_a_quota_that_is_counted_behind_is_asked_again_before_it_is_told(
    said: str,
    times: int,
    is_told: bool,  # noqa: FBT001 - a column of the table
) -> None:
    asked: list[float] = []

    class Behind(Server):
        async def create(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
            asked.append(now())
            if len(self.sent) < times:
                self.sent.append("create")
                raise Forbidden("Forbidden", said)
            return await super().create(kind, obj, dry_run=dry_run)

    server = Behind()
    if is_told:
        with pytest.raises(Forbidden, match=said):
            run(applier(server).ensure(INTENT, established=False))
    else:
        run(applier(server).ensure(INTENT, established=False))
        assert server.there is not None
    assert server.sent == ["create"] * min(times + 1, 4)
    waits = [after - before for before, after in pairwise(asked)]
    assert waits == pytest.approx([0.05, 0.1, 0.2][: len(waits)])


async def test_what_is_gone_before_its_creation_is_answered_is_not_said_to_be_there() -> None:
    class Overtaken(Server):
        async def create(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
            answer = await super().create(kind, obj, dry_run=dry_run)
            children.table(CONFIG_MAP).gone(answer)
            return answer

    children = Children(lambda _: None, lambda: 0.0)
    overtaken = Applier(cast("Client", Overtaken()), children, lambda: 0.0)
    with pytest.raises(Conflict, match="was deleted"):
        await overtaken.ensure(INTENT, established=False)


async def test_what_another_one_took_the_name_of_is_not_said_to_be_there() -> None:
    class Overtaken(Server):
        async def create(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
            answer = await super().create(kind, obj, dry_run=dry_run)
            children.table(CONFIG_MAP).seen(stored("another", 12))
            return answer

    children = Children(lambda _: None, lambda: 0.0)
    overtaken = Applier(cast("Client", Overtaken()), children, lambda: 0.0)
    with pytest.raises(Conflict, match="was deleted"):
        await overtaken.ensure(INTENT, established=False)


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
    for more in (Json(), LEAVING):
        server.there = stored("another", 5, **more)
        assert await applier(server).take_away(CONFIG_MAP, KEY, "old", 3) == ()
    server.there = stored("old", 5, **LEAVING)
    held = await applier(server).take_away(CONFIG_MAP, KEY, "old", 3)
    assert held == ("example.com/held",), "it goes, whoever asked for that"
    server.there = None
    assert await applier(server).take_away(CONFIG_MAP, KEY, "old", 3) == ()


async def test_what_a_finalizer_holds_is_known_to_be_there_until_it_is_gone() -> None:
    server = Server(CHANGED)
    server.is_held = True
    taking = applier(server)
    held = await taking.remove(CONFIG_MAP, KEY)
    assert (held.result, held.held_by) == ("held", ("example.com/held",))
    known = taking._children.get(KEY)
    assert known is not None
    assert known.finalizers == held.held_by
    assert (await taking.remove(CONFIG_MAP, KEY)).result == "held"
    assert server.sent == ["delete"], "its deletion cannot be asked for twice"


class Filling(Server):
    """Adds a field to whatever is written, in its place and beside it."""

    def __init__(self, there: Json | None = None, **refuses: Exception) -> None:
        super().__init__(there, **refuses)
        self.labels = {"cost-centre": "42"}

    def _filled(self, obj: Json) -> Json:
        return {**obj, "metadata": {**obj["metadata"], "labels": self.labels}}

    async def create(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
        return await super().create(kind, self._filled(obj), dry_run=dry_run)

    async def replace(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
        del kind
        self._send("ask" if dry_run else "replace")
        answer = self._filled(stored("old", 4, obj))
        self.there = self.there if dry_run else answer
        return answer


EDITED = stored("old", 3, {**INTENT, "data": {"a": "edited"}})


@pytest.mark.parametrize(
    ("refused", "asks_again"),
    [
        pytest.param({}, False, id="an answer"),
        pytest.param({"dry run": Forbidden("Forbidden", "exceeded quota: q")}, False, id="no room"),
        pytest.param({"dry run": Forbidden("Forbidden", "no right")}, True, id="no right to ask"),
        pytest.param({"dry run": InvalidInput("Invalid", "a policy")}, True, id="not beside it"),
        pytest.param({"ask": InvalidInput("Invalid", "a policy")}, True, id="not in its place"),
    ],
)
async def test_a_state_is_asked_about_once_it_was_answered_and_no_sooner(
    refused: dict[str, Exception],
    asks_again: bool,  # noqa: FBT001 - a column of the table
) -> None:
    server = Filling(EDITED, **refused)
    looking = applier(server)
    for _ in range(2):
        applied = await looking.ensure(INTENT, established=True, policy="Alert")
        assert applied.result == "alerted"
    assert server.sent.count("ask") == (2 if asks_again else 1)


async def test_what_is_asked_for_beside_an_object_has_a_name_that_fits() -> None:
    class Naming(Filling):
        async def create(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
            named.append(obj["metadata"]["name"])
            return await super().create(kind, obj, dry_run=dry_run)

    named: list[str] = []
    long = {**INTENT, "metadata": {**INTENT["metadata"], "name": "n" * 63}}
    server = Naming(stored("old", 3, {**long, "data": {"a": "edited"}}))
    await applier(server).ensure(long, established=True, policy="Alert")
    assert [len(name) for name in named] == [63]
    assert named != ["n" * 63], "the name is taken"


async def test_nothing_is_remembered_of_a_namespace_that_is_given_up() -> None:
    server = Filling(EDITED)
    holding = applier(server)
    await holding.ensure(INTENT, established=True, policy="Alert")
    for version in range(10, 20):
        server.there = stored("old", version, {**INTENT, "data": {"a": "edited"}})
        holding._children.table(CONFIG_MAP).seen(server.there)
        applied = await holding.ensure(INTENT, established=True)
    assert applied.result == "contended"
    kept = (holding._accepted, holding.fights._repairs, holding._as_stored._otherwise)
    assert all(SPACE in each for each in kept)
    holding.forget("another")
    assert all(SPACE in each for each in kept)
    holding.forget(SPACE)
    assert not any(kept)
    assert (await holding.ensure(INTENT, established=True)).result == "repaired"


def _theirs(live: Mapping[str, Any]) -> None:
    raise Conflict("NamespaceTaken", f"{live['metadata']['uid']} is somebody else's")


@pytest.mark.parametrize(
    ("there", "is_known"),
    [
        (stored("theirs", 3, {**INTENT, "data": {"a": "other"}}), True),
        (stored("theirs", 3, {**INTENT, "data": {"a": "other"}}), False),
        (stored("theirs", 3), False),
    ],
    ids=["the watch shows it", "a read shows it", "a read shows it, just as intended"],
)
async def test_what_has_the_name_and_is_somebody_else_s_is_neither_changed_nor_taken_for_ours(
    there: Json,
    is_known: bool,  # noqa: FBT001 - a table
) -> None:
    server = Server(there, create=AlreadyExists("AlreadyExists", "something has the name"))
    children = Children(lambda _: None, lambda: 0.0)
    if is_known:
        children.table(CONFIG_MAP).seen(there)
    writing = Applier(cast("Client", server), children, lambda: 0.0)
    with pytest.raises(Conflict, match="theirs is somebody else's"):
        await writing.ensure(INTENT, established=False, owns=_theirs)
    assert set(server.sent) <= {"create", "get"}
    assert server.there == there


class Mutable(Server):
    """Takes each change of its ConfigMap."""

    async def replace(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
        del kind
        self._send("ask" if dry_run else "replace")
        assert self.there is not None
        answer = stored(self.there["metadata"]["uid"], 11, obj)
        self.there = self.there if dry_run else answer
        return answer


@pytest.mark.parametrize(
    ("established", "remembers", "policy", "asks"),
    [
        pytest.param(True, False, "Repair", True, id="nobody remembers"),
        pytest.param(True, True, "Repair", False, id="a repair tells by itself"),
        pytest.param(True, True, "Alert", True, id="what is left as it is"),
        pytest.param(False, False, "Repair", False, id="no drift, but work to do"),
    ],
)
async def test_what_the_server_makes_of_an_intent_is_asked_where_nothing_else_tells(
    established: bool,  # noqa: FBT001 - a column of the table
    remembers: bool,  # noqa: FBT001 - a column of the table
    policy: str,
    asks: bool,  # noqa: FBT001 - a column of the table
) -> None:
    server = Mutable() if remembers else Mutable(EDITED)
    ours = applier(server)
    if remembers:
        await ours.ensure(INTENT, established=False)
        server.there = stored("new", 10, {**INTENT, "data": {"a": "edited"}})
        ours._children.table(CONFIG_MAP).seen(server.there)
    await ours.ensure(INTENT, established=established, policy=policy)
    assert ("ask" in server.sent) is asks


async def test_what_is_deleted_is_not_wanted_any_more_when_its_deletion_is_sent() -> None:
    class Watched(Server):
        async def delete(self, *whatever: Any, uid: str) -> Json | None:
            wanted.append(ours._children.wanted(KEY))
            return await super().delete(*whatever, uid=uid)

    wanted: list[bytes | None] = []
    ours = applier(Watched())
    await ours.ensure(INTENT, established=False)
    assert ours._children.wanted(KEY) is not None
    assert (await ours.remove(CONFIG_MAP, KEY)).result == "removed"
    assert wanted == [None]
    again = await ours.ensure(INTENT, established=True, policy="Alert")
    assert again.result == "alerted"


async def test_what_a_finalizer_holds_already_is_not_wanted_any_more() -> None:
    ours = applier(Server(stored("u", 1, **LEAVING)))
    ours._children.want(KEY, b"as before")
    assert (await ours.remove(CONFIG_MAP, KEY)).result == "held"
    assert ours._children.wanted(KEY) is None


class Adding(Mutable):
    """Adds a field to what it takes, as a mutating policy does; keeps what was wanted meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.ours: Applier | None = None
        self.wanted: list[bytes | None] = []

    async def create(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
        return await super().create(kind, self._added(obj), dry_run=dry_run)

    async def replace(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
        return await super().replace(kind, self._added(obj), dry_run=dry_run)

    def _added(self, obj: Json) -> Json:
        assert self.ours is not None
        self.wanted.append(self.ours._children.wanted(KEY))
        return {**obj, "data": {**obj["data"], "added": "by a policy"}}


async def test_what_the_server_added_to_our_own_write_is_as_intended() -> None:
    server = Adding()
    server.ours = ours = applier(server)
    await ours.ensure(INTENT, established=False)
    server.sent.clear()
    again = await ours.ensure(INTENT, established=True)
    assert (again.result, server.sent) == ("unchanged", [])


@pytest.mark.parametrize("policy", ["Repair", "Alert", "Ignore"])
async def test_an_intent_that_changed_is_written_although_all_is_as_the_former_one_wanted(
    policy: str,
) -> None:
    changed = {**INTENT, "data": {"a": "bound otherwise"}}
    server = Adding()
    server.ours = ours = applier(server)
    await ours.ensure(INTENT, established=False)
    applied = await ours.ensure(changed, established=True, policy=policy)
    assert (applied.result, applied.drift) == ("updated", None)
    assert server.there is not None
    assert server.there["data"] == {"a": "bound otherwise", "added": "by a policy"}
    # Of what a watch tells before the answer comes, our own write is no news.
    assert server.wanted == [fingerprint(INTENT), fingerprint(changed)]
    # And of what it tells afterwards, what the server made of it.
    assert ours._children.wanted(KEY) == fingerprint(server.there)


@pytest.mark.parametrize("policy", ["Repair", "Alert"])
async def test_what_never_stood_is_written_at_once_and_is_neither_drift_nor_a_fight(
    policy: str,
) -> None:
    server = Mutable(EDITED)
    ours = applier(server)
    for _ in range(9):
        ours.fights.note(KEY)  # what others did to it before
    applied = await ours.ensure(INTENT, established=False, policy=policy)
    assert (applied.result, applied.drift) == ("updated", None)
    assert server.sent == ["get", "replace"], "it is known to be there"


@pytest.mark.parametrize(
    ("fields", "manager"),
    [
        ([], ""),
        (
            [
                {
                    "manager": "kubectl-edit",
                    "operation": "Update",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:data": {"f:a": {}}},
                }
            ],
            "kubectl-edit",
        ),
    ],
    ids=["nobody knows who", "known"],
)
async def test_a_drift_says_what_was_changed_and_by_whom(fields: list[Json], manager: str) -> None:
    server = Mutable(stored("old", 3, {**INTENT, "data": {"a": "edited"}}, managedFields=fields))
    drift = (await applier(server).ensure(INTENT, established=True)).drift
    assert drift is not None
    assert (drift.change, drift.field) == ("modified", "data.a")
    assert drift.manager.startswith(manager)
    assert bool(drift.manager) is bool(manager)


async def test_work_to_do_is_counted_as_no_fight() -> None:
    ours = applier(Mutable(EDITED))
    await ours.ensure(INTENT, established=False)
    assert (await ours.remove(CONFIG_MAP, KEY)).result == "removed"
    assert ours.fights._repairs == {}


async def test_what_is_to_go_goes_at_once_whoever_fought_over_it() -> None:
    ours = applier(Server(EDITED))
    for _ in range(12):
        ours.fights.note(KEY)
    assert (await ours.remove(CONFIG_MAP, KEY)).result == "removed"


async def test_what_went_since_it_was_known_is_created() -> None:
    server = Mutable(EDITED)
    ours = applier(server)
    server.there = None
    applied = await ours.ensure(INTENT, established=False)
    assert (applied.result, server.sent) == ("created", ["get", "create"])


async def test_what_somebody_keeps_changing_back_is_left_alone_for_a_while() -> None:
    server = Mutable(EDITED)
    ours = applier(server)
    for _ in range(9):
        ours.fights.note(KEY)
    applied = await ours.ensure(INTENT, established=True)
    assert applied.result == "contended"
    assert applied.retry_seconds
    assert "replace" not in server.sent
    server.sent.clear()
    foreign = await ours.remove(CONFIG_MAP, KEY, drift=Drift(KEY, "unexpected"))
    assert (foreign.result, server.sent) == ("contended", [])


async def test_a_repair_and_the_removal_of_something_foreign_are_counted() -> None:
    ours = applier(Mutable(EDITED))
    await ours.ensure(INTENT, established=True)
    await ours.remove(CONFIG_MAP, KEY, drift=Drift(KEY, "unexpected"))
    assert ours.fights._repairs == {SPACE: {KEY: [0.0, 0.0]}}


@pytest.mark.parametrize(("times", "is_given_up"), [(1, False), (3, False), (4, True)])
async def test_who_was_faster_is_compared_with_again_and_not_for_ever(
    times: int,
    is_given_up: bool,  # noqa: FBT001 - a column of the table
) -> None:
    class Faster(Mutable):
        async def replace(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
            if not dry_run and self.sent.count("replace") < times:
                self.sent.append("replace")
                raise Conflict("Conflict", "it was changed")
            return await super().replace(kind, obj, dry_run=dry_run)

    server = Faster(EDITED)
    if is_given_up:
        with pytest.raises(Conflict, match="is being changed by others right now"):
            await applier(server).ensure(INTENT, established=False)
    else:
        applied = await applier(server).ensure(INTENT, established=False)
        assert applied.result == "updated"
    assert server.sent == ["get", "replace"] * min(times + 1, 4)


async def test_that_the_name_is_taken_is_no_reason_not_to_create_it_again() -> None:
    """It is taken by what is to be recreated: everything before storage said yes."""
    server = Server(CHANGED, **{"dry run": AlreadyExists("AlreadyExists", "it is there")})
    applied = await applier(server).ensure(INTENT, established=True)
    assert applied.result == "repaired"


async def test_what_is_as_intended_already_is_wanted_from_then_on() -> None:
    """Else nobody is woken when it goes."""
    server = Server(stored("old", 3))
    ours = applier(server)
    applied = await ours.ensure(INTENT, established=True)
    assert (applied.result, server.sent) == ("unchanged", [])
    assert ours._children.wanted(KEY) == fingerprint(INTENT)
