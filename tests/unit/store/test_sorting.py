from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from glovebox.store.sorting import externally_sorted


@given(st.lists(st.tuples(st.binary(max_size=2), st.integers())), st.integers(1, 7))
def test_any_length_is_sorted_as_in_memory_and_stable(
    items: list[tuple[bytes, int]], run: int
) -> None:
    assert list(externally_sorted(items, key=lambda item: item[0], run=run)) == sorted(
        items, key=lambda item: item[0]
    )
