"""Pictures of a distribution: what is drawn is what the status says, in proportion."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.experiment import Experiment
from glovebox.report.distribution import distribution_section, pictures_of
from glovebox.report.drawing import HEIGHT, WIDTH, drawn
from glovebox.report.experiment import experiment_page
from glovebox.report.html import render
from glovebox.report.page import Bar, Picture, Pictures
from unit.report.test_pages import HOSTILE, NOW, Read, example, experiment_html, pin_html

SHARES = st.floats(0, 1)
BARS = st.lists(st.builds(Bar, st.just("x"), SHARES, st.one_of(st.none(), SHARES)), max_size=22)


@given(BARS)
def test_bars_are_in_proportion_and_within_their_place(bars: list[Bar]) -> None:
    most = max((max(each.share, each.before or 0) for each in bars), default=0) or 1
    for at, (bar, (slot, *rects)) in enumerate(drawn(Picture("t", tuple(bars)))):
        assert bar is bars[at]
        assert (slot.of, slot.height) == ("slot", HEIGHT)
        assert [each.of for each in rects] == ["before", "now"][bar.before is None :]
        for each, share in zip(reversed(rects), (bar.share, bar.before), strict=False):
            assert share is not None
            assert abs(each.height - HEIGHT * share / most) <= 0.051
            assert abs(each.y + each.height - HEIGHT) <= 0.11  # on the ground
            assert slot.x - 0.11 <= each.x <= each.x + each.width <= slot.x + slot.width + 0.21
        assert slot.x + slot.width <= WIDTH + 0.11


def test_a_pin_that_was_compared_shows_both_and_names_each_part_with_its_numbers() -> None:
    text = pin_html(example("pin"))
    read = Read(text)
    assert text.count("<svg viewBox") == 2
    assert "502 to 944: 50.00% → 47.83%" in read.text
    assert "944 to 4983: 25.00% → 50.00%" in read.text
    assert "B6: 40.12% → 41.00%" in read.text
    assert text.count('class="before"') == text.count('class="now"') == 5
    assert 'aria-label="distance"' in text


def test_a_pin_that_was_compared_with_nothing_shows_what_it_is() -> None:
    obj = example("pin")
    del obj["status"]["distribution"]
    text = pin_html(obj)
    assert text.count("<svg viewBox") == 1
    assert "UA: 60.00%" in Read(text).text
    assert 'class="before"' not in text


def test_what_may_not_be_shown_has_no_picture() -> None:
    obj = example("pin")
    for name in ("statistics", "distribution"):
        obj["status"][name]["drawn"] = []
    assert "<svg viewBox" not in pin_html(obj)


def test_a_part_is_called_as_its_data_are_and_does_nothing() -> None:
    obj = example("pin")
    part = obj["status"]["distribution"]["drawn"][1]["parts"][0]
    part["name"] = HOSTILE[:64]
    read = Read(pin_html(obj))
    assert "<script>alert(1)</script>" in read.text
    assert "script" not in read.tags


def test_a_mark_says_which_of_them_moved() -> None:
    section = distribution_section(DatasetPin.model_validate(example("pin")))
    (pictures,) = (each for each in section.blocks if isinstance(each, Pictures))
    marks = {each.title: each.mark.text for each in pictures.rows if each.mark is not None}
    assert marks == {"distance": "moved", "carrier": "stable"}


def test_an_experiment_shows_the_pins_that_it_was_bound_to_and_no_others() -> None:
    experiment = Experiment.model_validate(example("experiment"))
    bound = next(each for each in experiment.status.inputs if each.kind == "DatasetPin")
    obj = example("pin")
    obj["metadata"]["uid"] = bound.uid
    text = render(experiment_page(experiment, NOW, [DatasetPin.model_validate(obj)]))
    assert text.count("<svg viewBox") == 2
    assert f"Input {bound.name}, against DatasetPin months-of-2012." in Read(text).text
    obj["metadata"]["uid"] = "00000000-0000-4000-8000-00000000ffff"
    other = render(experiment_page(experiment, NOW, [DatasetPin.model_validate(obj)]))
    assert other == experiment_html(example("experiment"))


def test_a_column_without_a_part_is_no_picture() -> None:
    pin = DatasetPin.model_validate(example("pin"))
    assert pin.status.distribution is not None
    column = pin.status.distribution.drawn[0].model_copy(update={"parts": ()})
    assert pictures_of((column,), {}) == ()
