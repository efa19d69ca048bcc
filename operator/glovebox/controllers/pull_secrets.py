"""The Secrets that an IsolationProfile names for pulling images, in the operator's namespace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from glovebox.api.isolation_profile import IsolationProfile
from glovebox.controllers.ports import Ports
from glovebox.desired.pull_secret import not_found, pull_secret
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import SECRET

# No watch tells that what they hold has changed: it is looked at again after so long.
REREAD_SECONDS: Final = 300.0


async def render_pull_secret(
    ports: Ports, profile: IsolationProfile, metadata: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the Secret with which images are pulled, made of those that the profile names.

    Args:
        ports: The outside world.
        profile: The profile.
        metadata: Of the Secret, beside its name.

    Raises:
        NotReady: One of them is not there, or is not what it has to be.
        GloveboxError: The API server failed.
    """
    sources = []
    namespace = ports.settings.namespace
    for name in sorted(each.name for each in profile.spec.image_pull_secrets):
        try:
            # A burst of Experiments under one profile asks for the same.
            found = await ports.shared_reads.get(ports.reader.get, SECRET, namespace, name)
        except NotFound:
            raise not_found(name, namespace) from None
        sources.append(found)
    return pull_secret(metadata, sources)
