"""Values of labels are from lists: what is counted under another one hides its first failure."""

from __future__ import annotations

import re

from glovebox.metrics.labels import OPERATIONS
from support.examples import REPOSITORY

# How a piece of work on a store is named where it is counted: there, or by whoever asks for it.
_NAMED = re.compile(r'\bon_store\(\s*"(\w+)"|\boperation="(\w+)"|\boperation: Final = "(\w+)"')


def test_every_piece_of_work_on_a_store_is_one_of_the_operations() -> None:
    named = {
        next(filter(None, found.groups()))
        for path in (REPOSITORY / "operator" / "glovebox" / "controllers").rglob("*.py")
        for found in _NAMED.finditer(path.read_text())
    }
    assert named - set(OPERATIONS) == set()
    assert {"ledger", "hold_pin", "seal"} <= named
