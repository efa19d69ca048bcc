"""SPDX licence expressions: whether SPDX lists them, and whether a list of licences allows them.

Pure. The list is the one of `packaging`, a library that PyPI's own rules are made of; expressions
are parsed here, because what is asked of them (which parts have to be allowed) is asked of the tree
and not of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

_TOKEN: Final = re.compile(r"[()]|[^\s()]+")
_OWN: Final = "LicenseRef-"
# Of GNU's licences SPDX lists older names as well, which mean the same: GPL-2.0, GPL-2.0+ and
# GPL-2.0-with-GCC-exception. Each was `-only` where it said nothing.
_GNU: Final = re.compile(r"((?:A|L)?GPL-\d\.\d|GFDL-\d\.\d)(\+|-with-.+)?")
_ONLY: Final = "-only"
_OR_LATER: Final = "-or-later"


class LicenseError(ValueError):
    """Something is no SPDX licence expression; the text says what."""


@dataclass(frozen=True, slots=True)
class _Joined:
    """Licences of which all apply (`AND`), or one that may be chosen (`OR`)."""

    operator: Literal["AND", "OR"]
    parts: tuple[_Expression, ...]


# A licence, with its exception where it has one, or several that are joined.
_Expression = str | _Joined


@lru_cache(maxsize=1024)
def why_unknown(expression: str) -> str:
    """Return what of an expression SPDX does not know; empty where it knows all."""
    try:
        _parse(expression)
    except LicenseError as error:
        return str(error)
    return ""


def is_allowed(expression: str, *, allowed: Collection[str], denied: Collection[str]) -> bool:
    """Return whether data under these licences may be used.

    Of `A AND B` both have to be allowed, of `A OR B` one. A licence with an exception is meant by
    its own name and by its name with the exception, and one "or later" by that of its first version
    too: what is denied is not let in by a plus sign. Case is no matter.

    Args:
        expression: What a pin says.
        allowed: Identifiers of which each licence has to be one; empty where any may be.
        denied: Identifiers of which none may be.

    Raises:
        LicenseError: It is no expression that SPDX knows.
    """
    accepted = {_compared(each) for each in allowed}
    refused = {_compared(each) for each in denied}

    def may_be_used(license_id: str) -> bool:
        named = _names_of(license_id)
        return not named & refused and (not accepted or bool(named & accepted))

    return _holds(_parse(expression), may_be_used)


def _compared(license_id: str) -> str:
    """Return the one name by which a licence is compared."""
    base, joint, exception = license_id.partition(" WITH ")
    with suppress(LicenseError):  # as it is, then
        base = _known(base)
    older = _GNU.fullmatch(base)
    if older is not None and older[2] in {None, "+"}:
        base = older[1] + (_OR_LATER if older[2] else _ONLY)
    return f"{base}{joint}{exception}".casefold()


def _names_of(license_id: str) -> frozenset[str]:
    """Return the names by which a list may mean a licence."""
    base = license_id.partition(" WITH ")[0]
    older = _GNU.fullmatch(base)
    if older is not None and older[2] not in {None, "+"}:
        base = older[1]  # an exception in an older name
    found = {_compared(license_id), _compared(base)}
    first = _compared(base)
    if first.endswith(_OR_LATER):
        found.add(first.removesuffix(_OR_LATER) + _ONLY)
    elif first.endswith("+"):
        found.add(first.removesuffix("+"))
    return frozenset(found)


def _holds(expression: _Expression, may_be_used: Callable[[str], bool]) -> bool:
    if isinstance(expression, str):
        return may_be_used(expression)
    found = (_holds(part, may_be_used) for part in expression.parts)
    return all(found) if expression.operator == "AND" else any(found)


def _known(license_id: str) -> str:
    """Return a licence, perhaps with an exception, in the spelling of SPDX."""
    if license_id.lower().startswith(_OWN.lower()) and license_id.endswith("+"):
        raise LicenseError(f"'{license_id}' is no SPDX licence: `+` is for those that are listed")
    try:
        return str(canonicalize_license_expression(license_id))
    except InvalidLicenseExpression:
        raise LicenseError(f"SPDX lists no licence '{license_id}'") from None


def _parse(expression: str) -> _Expression:
    """Return the tree of an expression.

    Raises:
        LicenseError: It is none.
    """
    tokens = _TOKEN.findall(expression)
    tree, rest = _any_of(tokens, 0)
    if rest < len(tokens):
        raise LicenseError(f"`{tokens[rest]}` of '{expression}' is not expected there")
    return tree


def _any_of(tokens: list[str], at: int) -> tuple[_Expression, int]:
    return _joined(tokens, at, "OR", _all_of)


def _all_of(tokens: list[str], at: int) -> tuple[_Expression, int]:
    return _joined(tokens, at, "AND", _one)


def _joined(
    tokens: list[str],
    at: int,
    operator: Literal["AND", "OR"],
    part: Callable[[list[str], int], tuple[_Expression, int]],
) -> tuple[_Expression, int]:
    first, at = part(tokens, at)
    parts = [first]
    while at < len(tokens) and tokens[at] == operator:
        following, at = part(tokens, at + 1)
        parts.append(following)
    return (first if len(parts) == 1 else _Joined(operator, tuple(parts))), at


def _one(tokens: list[str], at: int) -> tuple[_Expression, int]:
    if at >= len(tokens) or tokens[at] in {")", "AND", "OR", "WITH"}:
        where = f"before `{tokens[at]}`" if at < len(tokens) else "at the end"
        raise LicenseError(f"a licence is missing {where}")
    if tokens[at] == "(":
        inner, at = _any_of(tokens, at + 1)
        if at >= len(tokens) or tokens[at] != ")":
            raise LicenseError("a parenthesis is not closed")
        return inner, at + 1
    if tokens[at + 1 : at + 2] == ["WITH"]:
        if at + 2 >= len(tokens):
            raise LicenseError("an exception is missing after `WITH`")
        return _known(f"{tokens[at]} WITH {tokens[at + 2]}"), at + 3
    return _known(tokens[at]), at + 1
