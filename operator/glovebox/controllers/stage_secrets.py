"""The Secrets that stages of a run are given, where the profile says that they lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from glovebox.api.stage_secrets import OfferedSecret
from glovebox.controllers.ports import Ports
from glovebox.desired.stage_secrets import not_found, not_readable
from glovebox.errors import Forbidden
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import SECRET


async def read_sources(
    ports: Ports, offered: Iterable[OfferedSecret], team: str
) -> dict[str, Mapping[str, Any]]:
    """Return the Secrets as they are now, by the name that the profile gives them.

    Args:
        ports: The outside world.
        offered: What the profile says of them.
        team: The namespace of the Experiment.

    Raises:
        NotReady: `SecretNotFound`, or `SecretNotReadable`.
        GloveboxError: The API server failed.
    """
    sources: dict[str, Mapping[str, Any]] = {}
    for each in offered:
        namespace, name = each.place(team)
        try:
            # A burst of Experiments under one profile asks for the same.
            sources[each.name] = await ports.shared_reads.get(
                ports.reader.get, SECRET, namespace, name
            )
        except NotFound:
            raise not_found(each, team) from None
        except Forbidden:
            raise not_readable(each, team) from None
    return sources
