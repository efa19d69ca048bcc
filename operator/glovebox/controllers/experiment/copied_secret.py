"""A Secret of the experiment's namespace that is copied from others: when, and how it is written.

It opens no access, but nothing starts in a namespace that is not closed on all sides, so it is not
written before isolation is complete. It goes with the other credentials when the namespace is
closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glovebox.api import reasons
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.desired.drift import Applied, Drift
from glovebox.kube.kinds import SECRET
from glovebox.kube.objects import ObjectKey
from glovebox.status.experiment_facts import NamespaceFacts
from glovebox.status.outcome import Outcome, skipped, waiting


def why_not_copied(outcomes: Outcomes, what: str) -> Outcome | None:
    """Return what has to come first; None where the copy may be written.

    Args:
        outcomes: Of the earlier phases.
        what: What is copied, for a person.
    """
    found = outcomes.facts("namespace", NamespaceFacts)
    if found is None:
        return skipped("namespace")
    if not found.latched and not outcomes.is_done("isolation"):
        return waiting(reasons.ISOLATION_INCOMPLETE, f"{what} is copied once isolation is complete")
    return None


async def read_copy(scope: Scope, outcomes: Outcomes, key: ObjectKey) -> Mapping[str, Any] | None:
    """Return the copy as it is; None where there is none.

    Args:
        scope: The look.
        outcomes: Of the earlier phases.
        key: Of the copy.

    Raises:
        GloveboxError: The API server failed.
    """
    found = outcomes.need("namespace", NamespaceFacts)
    return await read_or_absent(
        scope.ports, SECRET, key.namespace, key.name, is_expected=found.established
    )


async def write_copy(
    scope: Scope,
    outcomes: Outcomes,
    key: ObjectKey,
    wanted: Mapping[str, Any],
    live: Mapping[str, Any] | None,
    *,
    is_whole: bool,
) -> tuple[Applied, ...]:
    """Write the copy; return the drift that this repaired.

    Args:
        scope: The look.
        outcomes: Of the earlier phases.
        key: Of the copy.
        wanted: What it is to be.
        live: What was read under its name.
        is_whole: Whether that was as an operator wrote it.

    Raises:
        GloveboxError: The API server failed.
    """
    await scope.ports.writer.rotate(wanted, live, watched=False)
    if is_whole or not outcomes.need("namespace", NamespaceFacts).established:
        return ()
    drift = Drift(key, "deleted") if live is None else Drift(key, "modified", "data")
    return (Applied(key, "repaired", drift),)
