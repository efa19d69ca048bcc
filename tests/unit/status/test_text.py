"""Numbers as messages write them."""

from __future__ import annotations

import pytest

from glovebox.status.text import how_far, sized


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KiB"),
        (5 << 30, "5.0 GiB"),
        (1 << 62, "4,096.0 PiB"),
    ],
)
def test_bytes_are_told_in_the_unit_that_suits_them(value: int, words: str) -> None:
    assert sized(value) == words


@pytest.mark.parametrize(
    ("done", "total", "speed", "words"),
    [
        pytest.param((0, 0), (None, None), 0.0, "", id="before the listing has ended"),
        pytest.param((0, 0), (1, 10), 0.0, "0 of 1 object, 0 bytes of 10 bytes", id="begun"),
        pytest.param(
            (1200, 3 << 30),
            (40000, 5 << 30),
            1.5 * (1 << 20),
            "1,200 of 40,000 objects, 3.0 GiB of 5.0 GiB, 1.5 MiB in a second",
            id="under way",
        ),
    ],
)
def test_how_far_work_on_data_has_come(
    done: tuple[int, int], total: tuple[int | None, int | None], speed: float, words: str
) -> None:
    assert how_far(done, total, speed) == words
