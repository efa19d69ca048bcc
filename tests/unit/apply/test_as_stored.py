"""What the API server itself adds is no drift; what somebody changed is, and is asked once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from glovebox.apply.as_stored import AsStored
from glovebox.errors import Conflict, Forbidden, InvalidInput, Unavailable
from glovebox.kube.answers import AlreadyExists
from glovebox.kube.client import Client
from glovebox.kube.kinds import CONFIG_MAP, Kind
from glovebox.kube.objects import key_of

Json = dict[str, Any]
Policy = Callable[[Json], Json]
SPACE = "gbx-team-exp-0123456789"
INTENT: Json = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "snapshot", "namespace": SPACE, "labels": {"ours": "1"}},
    "data": {"a": "as bound"},
}
KEY = key_of(CONFIG_MAP, INTENT)


def labelled(obj: Json) -> Json:
    """Return an object with the label of a policy."""
    labels = {**obj["metadata"].get("labels", {}), "cost-centre": "42"}
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


def stored(obj: Json = INTENT) -> Json:
    return {**obj, "metadata": {**obj["metadata"], "uid": "u", "resourceVersion": "3"}}


EDITED = stored({**INTENT, "data": {"a": "edited"}})


def same(obj: Json) -> Json:
    return obj


class Server:
    """Says what it would store: a policy may act on what is changed, and on what is created.

    Args:
        changed: What is made of an object that is written over another.
        created: What is made of a new one.
        refuses: What it says instead, by verb.
    """

    def __init__(
        self, changed: Policy = same, created: Policy = same, **refuses: Exception
    ) -> None:
        self._changed, self._created = changed, created
        self.refuses = refuses
        self.sent: list[tuple[str, Json]] = []

    def _send(self, verb: str, kind: Kind, obj: Json, *, dry_run: bool) -> None:
        assert (kind, dry_run) == (CONFIG_MAP, True), "nothing is written"
        self.sent.append((verb, obj))
        if verb in self.refuses:
            raise self.refuses[verb]

    async def replace(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
        self._send("replace", kind, obj, dry_run=dry_run)
        return self._changed(obj)

    async def create(self, kind: Kind, obj: Json, *, dry_run: bool = False) -> Json:
        self._send("create", kind, obj, dry_run=dry_run)
        return self._created(stored(obj))

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.sent]


async def answered(server: Server, live: Json, times: int = 1) -> bool:
    """Return what is said of an object when it was asked about so often."""
    asking = AsStored(cast("Client", server))
    found = [await asking.is_as_stored(CONFIG_MAP, KEY, INTENT, live) for _ in range(times)]
    assert len(set(found)) == 1
    return found[0]


async def test_what_a_policy_adds_to_every_write_is_as_stored() -> None:
    server = Server(changed=labelled, created=labelled)
    assert await answered(server, labelled(stored()))
    assert server.verbs == ["replace"]


async def test_what_a_policy_adds_on_creation_alone_is_as_stored() -> None:
    server = Server(created=labelled)
    assert await answered(server, labelled(stored()))
    assert server.verbs == ["replace", "create"]


async def test_what_is_written_over_an_object_is_the_intent_on_its_version() -> None:
    server = Server()
    await answered(server, EDITED)
    assert server.sent[0] == ("replace", stored())


async def test_what_is_created_beside_an_object_is_the_intent_under_another_name() -> None:
    server = Server()
    await answered(server, EDITED)
    asked = {**INTENT, "metadata": {**INTENT["metadata"], "name": "snapshot-as-new"}}
    assert server.sent[1] == ("create", asked)


@pytest.mark.parametrize(
    ("refuses", "asked"),
    [
        pytest.param({}, 1, id="it is answered"),
        pytest.param({"create": AlreadyExists("AlreadyExists", "it is")}, 1, id="never beside it"),
        pytest.param({"create": Forbidden("Forbidden", "exceeded quota: q")}, 1, id="no room"),
        pytest.param({"create": Forbidden("Forbidden", "no right")}, 2, id="no right"),
        pytest.param({"create": InvalidInput("Invalid", "a policy")}, 2, id="a policy beside it"),
        pytest.param({"replace": InvalidInput("Invalid", "a policy")}, 2, id="a policy"),
    ],
)
async def test_what_somebody_changed_is_not_as_stored_and_asked_about_until_it_is_answered(
    refuses: dict[str, Exception], asked: int
) -> None:
    server = Server(labelled, labelled, **refuses)
    assert not await answered(server, EDITED, times=2)
    assert server.verbs == ["replace", "create"] * asked


async def test_another_state_and_another_intent_are_asked_about_anew() -> None:
    server = Server()
    asking = AsStored(cast("Client", server))
    other = {**INTENT, "data": {"a": "another"}}
    third = stored({**INTENT, "data": {"a": "edited again"}})
    for intent, live in ((INTENT, EDITED), (INTENT, third), (other, third), (other, third)):
        assert not await asking.is_as_stored(CONFIG_MAP, KEY, intent, live)
    assert server.verbs.count("replace") == 3


@pytest.mark.parametrize(
    ("verb", "error"),
    [
        pytest.param("replace", Conflict("Conflict", "it changed"), id="it changed"),
        pytest.param("replace", Forbidden("Forbidden", "no right"), id="no right to write"),
        pytest.param("create", Unavailable("ApiUnavailable", "no answer"), id="no answer"),
    ],
)
async def test_where_nobody_knows_that_is_an_error(verb: str, error: Exception) -> None:
    with pytest.raises(type(error)):
        await answered(Server(same, same, **{verb: error}), EDITED)


async def test_of_a_namespace_that_is_given_up_nothing_is_known() -> None:
    server = Server()
    asking = AsStored(cast("Client", server))
    for forgotten, asked in (("another", 1), (SPACE, 2)):
        await asking.is_as_stored(CONFIG_MAP, KEY, INTENT, EDITED)
        asking.forget(forgotten)
        await asking.is_as_stored(CONFIG_MAP, KEY, INTENT, EDITED)
        assert server.verbs.count("replace") == asked
