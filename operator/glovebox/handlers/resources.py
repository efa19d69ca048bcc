"""kopf's part: it watches our kinds and passes each event on.

It has no annotations, no finalizers and no patches of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import kopf

from glovebox import names
from glovebox.controllers.operator import Operator
from glovebox.handlers.storage import NoDiffs, NoProgress
from glovebox.kube.kinds import CUSTOM_KINDS
from glovebox.kube.reading import PAGE_SIZE

# kopf ends the process when these are used up; an API server that is away for ten minutes is no
# reason to.
_ERROR_BACKOFFS = (0.5, 1, 1, 2, 3, 5, 8, *(10,) * 60)


def register(registry: kopf.OperatorRegistry, operator: Operator) -> None:
    """Register one handler for each of our kinds."""

    async def tell(type: str | None, body: Mapping[str, Any], **_: Any) -> None:  # noqa: A002 - kopf names it so
        operator.on_event(type, dict(body))

    for kind in CUSTOM_KINDS:
        kopf.on.event(names.GROUP, names.VERSION, kind.plural, registry=registry)(tell)


def settings() -> kopf.OperatorSettings:
    """Return kopf's settings, each with its reason."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False  # our own Events say what a person needs
    chosen.scanning.disabled = True  # no rights to watch CRDs and namespaces are needed for that
    # kopf removes its own finalizer from objects that no handler of it needs; ours is kept by
    # reconcile, so it must be another.
    chosen.persistence.finalizer = f"{names.GROUP}/kopf-unused"
    chosen.persistence.diffbase_storage = NoDiffs()
    chosen.persistence.progress_storage = NoProgress()
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 5
    chosen.networking.error_backoffs = _ERROR_BACKOFFS
    # A thousand Experiments in one answer are what the peak of memory would be made of.
    chosen.watching.chunk_size = PAGE_SIZE
    chosen.queueing.idle_timeout = 0.5  # a task per object goes away soon after its last event
    return chosen
