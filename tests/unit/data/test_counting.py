"""What is counted is written as people say it."""

from __future__ import annotations

import pytest

from glovebox.data.counting import counted


@pytest.mark.parametrize(
    ("number", "says"),
    [(0, "0 days"), (1, "1 day"), (2, "2 days"), (1234, "1,234 days")],
    ids=["none", "one", "two", "thousands"],
)
def test_one_is_not_several(number: int, says: str) -> None:
    assert counted(number, "day") == says
