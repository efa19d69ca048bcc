"""Which values of an experiment's Secrets are secret."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from glovebox import names
from glovebox.controllers.experiment.known_secrets import known_secrets, values_of
from glovebox.desired.session_files import session_files
from glovebox.errors import Unavailable
from glovebox.kube.resources import Key
from glovebox.store.connection import Credentials
from glovebox.store.credentials import SessionCredentials

KEY = Key("Experiment", "team", "exp")
SPEC: Any = SimpleNamespace(endpoint="https://store.example", region="us-east-1", path_style=True)


def secret(number: int) -> dict[str, Any]:
    session = SessionCredentials(
        f"ASIA{number}", f"key{number}=/+", f"token{number}==", datetime(2026, 1, 1, tzinfo=UTC)
    )
    files = session_files(SPEC, session)
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
        store_credentials={"primary": Credentials("AKIA", "the-operator's")},
    )
    await known_secrets(ports, KEY, "gbx-1")
    server.number = 2
    await known_secrets(ports, KEY, "gbx-1")
    server.number = 0
    known = await known_secrets(ports, KEY, "gbx-1")
    assert known >= {"key1=/+", "token1==", "key2=/+", "token2==", "the-operator's"}
