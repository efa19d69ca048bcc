"""What the names of records say of the holds on the versions of a manifest. Pure.

A hold has numbered terms: a manifest whose versions were let go is held again in the next one. Each
step of a term is a name that is written once and never taken back:

    record           begun: who began it, and on which locations
    held             every version is held
    releasing-<n>    somebody is about to let go: from here on, nobody relies on it
    kept-<n>         and did not, because there were users again
    taking-off       no way back
    released         the end

So whoever dies between two steps leaves what they came to, and whoever comes next goes on there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

State = Literal["Holding", "Held", "Releasing", "Released"]

RECORD: Final = "record.json"
HELD: Final = "held.json"
TAKING_OFF: Final = "taking-off.json"
RELEASED: Final = "released.json"
_RELEASING: Final = "releasing-"
_KEPT: Final = "kept-"
_JSON: Final = ".json"


@dataclass(frozen=True, slots=True)
class Term:
    """One term of the hold on the versions of one manifest.

    Attributes:
        manifest: Hex of the manifest's digest.
        number: From 1 on.
        names: The steps that are on record.
    """

    manifest: str
    number: int
    names: frozenset[str]

    @property
    def state(self) -> State:
        """How far it is."""
        if RELEASED in self.names:
            return "Released"
        if TAKING_OFF in self.names or self.open_intent:
            return "Releasing"
        return "Held" if HELD in self.names else "Holding"

    @property
    def is_taking_off(self) -> bool:
        """Whether there is no way back."""
        return TAKING_OFF in self.names

    @property
    def open_intent(self) -> int:
        """The number of the intent to let go that was neither carried out nor given up; 0: none."""
        given_up = {_number(each, _KEPT) for each in self.names}
        intents = {_number(each, _RELEASING) for each in self.names} - given_up
        return max(intents, default=0)

    @property
    def next_intent(self) -> int:
        """The number of the next intent."""
        return 1 + max((_number(each, _RELEASING) for each in self.names), default=0)


def releasing(intent: int) -> str:
    """Return the name of an intent to let go."""
    return f"{_RELEASING}{intent:04d}{_JSON}"


def kept(intent: int) -> str:
    """Return the name that says that an intent was given up."""
    return f"{_KEPT}{intent:04d}{_JSON}"


def terms_of(keys: Iterable[str]) -> dict[str, tuple[Term, ...]]:
    """Return the terms by manifest, each in its order.

    Args:
        keys: `<manifest>/<term>/<name>`; others are nobody's.
    """
    names: dict[tuple[str, int], set[str]] = {}
    for key in keys:
        manifest, _, rest = key.partition("/")
        number, _, name = rest.partition("/")
        if manifest and name and number.isdecimal() and number.isascii():
            names.setdefault((manifest, int(number)), set()).add(name)
    found: dict[str, list[Term]] = {}
    for (manifest, term), those in sorted(names.items()):
        if RECORD in those:
            found.setdefault(manifest, []).append(Term(manifest, term, frozenset(those)))
    return {manifest: tuple(terms) for manifest, terms in found.items()}


def _number(name: str, prefix: str) -> int:
    digits = name.removeprefix(prefix).removesuffix(_JSON)
    return int(digits) if name.startswith(prefix) and digits.isdecimal() else 0
