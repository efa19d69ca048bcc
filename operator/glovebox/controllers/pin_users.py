"""Who uses the content of a pin, as its status says it."""

from __future__ import annotations

from typing import Any

from glovebox.controllers.in_use import count_in_words
from glovebox.controllers.ports import Ports
from glovebox.status.used_by import used_by


def users_of_content(ports: Ports, namespace: str, digest: str) -> dict[str, Any] | None:
    """Return `status.usedBy`; None where nobody is bound to the content.

    Args:
        ports: The outside world.
        namespace: Of the pin.
        digest: Its content root, or the digest of its definitions.
    """
    users = ports.registry.users_of(digest)
    own = [user.name for user in users if user.namespace == namespace]
    known = (ports.resources.get(user) for user in users if user.namespace != namespace)
    others = [each for each in known if each is not None]
    return used_by(namespace, own, others, count_in_words)
