"""What was found and done about one managed object: values from `apply/` to `status/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from glovebox.data.field_managers import split_time
from glovebox.kube.objects import ObjectKey

Change = Literal["modified", "deleted", "unexpected"]
Result = Literal[
    "unchanged",
    "created",
    "updated",
    "repaired",
    "removed",
    "alerted",
    "ignored",
    "contended",
    "held",
]
# What leaves the object other than it was declared.
OUTSTANDING: Final = frozenset({"alerted", "ignored", "contended", "held"})


def describe_held(key: ObjectKey, finalizers: Sequence[str]) -> str:
    """Return in words that an object is in force although it was deleted, and the cure."""
    what = ", ".join(f"`{each}`" for each in finalizers)
    return (
        f"{key.kind} `{key.name}` was deleted and is held by its finalizers ({what}); it is in"
        " force until whoever set them takes them off"
    )


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference between what was declared and what was found.

    Attributes:
        key: The object.
        change: What happened to it: modified, deleted, or unexpected (a foreign object that adds
            rights or routes).
        field: The first field that differs, empty for a whole object.
        manager: Who wrote that field last and when, as the object's managed fields say; empty when
            unknown.
    """

    key: ObjectKey
    change: Change
    field: str = ""
    manager: str = ""

    def describe(self) -> str:
        """Return the drift in words, without its time: each new text is a status write."""
        where = f"{self.key.kind} `{self.key.name}`"
        by = f" by {split_time(self.manager)[0]}" if self.manager else ""
        match self.change:
            case "deleted":
                return f"{where} was deleted"
            case "unexpected":
                return f"{where} was added{by}"
        return f"{where} was changed{by} (`{self.field}`)"

    @property
    def undone(self) -> str:
        """What the repair of it is called."""
        return "removed" if self.change == "unexpected" else "restored"


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done to one object, and why.

    Attributes:
        key: The object.
        result: What was done.
        drift: What had been found wrong, if the object had been right before.
        retry_seconds: When to look again, for a contended object.
        noticed: The monotonic second at which a watch told of the drift; None when a look found it.
        held_by: The finalizers that keep a deleted object in force.
    """

    key: ObjectKey
    result: Result
    drift: Drift | None = None
    retry_seconds: float | None = None
    noticed: float | None = None
    held_by: tuple[str, ...] = ()

    @property
    def stands(self) -> bool:
        """Whether the object is as declared now."""
        return self.result not in OUTSTANDING
