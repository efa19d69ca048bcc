"""Records that credentials were issued by a look of which no status tells, before they are taken.

A look writes credentials, opens access, and records both at its end. Where that record is refused,
or the process dies before it, nothing but what lies in the namespace says that somebody may have
written. Whoever takes it away notes that first: what was written would else go unsealed in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from pydantic import ValidationError

from glovebox import names
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.ports import Ports
from glovebox.desired.platform import read_platform
from glovebox.desired.session_secret import intact_until
from glovebox.kube.kinds import ROLE_BINDING, SECRET
from glovebox.status.text import format_end

# What lets anybody write results.
OPENS: Final = ((SECRET, names.CREDENTIALS_SECRET), (ROLE_BINDING, names.TENANT_ROLE_BINDING))


async def is_issued(ports: Ports, namespace: str) -> bool:
    """Return whether credentials or access are in an experiment's own namespace, by live reads.

    Raises:
        GloveboxError: The API server failed.
    """
    for kind, name in OPENS:
        if await read_or_absent(ports, kind, namespace, name) is not None:
            return True
    return False


async def record_issued(
    ports: Ports, obj: Mapping[str, Any], namespace: str
) -> Mapping[str, Any] | None:
    """Record what was issued, where no status tells of any; None where there is nothing to record.

    Args:
        ports: The outside world.
        obj: The Experiment as the API server holds it.
        namespace: Its own.

    Raises:
        GloveboxError: The API server failed; calling again is safe.
    """
    status = obj.get("status") or {}
    if not status.get("digest") or status.get("artifacts"):
        return None
    if not await is_issued(ports, namespace):
        return None
    secret = await read_or_absent(ports, SECRET, namespace, names.CREDENTIALS_SECRET)
    artifacts = _place(obj)
    # Of what somebody has changed nobody knows when it ends.
    if secret is not None and (expire := intact_until(secret)) is not None:
        artifacts["sessionsEndTime"] = format_end(expire)
    return await ports.writer.write_status(obj, {**status, "artifacts": artifacts})


def _place(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return where results are written; the name alone where what was bound cannot be read."""
    metadata = obj["metadata"]
    prefix = names.artifact_prefix(metadata["namespace"], metadata["name"], metadata["uid"])
    with suppress(ValidationError, ValueError, KeyError, TypeError):
        store = read_platform(obj["status"]["platform"]).store
        uri = f"s3://{store.spec.artifacts.bucket}/{prefix}"
        return {"uri": uri, "storeRef": store.name}
    return {"uri": prefix}
