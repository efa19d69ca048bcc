"""Which values of an experiment's Secrets are secret."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox import names
from glovebox.controllers.experiment.known_secrets import known_secrets, values_of
from glovebox.controllers.experiment.lock_up import _in_it
from glovebox.controllers.experiment.session_secret import write_session
from glovebox.desired.session_files import session_files
from glovebox.desired.session_secret import intact_until
from glovebox.errors import GloveboxError, Unavailable
from glovebox.kube.resources import Key
from glovebox.store.connection import Credentials
from glovebox.store.credentials import SessionCredentials

KEY = Key("Experiment", "team", "exp")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC: Any = SimpleNamespace(endpoint="https://store.example", region="us-east-1", path_style=True)


def secret(number: int) -> dict[str, Any]:
    session = SessionCredentials(
        f"ASIA{number}", f"key{number}=/+", f"token{number}==", datetime(2026, 1, 1, tzinfo=UTC)
    )
    files = session_files(SPEC, session, "-----BEGIN CERTIFICATE-----\nMIIB==\n")
    return {
        "data": {name: base64.b64encode(text.encode()).decode() for name, text in files.items()}
    }


def test_keys_and_token_are_secret_and_nothing_else_of_the_files() -> None:
    assert values_of(secret(1)) == {"ASIA1", "key1=/+", "token1=="}


def test_what_is_no_text_holds_nothing() -> None:
    assert values_of({"data": {"a": "////", "b": "?"}}) == set()
    assert values_of({}) == set()


class Server:
    """Answers with the session that is in place."""

    def __init__(self) -> None:
        self.number = 1

    async def get(self, kind: object, namespace: str, name: str) -> dict[str, Any]:
        del kind, namespace
        if name != names.CREDENTIALS_SECRET or not self.number:
            raise Unavailable("NotNow", "no answer")
        return secret(self.number)


async def test_a_session_that_was_seen_stays_known_when_another_takes_its_place() -> None:
    server = Server()
    ports: Any = SimpleNamespace(
        reader=server,
        known_secrets={},
        given_secrets={},
        now=lambda: NOW,
        store_credentials={"primary": Credentials("AKIA", "the-operator's")},
    )
    await known_secrets(ports, KEY, "gbx-1")
    server.number = 2
    await known_secrets(ports, KEY, "gbx-1")
    server.number = 0
    known = await known_secrets(ports, KEY, "gbx-1")
    assert known >= {"key1=/+", "token1==", "key2=/+", "token2==", "the-operator's"}


class Bench:
    """Ports, on a server where the Secret is what was written last."""

    def __init__(self) -> None:
        self.live: Mapping[str, Any] | None = None
        self.at = NOW
        self.refuses = False
        self.ports = self.started()

    def started(self) -> Any:
        """Return the ports of a process that has just begun."""
        return SimpleNamespace(
            reader=self,
            writer=self,
            known_secrets={},
            given_secrets={},
            now=lambda: self.at,
            store_credentials={},
        )

    async def get(self, kind: object, namespace: str, name: str) -> Mapping[str, Any]:
        """Return what is there."""
        del kind, namespace
        if name != names.CREDENTIALS_SECRET or self.live is None:
            raise Unavailable("NotNow", "no answer")
        return self.live

    async def pages(self, kind: object, **_: object) -> AsyncIterator[Mapping[str, Any]]:
        """Return no pods."""
        del kind
        yield {"items": []}

    async def rotate(self, secret: Mapping[str, Any], live: object, *, watched: bool) -> None:
        """Write it, or say so and do it all the same."""
        del live, watched
        self.live = secret
        if self.refuses:
            raise Unavailable("NotNow", "no answer")

    async def write(self, number: int) -> None:
        """Write a session that lives for half an hour."""
        session = SessionCredentials(f"ASIA{number}", f"key{number}=/+", f"token{number}==", NOW)
        await write_session(
            self.ports,
            {"name": names.CREDENTIALS_SECRET, "namespace": "gbx-1"},
            session_files(SPEC, session),
            self.at + timedelta(minutes=30),
            live=self.live,
            watched=True,
            experiment=KEY,
        )

    async def known(self) -> set[str]:
        """Return the secret keys that are known."""
        found = await known_secrets(self.ports, KEY, "gbx-1")
        return {each for each in found if each.startswith("key")}


async def test_a_session_is_known_from_its_writing_on_and_after_its_renewal() -> None:
    bench = Bench()
    await bench.write(1)
    bench.at += timedelta(minutes=20)
    await bench.write(2)
    assert await bench.known() == {"key1=/+", "key2=/+"}


async def test_the_session_that_another_process_wrote_is_known_to_who_renews_it() -> None:
    bench = Bench()
    await bench.write(1)
    bench.ports = bench.started()
    await bench.write(2)
    assert await bench.known() == {"key1=/+", "key2=/+"}


async def test_the_session_that_another_process_wrote_is_known_to_who_takes_it_away() -> None:
    """A log that is read after the namespace was closed may show it."""
    bench = Bench()
    await bench.write(1)
    bench.ports = bench.started()
    experiment = SimpleNamespace(spec=SimpleNamespace(stages=()))
    scope: Any = SimpleNamespace(
        ports=bench.ports, key=KEY, namespace="gbx-1", experiment=experiment
    )
    await _in_it(scope)
    bench.live = None
    assert await bench.known() == {"key1=/+"}


async def test_a_session_whose_writing_got_no_answer_is_known() -> None:
    bench = Bench()
    bench.refuses = True
    with pytest.raises(GloveboxError):
        await bench.write(1)
    bench.live = None
    assert await bench.known() == {"key1=/+"}


async def test_a_session_that_ended_long_ago_is_forgotten() -> None:
    bench = Bench()
    for number in range(100):
        await bench.write(number)
        bench.at += timedelta(minutes=20)
    # Of 30 minutes and a margin, renewed every 20: three at most.
    assert await bench.known() == {f"key{number}=/+" for number in (98, 99)}
    assert len(bench.ports.known_secrets[KEY]) <= 3 * 3


async def test_the_session_of_the_fetcher_is_known_as_well() -> None:
    class Inputs:
        async def get(self, kind: object, namespace: str, name: str) -> dict[str, Any]:
            del kind, namespace
            if name != names.INPUTS_CREDENTIALS_SECRET:
                raise Unavailable("NotNow", "no answer")
            return secret(7)

    ports: Any = SimpleNamespace(
        reader=Inputs(), known_secrets={}, given_secrets={}, now=lambda: NOW, store_credentials={}
    )
    assert await known_secrets(ports, KEY, "gbx-1") >= {"key7=/+", "token7=="}


async def test_a_secret_whose_content_was_changed_is_not_trusted() -> None:
    bench = Bench()
    await bench.write(1)
    assert bench.live is not None
    assert intact_until(bench.live) == NOW + timedelta(minutes=30)
    changed = {**bench.live["data"], "session.json": "e30="}
    assert intact_until({**bench.live, "data": changed}) is None
