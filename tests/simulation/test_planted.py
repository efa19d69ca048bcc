"""Each promise has a planted bug that breaks it, and each bug its place in the code."""

from __future__ import annotations

import inspect
import re

import pytest

from simulation import invariants
from simulation.planted.bugs import BUGS, Bug
from simulation.planted.importing import PRODUCT, read_finds


def test_each_promise_has_a_bug_that_breaks_it() -> None:
    promises = set(re.findall(r'_break\(\s*"([^"]+)"', inspect.getsource(invariants)))
    assert len(promises) > 20
    assert promises == {bug.promise for bug in BUGS}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_place_of_a_bug_is_there(bug: Bug) -> None:
    for file, old, _ in ((bug.file, bug.old, bug.new), *bug.also):
        assert (PRODUCT / file).read_text(encoding="utf-8").count(old) == 1, file


def test_the_page_tells_by_which_seed_each_was_found() -> None:
    finds = read_finds()
    missing = [bug.name for bug in BUGS if bug.name not in finds]
    assert not missing, f"run `make plant`: {missing}"
