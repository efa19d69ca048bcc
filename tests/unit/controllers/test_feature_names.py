"""The key of names of features: made once, read once, and no reason to hold a pin back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from glovebox import names
from glovebox.controllers import feature_names
from glovebox.controllers.feature_names import feature_names_key, names_key_secret
from glovebox.controllers.ports import random_names_key
from glovebox.errors import Unavailable

OWN = "glovebox-system"
MINE, OTHER = b"m" * 32, b"o" * 32


class Cluster:
    """Holds one Secret, and counts how often it is asked for."""

    def __init__(self, secret: dict[str, Any] | None, first: dict[str, Any] | None = None) -> None:
        self.secret, self._first, self.reads, self.made = secret, first, 0, 0

    async def read(self, *asked: Any) -> dict[str, Any] | None:
        assert asked[2:] == (OWN, names.FEATURE_NAMES_SECRET)
        self.reads += 1
        return self.secret

    async def create_once(self, _: Any, obj: dict[str, Any]) -> dict[str, Any]:
        """Create it, or return what another replica created a moment ago."""
        self.made += 1
        self.secret = self._first or obj
        return self.secret


@pytest.fixture
def ports_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    def made(cluster: Cluster) -> Any:
        monkeypatch.setattr(feature_names, "read_or_absent", cluster.read)
        return SimpleNamespace(
            settings=SimpleNamespace(namespace=OWN),
            writer=cluster,
            new_names_key=lambda: MINE,
            feature_names_key=None,
        )

    return made


async def test_it_is_made_where_there_is_none_and_stays(ports_of: Any) -> None:
    cluster = Cluster(None)
    ports = ports_of(cluster)
    assert await feature_names_key(ports) == MINE
    assert await feature_names_key(ports) == MINE
    assert (cluster.reads, cluster.made) == (1, 1)
    # Another process finds it.
    assert await feature_names_key(ports_of(cluster)) == MINE
    assert cluster.made == 1


async def test_of_two_replicas_that_make_one_the_first_has_made_it(ports_of: Any) -> None:
    cluster = Cluster(None, first=names_key_secret(OWN, OTHER))
    assert await feature_names_key(ports_of(cluster)) == OTHER


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(None, id="nothing"),
        pytest.param({"other": "AAAA"}, id="under another name"),
        pytest.param({"key": "c2hvcnQ="}, id="too short"),
        pytest.param({"key": "no base64"}, id="no bytes"),
    ],
)
async def test_without_a_usable_key_nothing_is_hashed(ports_of: Any, data: Any) -> None:
    cluster = Cluster({**names_key_secret(OWN, MINE), "data": data})
    ports = ports_of(cluster)
    assert await feature_names_key(ports) is None
    assert cluster.made == 0
    # Whoever puts it right need not start the operator again.
    cluster.secret = names_key_secret(OWN, OTHER)
    assert await feature_names_key(ports) == OTHER


async def test_an_api_server_that_does_not_answer_holds_no_pin_back(
    ports_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = ports_of(Cluster(None))

    async def away(*_: Any) -> None:
        raise Unavailable("Rejected", "it does not answer")

    monkeypatch.setattr(feature_names, "read_or_absent", away)
    assert await feature_names_key(ports) is None


def test_a_key_cannot_be_tried() -> None:
    assert len(random_names_key()) == 32
    assert random_names_key() != random_names_key()
