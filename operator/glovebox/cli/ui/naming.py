"""Which object an address or a person names: a key, or nothing where that is no name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from glovebox.api.kinds import KINDS
from glovebox.kube.resources import Key

# What the API server takes as a name. Two dots would be another path of it.
NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


def key_of(singular: str, where: Sequence[str]) -> Key | None:
    """Return the key of one of our objects; None where the words name none.

    Args:
        singular: Its kind, as in `experiment`.
        where: Its namespace, where it has one, and its name.
    """
    kind = next((each for each in KINDS if each.singular == singular), None)
    is_whole = kind is not None and len(where) == 1 + kind.namespaced
    if kind is None or not is_whole or not all(map(NAME.fullmatch, where)):
        return None
    return Key(kind.kind, where[0] if kind.namespaced else "", where[-1])
