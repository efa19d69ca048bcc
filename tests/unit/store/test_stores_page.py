"""The page on stores says what the suite expects of each, and no more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from glovebox.store.probes import CHECKS
from stores.expected import EXPECTED
from support.other_stores import RIGHTS, STORES

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "stores.md"
_ROW = re.compile(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|", re.MULTILINE)
ROWS = {name: (ready, passed) for name, ready, passed in _ROW.findall(PAGE.read_text())}


def test_every_store_that_is_asked_has_expectations_and_a_row() -> None:
    assert ROWS.keys() == EXPECTED.keys() == STORES.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_row_says_what_is_expected(name: str) -> None:
    expected, (ready, passed) = EXPECTED[name], ROWS[name]
    assert ready == (f"no: `{'`, `'.join(expected.failed)}`" if expected.failed else "yes")
    count = len(CHECKS) - len(expected.failed) - len(expected.unknown)
    assert passed.startswith(f"{count} of {len(CHECKS)}")
    assert (f"{len(expected.unknown)} cannot be made" in passed) == bool(expected.unknown)


def test_the_page_lists_the_rights_that_the_suite_runs_with() -> None:
    listed = re.findall(r"^- `(s3:\w+)`$", PAGE.read_text(), re.MULTILINE)
    assert listed == list(RIGHTS)
