"""The key that seals are signed with: one Secret in the operator's namespace.

It is created when it is first needed, and never changed by the operator.
"""

from __future__ import annotations

import base64

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.ports import Ports
from glovebox.errors import InvalidInput
from glovebox.evidence.signer import LocalSigner, Signer, new_key_pair
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import SECRET

PRIVATE = "private.pem"
PUBLIC = "public.pem"


async def signing_key(ports: Ports) -> Signer:
    """Return the key; create it where there is none yet.

    Raises:
        InvalidInput: The Secret holds no Ed25519 key.
        Unavailable, Forbidden: The API server failed.
    """
    namespace = ports.settings.namespace
    try:
        secret = await ports.reader.get(SECRET, namespace, names.SIGNING_KEY_SECRET)
    except NotFound:
        pair = new_key_pair()
        files = {PRIVATE: pair.private, PUBLIC: pair.public}
        made = {
            "apiVersion": SECRET.api_version,
            "kind": SECRET.kind,
            "metadata": {"name": names.SIGNING_KEY_SECRET, "namespace": namespace},
            "type": "Opaque",
            # A key that changed under its seals would make them worthless.
            "immutable": True,
            "data": {
                name: base64.b64encode(text.encode()).decode() for name, text in files.items()
            },
        }
        # Another replica may have been first, and its key is as good.
        secret = await ports.writer.create_once(SECRET, made)
    pem = (secret.get("data") or {}).get(PRIVATE)
    if not pem:
        raise InvalidInput(
            reasons.SIGNING_KEY_INVALID,
            f"Secret '{names.SIGNING_KEY_SECRET}' in '{namespace}' lacks the key {PRIVATE}",
        )
    return LocalSigner.of(base64.b64decode(pem).decode())
