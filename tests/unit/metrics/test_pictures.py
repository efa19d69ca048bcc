"""The pictures of dashboards in the docs: one of each, and shown."""

from __future__ import annotations

from glovebox.metrics.dashboard_files import dashboards
from support.examples import REPOSITORY

PICTURES = REPOSITORY / "docs" / "img"
PAGE = REPOSITORY / "docs" / "how-to" / "monitor.md"


def test_each_dashboard_has_a_picture_that_the_page_shows_and_there_is_no_other() -> None:
    found = {path.name for path in PICTURES.glob("dashboard-*")}
    assert found == {f"dashboard-{name}.png" for name in dashboards()}
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in found if f"../img/{name}" not in text] == []


def test_pictures_are_small_enough_for_a_page() -> None:
    assert [
        path.name for path in PICTURES.glob("dashboard-*") if path.stat().st_size > 150_000
    ] == []
