"""Remembers every Secret of a cluster as it comes: of a session that was renewed, each one."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from typing import TYPE_CHECKING

from support.leaks import SecretsInPlay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.api import Api
    from support.cluster import Store

_PATH = "/api/v1/secrets"
_WATCH_SECONDS = 30
_PAUSE_SECONDS = 0.3


@contextlib.contextmanager
def watched_secrets(api: Callable[[], Api]) -> Iterator[SecretsInPlay]:
    """Remember secrets until the block ends.

    Args:
        api: The API server; asked for again while it raises. One that is away is waited for.
    """
    secrets, over = SecretsInPlay(), threading.Event()
    watcher = threading.Thread(target=_follow, args=(api, secrets, over), daemon=True)
    watcher.start()
    try:
        yield secrets
        # What came last may not have been told yet.
        for secret in api().list(_PATH):
            secrets.add_object(secret)
    finally:
        over.set()


def add_store_keys(secrets: SecretsInPlay, store: Store) -> None:
    """Remember the keys of the store's users."""
    for name in ("operator", "loader"):
        secrets.add(f"key of {name}", getattr(store.access, name).secret_access_key)


def _follow(api: Callable[[], Api], secrets: SecretsInPlay, over: threading.Event) -> None:
    while not over.is_set():
        # The server is ended and started by tests: whatever is wrong with it passes.
        with contextlib.suppress(OSError, http.client.HTTPException, AssertionError, ValueError):
            _look(api(), secrets, over)
        over.wait(_PAUSE_SECONDS)


def _look(api: Api, secrets: SecretsInPlay, over: threading.Event) -> None:
    listed = api.get(_PATH)
    for secret in listed["items"]:
        secrets.add_object(secret)
    version = listed["metadata"]["resourceVersion"]
    query = f"watch=true&timeoutSeconds={_WATCH_SECONDS}&resourceVersion={version}"
    with contextlib.closing(api.connect()) as connection:
        connection.request("GET", f"{_PATH}?{query}", headers=api.headers)
        answer = connection.getresponse()
        while not over.is_set() and (line := answer.readline()):
            event = json.loads(line)
            if event["type"] in {"ADDED", "MODIFIED"}:
                secrets.add_object(event["object"])
