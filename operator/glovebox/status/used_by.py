"""What a DatasetPin says of who uses its content, by whatever pin. Pure.

Of Experiments in other namespaces only those are named that a grant of the pin's namespace let in;
of others a pin of the same bytes tells nothing but how many there are. Large counts are told
roughly: each change is a write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

_NAMED: Final = 10


def used_by(
    namespace: str,
    own: Iterable[str],
    others: Iterable[Mapping[str, Any]],
    words: Callable[[int], str],
) -> dict[str, Any] | None:
    """Return `status.usedBy`; None where nobody uses the content.

    Args:
        namespace: Of the pin.
        own: The Experiments of its namespace that are bound to its content, by name.
        others: Those of other namespaces.
        words: Tells a count so that it changes seldom.
    """
    named, elsewhere = [f"{namespace}/{name}" for name in own], 0
    for user in others:
        if _is_let_in(user, namespace):
            named.append(f"{user['metadata']['namespace']}/{user['metadata']['name']}")
        else:
            elsewhere += 1
    if not named and not elsewhere:
        return None
    found: dict[str, Any] = {"experiments": words(len(named) + elsewhere)}
    if elsewhere:
        found["elsewhere"] = words(elsewhere)
    if named and len(named) <= _NAMED:
        found["names"] = sorted(named)
    return found


def _is_let_in(user: Mapping[str, Any], namespace: str) -> bool:
    return any(
        str(grant.get("grantRef", "")).startswith(f"{namespace}/")
        for entry in (user.get("status") or {}).get("inputs") or ()
        for grant in entry.get("grants") or ()
    )
