"""Which logs are believed, which witnesses, and how many of them (c2sp.org/tlog-policy).

log <vkey> [<url>]
witness <name> <vkey> [<url>]
group <name> all|any|<k> <name>...
quorum <name>|none
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.ledger.checkpoint import Opened, cosigned_times, open_checkpoint
from glovebox.ledger.note import COSIGNATURE, ED25519, VerifierKey, parse_vkey

_NONE: Final = "none"
_BLANK: Final = re.compile(r"[ \t]+")
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness: its key, and where it is asked; empty where that is not said."""

    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """At least so many of these witnesses and groups."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What makes a checkpoint count.

    Attributes:
        logs: Keys of logs; any of them may have signed.
        witnesses: By the name that the policy gives them.
        groups: Likewise.
        quorum: A witness, a group, or `none`.
    """

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, Witness]
    groups: Mapping[str, Group]
    quorum: str

    def is_met(self, cosigned: Collection[str]) -> bool:
        """Return whether signatures of these witnesses are enough."""
        return self.quorum == _NONE or self._counts(self.quorum, cosigned)

    def _counts(self, name: str, cosigned: Collection[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in cosigned
        return sum(self._counts(each, cosigned) for each in group.members) >= group.threshold


@dataclass(frozen=True, slots=True)
class Accepted:
    """A checkpoint that the log signed, and which witnesses signed it when.

    Attributes:
        opened: The checkpoint.
        cosigned: By the policy's names.
        is_met: Whether they are enough.
    """

    opened: Opened
    cosigned: Mapping[str, datetime]
    is_met: bool


def logs_alone(*keys: VerifierKey) -> Policy:
    """Return the policy that believes these logs and asks for no witness."""
    return Policy(keys, {}, {}, _NONE)


def judge(raw: bytes, policy: Policy) -> Accepted:
    """Return a checkpoint that a log of the policy signed, and whether its quorum is met.

    Raises:
        InvalidInput: No log of the policy signed it, or a known signature fails.
    """
    opened = open_checkpoint(raw, policy.logs)
    keys = {each.key: name for name, each in policy.witnesses.items()}
    times = cosigned_times(opened.note, keys)
    cosigned = {keys[key]: moment for key, moment in times.items()}
    return Accepted(opened, cosigned, policy.is_met(cosigned.keys()))


def parse_policy(raw: bytes) -> Policy:
    """Return the policy of a file.

    Raises:
        InvalidInput: A line is none of a policy; the message has its number.
    """
    reader = _Reader()
    # Octets above 0x7f have no meaning of their own, and are compared as they are.
    for place, line in enumerate(raw.decode("utf-8", "surrogateescape").split("\n"), 1):
        if _FORBIDDEN.search(line):
            raise _invalid(place, "a control character")
        words = [word for word in _BLANK.split(line) if word]
        if words and not words[0].startswith("#"):
            reader.take(place, words)
    return reader.done()


class _Reader:
    def __init__(self) -> None:
        self._logs: list[VerifierKey] = []
        self._witnesses: dict[str, Witness] = {}
        self._groups: dict[str, Group] = {}
        self._members: set[str] = set()
        self._quorum = ""

    def take(self, place: int, words: list[str]) -> None:
        match words:
            case ["log", vkey, *rest] if len(rest) <= 1:
                self._logs.append(self._key(place, vkey, ED25519, self._logs))
            case ["witness", name, vkey, *rest] if len(rest) <= 1:
                known = [each.key for each in self._witnesses.values()]
                key = self._key(place, vkey, COSIGNATURE, known)
                self._witnesses[self._new(place, name)] = Witness(key, rest[0] if rest else "")
            case ["group", name, threshold, *members] if members:
                group = self._group(place, threshold, members)
                self._groups[self._new(place, name)] = group
            case ["quorum", name] if not self._quorum:
                if name != _NONE and not self._is_known(name):
                    raise _invalid(place, f"{name!r} is not defined above it")
                self._quorum = name
            case ["quorum", _]:
                raise _invalid(place, "a second quorum")
            case _:
                raise _invalid(place, f"{words[0]!r} is no line of a policy as it stands")

    def done(self) -> Policy:
        if not self._quorum:
            raise InvalidInput(
                reasons.LEDGER_INVALID,
                "the policy has no quorum: end it with `quorum <name>`, or `quorum none`",
            )
        return Policy(tuple(self._logs), self._witnesses, self._groups, self._quorum)

    def _key(self, place: int, vkey: str, kind: int, known: list[VerifierKey]) -> VerifierKey:
        try:
            key = parse_vkey(vkey)
        except InvalidInput as error:
            raise _invalid(place, error.message) from None
        if key.kind != kind:
            raise _invalid(place, "a key of the other kind: logs sign with 0x01, witnesses 0x04")
        if any(each.public == key.public for each in known):
            raise _invalid(place, "a key that is there already")
        return key

    def _new(self, place: int, name: str) -> str:
        if name == _NONE or self._is_known(name):
            raise _invalid(place, f"{name!r} is taken")
        return name

    def _is_known(self, name: str) -> bool:
        return name in self._witnesses or name in self._groups

    def _group(self, place: int, threshold: str, members: list[str]) -> Group:
        for member in members:
            if not self._is_known(member):
                raise _invalid(place, f"{member!r} is not defined above it")
            if member in self._members:
                raise _invalid(place, f"{member!r} counts twice")
            self._members.add(member)
        words = {"any": 1, "all": len(members)}
        number = int(threshold) if re.fullmatch(r"[1-9][0-9]{0,8}", threshold) else 0
        least = words.get(threshold, number)
        if not 1 <= least <= len(members):
            raise _invalid(place, f"{threshold!r} is no number of its {len(members)} members")
        return Group(least, tuple(members))


def _invalid(place: int, defect: str) -> InvalidInput:
    return InvalidInput(
        reasons.LEDGER_INVALID, f"the policy cannot be read: line {place}: {defect}"
    )
