"""What must hold of the keys of seals: a former one signs nothing any more, and still counts."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

from glovebox import names
from glovebox.controllers.signing_keys import PRIVATE
from glovebox.errors import InvalidInput
from glovebox.evidence.envelope import PAYLOAD_TYPE, opened
from glovebox.evidence.keys import TrustBundle, read_bundle, trusted
from glovebox.evidence.signer import LocalSigner
from glovebox.kube.kinds import CONFIG_MAP, SECRET
from glovebox.store.sealing import PREFIX
from simulation.api_server import Change
from simulation.world import BUCKET, World

Json = dict[str, Any]
# Whoever read the key a moment before it was replaced may still sign, for as long as a request
# hangs.
_IN_FLIGHT_SECONDS: Final = 90.0
_SIGNED: Final = ".dsse.json"


class Keys:
    """Follows the Secret with the key that signs, and the list of those that are published.

    Args:
        world: Which.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        # When each key was taken out of the Secret; None for the one in it.
        self._replaced: dict[str, float | None] = {}
        self._published = TrustBundle(())

    def see(self, change: Change) -> Iterator[str]:
        """Take in a change; yield what it breaks, in words."""
        kind, name = change.served.kind, change.key[1]
        if kind == SECRET and name == names.SIGNING_KEY_SECRET:
            self._see_secret(change.new)
        if kind == CONFIG_MAP and name == names.SIGNING_KEYS_CONFIG_MAP:
            yield from self._see_list(change.new)

    def signed_by_former(self, key: str, version: str) -> Iterator[str]:
        """Yield which former key signed what was just written, in words."""
        if not key.startswith(PREFIX) or not key.endswith(_SIGNED):
            return
        (body,) = (
            each.body
            for each in self._world.store.buckets[BUCKET].keys[key]
            if each.version_id == version
        )
        now = self._world.loop.time()
        for signature in json.loads(body)["signatures"]:
            since = self._replaced.get(signature["keyid"])
            if since is not None and now - since > _IN_FLIGHT_SECONDS:
                yield f"{key} is signed with a key that was replaced {now - since:.0f} s before"

    def unverified(self) -> Iterator[str]:
        """Yield what the published keys do not verify of what was ever signed, in words."""
        bucket = self._world.store.buckets.get(BUCKET)
        for key, versions in (bucket.keys if bucket is not None else {}).items():
            if not key.endswith(_SIGNED) or not key.startswith(PREFIX):
                continue
            for version in versions:
                try:
                    opened(version.body, self._published, PAYLOAD_TYPE)
                except InvalidInput as error:
                    yield f"{key}: {error.message}"

    def _see_secret(self, secret: Json | None) -> None:
        now = self._world.loop.time()
        text = base64.b64decode(secret["data"][PRIVATE]).decode() if secret is not None else ""
        present = trusted(LocalSigner.of(text).public).key_id if text else ""
        for each, since in self._replaced.items():
            if since is None and each != present and present:
                self._replaced[each] = now
        if present:
            self._replaced[present] = None

    def _see_list(self, record: Json | None) -> Iterator[str]:
        if record is None:
            return
        found = read_bundle(record["data"][names.SIGNING_KEYS_FILE])
        before, self._published = self._published, found
        for each in before.keys:
            after = found.find(each.key_id)
            if after is None:
                yield f"the key {each.key_id} is published no more"
            elif each.valid_until is not None and after != each:
                yield f"the end of the key {each.key_id} was moved to {after.valid_until}"
        present = [each.key_id for each in found.keys if each.valid_until is None]
        if len(present) != 1:
            yield f"{len(present)} keys sign now: {present}"
