"""The heap answers as a sorted list would, and holds no more than twice what counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from glovebox.engine.lazy_heap import LazyHeap

_STEPS = st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 3))))


@given(_STEPS)
def test_the_first_is_the_lowest_rank_and_of_equal_ranks_the_earliest(
    steps: list[tuple[int, int | None]],
) -> None:
    heap: LazyHeap[int] = LazyHeap()
    model: dict[int, int] = {}
    for item, rank in steps:
        if rank is None:
            heap.remove(item)
            model.pop(item, None)
        elif model.get(item) != rank:
            heap.put(item, rank)
            model.pop(item, None)
            model[item] = rank
        else:
            heap.put(item, rank)
        expected = min(model, key=lambda one: model[one], default=None)
        assert heap.first() == expected
        assert len(heap) == len(model)


def test_what_is_only_written_to_stays_small() -> None:
    heap: LazyHeap[str] = LazyHeap()
    for rank in range(10_000):
        heap.put("a", -rank)
        heap.put(f"gone{rank}", rank)
        heap.remove(f"gone{rank}")
    assert len(heap._entries) < 100
