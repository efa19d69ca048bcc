"""Asks the API server in which form it stores an intent, without writing it.

A mutating policy, or a newer API server, adds fields of its own to what is written. What it
answered to our own write is remembered by whoever wrote; after a restart, or a change of leader,
nobody remembers. So before a difference is called drift, the API server is asked: what it would
store for the intent just as the object is, nobody changed.

It may add on every write, or on creation alone: both are asked. Whatever somebody else changed is
in neither answer. Each state of an object is asked about once.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from glovebox.desired.difference import fingerprint
from glovebox.desired.replacement import replacement
from glovebox.errors import Forbidden, InvalidInput
from glovebox.kube.answers import AlreadyExists, is_over_quota
from glovebox.kube.client import Client
from glovebox.kube.kinds import Kind
from glovebox.kube.objects import ObjectKey

# Of a name that is taken the API server does not say what it would store.
_SUFFIX: Final = "-as-new"
_LONGEST_NAME: Final = 63


class AsStored:
    """Compares objects with what the API server would store.

    Args:
        client: The connection; it sends dry runs alone.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        # What is stored otherwise: by namespace, the intent and the state that was asked about.
        self._otherwise: dict[str, dict[ObjectKey, tuple[bytes, bytes]]] = {}

    def is_known_to_differ(self, key: ObjectKey, intent: bytes, state: bytes) -> bool:
        """Whether it was asked already, and the answer was no."""
        return self._otherwise.get(key.namespace, {}).get(key) == (intent, state)

    async def is_as_stored(
        self, kind: Kind, key: ObjectKey, intent: Mapping[str, Any], live: Mapping[str, Any]
    ) -> bool:
        """Return whether the API server would store an intent just as the object is.

        Raises:
            Conflict: The object changed meanwhile, or is gone.
            Unavailable: No answer, or the write itself is forbidden: nobody knows.
        """
        content, state = fingerprint(intent), fingerprint(live)
        if self.is_known_to_differ(key, content, state):
            return False
        written = await self._if_written(kind, intent, live)
        if written == state:
            return True
        created = await self._if_created(kind, intent)
        if created == state:
            return True
        if written is None or created is None:
            return False  # asked again with the next look
        self._otherwise.setdefault(key.namespace, {})[key] = (content, state)
        return False

    async def _if_written(
        self, kind: Kind, intent: Mapping[str, Any], live: Mapping[str, Any]
    ) -> bytes | None:
        """Return what would be stored over the object; None where that is not taken.

        What is not taken is no answer: the write itself, if there is one, says why.
        """
        with suppress(InvalidInput):
            replaced = await self._client.replace(kind, replacement(intent, live), dry_run=True)
            return fingerprint(replaced)
        return None

    async def _if_created(self, kind: Kind, intent: Mapping[str, Any]) -> bytes | None:
        """Return what would be stored beside the object; empty where there is no room for it."""
        try:
            created = await self._client.create(kind, _renamed(intent), dry_run=True)
        except AlreadyExists:
            return b""
        except Forbidden as error:
            # A second one is more than the experiment's own quota allows, today and tomorrow.
            return b"" if is_over_quota(error) else None
        except InvalidInput:
            return None
        named = {**created["metadata"], "name": intent["metadata"]["name"]}
        return fingerprint({**created, "metadata": named})

    def forget(self, namespace: str) -> None:
        """Forget a namespace that is given up."""
        self._otherwise.pop(namespace, None)


def _renamed(intent: Mapping[str, Any]) -> dict[str, Any]:
    metadata = intent["metadata"]
    name = metadata["name"][: _LONGEST_NAME - len(_SUFFIX)] + _SUFFIX
    return {**intent, "metadata": {**metadata, "name": name}}
