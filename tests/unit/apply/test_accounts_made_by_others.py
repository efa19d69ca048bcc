"""The account `default`, which the controller manager makes as well, now sooner, now later."""

from __future__ import annotations

from typing import Any, cast

import pytest

from glovebox.apply.applier import Applier
from glovebox.apply.children import Children
from glovebox.kube.answers import AlreadyExists, NotFound
from glovebox.kube.client import Client
from glovebox.kube.kinds import Kind

Json = dict[str, Any]


class Server:
    """Has the account in some namespaces already."""

    def __init__(self, made: str) -> None:
        self.made = dict(enumerate(made))
        self.requests = 0

    def is_there(self, obj: Json) -> bool:
        return self.made[int(obj["metadata"]["namespace"].rpartition("-")[2])] == "o"

    async def create(self, kind: Kind, obj: Json) -> Json:
        del kind
        self.requests += 1
        if self.is_there(obj):
            raise AlreadyExists("AlreadyExists", "the controller manager was first")
        return stored(obj)

    async def replace(self, kind: Kind, obj: Json) -> Json:
        del kind
        self.requests += 1
        if not self.is_there(obj):
            raise NotFound("NotFound", "nobody made it")
        return stored(obj)


def stored(obj: Json) -> Json:
    return {**obj, "metadata": {**obj["metadata"], "uid": "u", "resourceVersion": "1"}}


def account(number: int) -> Json:
    metadata = {"name": "default", "namespace": f"gbx-team-exp-abcdefghij-{number}"}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


@pytest.mark.parametrize(
    ("made", "in_vain", "why"),
    [
        ("oooooooo", 0, "one after the other: others are always first"),
        ("ssssssss", 1, "many at once: we are, and that is learnt by the first"),
        ("sssosssosssosss", 4, "mostly we are: one that was late does not change the guess"),
        ("oooosooosooo", 2, "and the other way round"),
        ("oooossssssss", 4, "what has changed is learnt"),
        ("ssssssssoooooo", 6, "as soon, the other way round"),
    ],
)
async def test_what_was_mostly_so_of_late_is_tried_first(made: str, in_vain: int, why: str) -> None:
    """`o`: others made it before us. `s`: we come first."""
    server = Server(made)
    applier = Applier(cast("Client", server), Children(lambda _: None, lambda: 0.0), lambda: 0.0)
    for number in server.made:
        applied = await applier.ensure(account(number), established=False)
        assert applied.result == "created"
    assert server.requests - len(made) == in_vain, why
