"""A Secret with the credentials of sessions, which any operator can judge.

It carries its own expiry and a digest of its content. What is written in an experiment's namespace
is known as secret from then on, and so is what was there before: either may be in a log.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from glovebox.api.experiment import Experiment
from glovebox.controllers.experiment.known_secrets import note_secret
from glovebox.controllers.ports import Ports
from glovebox.desired.metadata import labels_of
from glovebox.desired.session_secret import session_annotations
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import SECRET
from glovebox.kube.objects import ObjectKey
from glovebox.kube.resources import Key

# Renewed when this share of the life is over.
ROTATE_AT: Final = 2 / 3


def session_metadata(experiment: Experiment, key: ObjectKey) -> dict[str, Any]:
    """Return the metadata of a Secret in an experiment's namespace."""
    return {"name": key.name, "namespace": key.namespace, "labels": labels_of(experiment)}


async def write_session(
    ports: Ports,
    metadata: Mapping[str, Any],
    files: Mapping[str, str],
    expire: datetime,
    *,
    live: Mapping[str, Any] | None,
    watched: bool,
    experiment: Key | None,
) -> None:
    """Write the Secret in the place of the one that was read.

    Args:
        ports: The outside world.
        metadata: Name, namespace, labels, owners and further annotations of the Secret.
        files: Its content, by file name.
        expire: When the first of the sessions in it ends.
        live: What was read under its name; None when nothing was there.
        watched: Whether the store of objects follows this Secret.
        experiment: In whose namespace it is; None for one in our own.
    """
    data = {name: base64.b64encode(text.encode()).decode() for name, text in files.items()}
    secret = {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {
            **metadata,
            "annotations": {
                **metadata.get("annotations", {}),
                **session_annotations(data, expire),
            },
        },
        "type": "Opaque",
        "data": data,
    }
    if experiment is not None:
        if live is not None:
            await _note_former(ports, experiment, metadata)
        # Before it is there: whoever reads a log at that moment has to know it.
        note_secret(ports, experiment, secret)
    await ports.writer.rotate(secret, live, watched=watched)


async def _note_former(ports: Ports, experiment: Key, metadata: Mapping[str, Any]) -> None:
    """Note what is replaced: a process that died since may have written it."""
    with suppress(GloveboxError):
        former = await ports.reader.get(SECRET, metadata["namespace"], metadata["name"])
        note_secret(ports, experiment, former)
