"""The table of managed objects: who may write what, and how it is kept. One row a kind.

Five strategies, and no other way to write:

    KEEP     owned whole and held as declared: missing is created, different is replaced
    ONCE     created once under a fixed name and never changed; whoever comes second finds it
    ROTATE   a Secret that is replaced before its content expires; judged by what it says of itself
    PATCH    changed on the version that was read: our finalizer, our labels or the status of what
             others own; and of ours the list of public keys, which only grows
    REMOVE   only ever deleted, by UID

A kind that is missing here cannot be written: `Writer` refuses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from glovebox.errors import GloveboxError
from glovebox.kube import kinds
from glovebox.kube.kinds import Kind


class Strategy(Enum):
    """How an object is written."""

    KEEP = "keep"
    ONCE = "create once"
    ROTATE = "rotate"
    PATCH = "patch"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Managed:
    """One row.

    Attributes:
        kind: The kind.
        strategies: How its objects may be written.
        recreate_for: Fields that the API server never lets anybody change: only a difference there
            is repaired by deleting and creating again. Empty: never.
        policies: Drift policies that a profile may choose for it, beside Repair.
        isolates: Whether a missing or different one opens isolation: its repair never waits longer
            than a second, however often somebody changes it back.
        additive: Whether a foreign object of that kind adds rights or routes, so that none is left.
    """

    kind: Kind
    strategies: frozenset[Strategy]
    recreate_for: tuple[str, ...] = ()
    policies: frozenset[str] = frozenset()
    isolates: bool = False
    additive: bool = False


def _row(
    kind: Kind,
    *strategies: Strategy,
    recreate_for: tuple[str, ...] = (),
    policies: tuple[str, ...] = (),
    isolates: bool = False,
    additive: bool = False,
) -> Managed:
    return Managed(
        kind, frozenset(strategies), recreate_for, frozenset(policies), isolates, additive
    )


_CHOICE: Final = ("Alert", "Ignore")
ROWS: Final = (
    # The frame of an experiment. The state label of a Namespace that stays behind is patched.
    _row(kinds.NAMESPACE, Strategy.KEEP, Strategy.PATCH, Strategy.REMOVE, isolates=True),
    _row(
        kinds.NETWORK_POLICY,
        Strategy.KEEP,
        Strategy.REMOVE,
        policies=_CHOICE,
        isolates=True,
        additive=True,
    ),
    _row(kinds.RESOURCE_QUOTA, Strategy.KEEP, Strategy.REMOVE, policies=_CHOICE, isolates=True),
    _row(kinds.LIMIT_RANGE, Strategy.KEEP, Strategy.REMOVE, policies=_CHOICE, isolates=True),
    # The snapshot and the delivery plan are immutable; a cache's plan is created once; the list of
    # public keys is changed.
    _row(
        kinds.CONFIG_MAP,
        Strategy.KEEP,
        Strategy.ONCE,
        Strategy.PATCH,
        Strategy.REMOVE,
        recreate_for=("data", "immutable"),
        policies=_CHOICE,
    ),
    _row(kinds.SERVICE_ACCOUNT, Strategy.KEEP, Strategy.REMOVE, policies=_CHOICE),
    _row(
        kinds.ROLE_BINDING,
        Strategy.KEEP,
        Strategy.REMOVE,
        recreate_for=("roleRef",),
        policies=_CHOICE,
        isolates=True,
        additive=True,
    ),
    # Credentials of sessions; the signing key is created once.
    _row(kinds.SECRET, Strategy.ROTATE, Strategy.ONCE, Strategy.REMOVE),
    # Workloads and volumes: their specs cannot be changed, and what they did cannot be undone.
    _row(kinds.JOB, Strategy.ONCE, Strategy.REMOVE),
    _row(kinds.JOB_SET, Strategy.ONCE, Strategy.REMOVE),
    # Kueue lets nobody change where it leads.
    _row(kinds.LOCAL_QUEUE, Strategy.ONCE),
    _row(kinds.POD, Strategy.REMOVE),
    _row(kinds.PERSISTENT_VOLUME, Strategy.ONCE, Strategy.REMOVE),
    _row(kinds.PERSISTENT_VOLUME_CLAIM, Strategy.ONCE, Strategy.REMOVE),
    # Users' own objects: status, finalizers, and the count of users.
    *(_row(kind, Strategy.PATCH) for kind in kinds.CUSTOM_KINDS),
    _row(kinds.EVENT, Strategy.ONCE),
)
MANAGED: Final = {row.kind.kind: row for row in ROWS}


class NotManagedError(GloveboxError):
    """The table has no such way to write this kind: a mistake in the program."""


def managed(kind: Kind, strategy: Strategy) -> Managed:
    """Return the row of a kind that may be written so.

    Raises:
        NotManagedError: The table does not allow it.
    """
    row = MANAGED.get(kind.kind)
    if row is None or strategy not in row.strategies:
        raise NotManagedError(
            "InternalError",
            f"{kind.kind} is not written by '{strategy.value}'; see apply/managed.py",
        )
    return row
