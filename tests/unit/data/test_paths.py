from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data.paths import PathOrder
from glovebox.errors import InvalidInput

REFUSED = [
    ([""], "is empty"),
    (["/a"], "is absolute"),
    (["a/"], "ends in '/'"),
    (["a\0b"], "NUL"),
    (["../a"], "'..' segment"),
    (["a/../b"], "'..' segment"),
    (["a/./b"], "'.' or '..'"),
    (["a//b"], "has an empty"),
    (["\ud800"], "is not Unicode"),
    (["x" * 256], "a name longer than 255"),
    (["x/" * 600 + "y"], "longer than 1024"),
    (["a", "a"], "appears twice"),
    (["b", "a"], "sort the entries"),
    (["é", "z"], "sort the entries"),
    (["a", "a/b"], "lies below 'a'"),
    # In byte order `-` and `.` come before `/`, so the folder's content does not follow its file at
    # once.
    (["a", "a-b", "a.c", "a/b"], "lies below 'a'"),
    (["a", "a-b", "a-b-c", "a-b/c"], "lies below 'a-b'"),
]

ACCEPTED = [
    (["a!", "a-b", "a.b/c", "a/b", "a/c"], "a folder beside names that only begin alike"),
    (["Z", "a", "ä", "日本", "\U0001f600"], "byte order, not the order of any language"),
    (["\uffff", "\U00010000"], "byte order of UTF-8, not of UTF-16"),
    (["a", "a0", "b/a", "b/a0/c"], "a file and a folder of another name"),
    (["..a", "a..b", "a/..."], "dots inside a name are harmless"),
    (["x" * 255], "the longest name"),
]


@pytest.mark.parametrize(("paths", "defect"), REFUSED)
def test_a_path_that_cannot_be_a_file_is_refused(paths: list[str], defect: str) -> None:
    *accepted, refused = paths
    order = PathOrder()
    for path in accepted:
        order.check(path)
    with pytest.raises(InvalidInput, match=defect):
        order.check(refused)


@pytest.mark.parametrize(("paths", "why"), ACCEPTED, ids=[why for _, why in ACCEPTED])
def test_a_tree_of_files_is_accepted(paths: list[str], why: str) -> None:
    del why
    order = PathOrder()
    for path in paths:
        order.check(path)


segments = st.text(alphabet="ab-./0", min_size=1, max_size=8)


@given(st.sets(segments, max_size=12))
def test_exactly_those_sets_are_accepted_in_which_no_file_is_a_folder(paths: set[str]) -> None:
    """The check with its small memory agrees with one that compares every pair."""
    proper = [
        path for path in paths if all(segment not in ("", ".", "..") for segment in path.split("/"))
    ]
    conflict = any(other.startswith(f"{path}/") for path in proper for other in proper)
    order = PathOrder()
    try:
        for path in sorted(proper, key=str.encode):
            order.check(path)
    except InvalidInput:
        assert conflict
    else:
        assert not conflict
