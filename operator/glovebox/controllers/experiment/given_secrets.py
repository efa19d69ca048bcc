"""What the stages of a run were given, as far as this process knows it: no log shows any of it.

Of a session the shape tells that it is one; of these nothing does. So what a program said is kept
only where all of them are known: by this process, or by their Secret, which stays until the logs
are read. Otherwise it is recorded that it is not kept, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from glovebox import names
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.experiment.scope import Scope
from glovebox.controllers.ports import Ports
from glovebox.data.spoken import spoken
from glovebox.desired.stage_secrets import asked_secrets
from glovebox.errors import Forbidden
from glovebox.kube.kinds import SECRET
from glovebox.kube.resources import Key

UNKNOWN: Final = (
    "it was not kept: its program was given secrets, and what they were is not known any more, so"
    " they could not be taken out"
)


def note_given(ports: Ports, key: Key, secret: Mapping[str, Any]) -> None:
    """Remember what a Secret with the secrets of stages holds.

    Args:
        ports: The outside world.
        key: The Experiment in whose namespace it is.
        secret: As it is there, or is about to be written.
    """
    known = ports.given_secrets.setdefault(key, set())
    for encoded in (secret.get("data") or {}).values():
        known.update(spoken(encoded))


async def is_given_known(scope: Scope) -> bool:
    """Return whether all that the stages were given is known, and was noted.

    Raises:
        GloveboxError: No answer; asking again is safe.
    """
    if not asked_secrets(scope.experiment) or scope.key in scope.ports.given_secrets:
        return True
    try:
        live = await read_or_absent(scope.ports, SECRET, scope.namespace, names.STAGE_SECRETS)
    except Forbidden:
        return False
    if live is None:
        return False
    note_given(scope.ports, scope.key, live)
    return True
