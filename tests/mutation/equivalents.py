"""Doors that no request can show, each with the reason.

Such a door stands behind another one: taken away alone it changes no answer. It is kept because
the other may go.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

# Beginnings of a door's name, as `str(door)` gives it.
EQUIVALENT: Final[dict[str, str]] = {
    "glovebox-pods validation 3: the host": (
        "Pod Security refuses the same fields first, at `baseline` as at `restricted`, and"
        " `glovebox-state` starts no pod in a namespace without either level. It holds where the"
        " API server exempts users or runtime classes from Pod Security. `glovebox-jobs` has the"
        " same rule, which tests do watch: Pod Security does not look at Jobs."
    ),
    "glovebox-unmarked-objects condition not-the-operator": (
        "`glovebox-operator-fence` refuses what the operator writes in a namespace without the"
        " mark, and of the kinds that it does not look at the operator may write none by RBAC. The"
        " operator puts the label back before it writes anything else."
    ),
    "experiment/seal.py effect ensure_seal: await freeze": (
        "Pods that were there when the namespace closed were asked to end then, and it counts as"
        " closed once all requests were taken. What comes in later is removed as an intruder by the"
        " phase of isolation. This asks once more while the seal waits for pods."
    ),
    "experiment/copied_secret.py check why_not_copied: if found is None": (
        "The phase of isolation needs what the one of the namespace leaves, and reports then that"
        " it is not done. This check shows the type checker what is there."
    ),
    "experiment/reconcile.py need stage_secrets waits for bind": (
        "Before anything is bound no namespace is open, and the phase has nothing to do then. It is"
        " kept because the phase reads what was bound."
    ),
    "experiment/artifact_credentials.py check ensure_credentials: if not latched and (not": (
        "What is issued is looked at once more before it is written, and isolation has to stand"
        " then. This check spares the question to the store."
    ),
}


def reason_of(door: str) -> str | None:
    """Return why a door cannot be noticed, None when tests must notice it."""
    return next((why for name, why in EQUIVALENT.items() if door.startswith(name)), None)


def without_door(doors: Collection[str]) -> list[str]:
    """Return the entries that no door has: what they excused is gone or reads otherwise now."""
    return [name for name in EQUIVALENT if not any(door.startswith(name) for door in doors)]
