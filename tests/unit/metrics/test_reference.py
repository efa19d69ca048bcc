"""Every metric is explained on the reference page."""

from __future__ import annotations

from glovebox.api.generated import stale_files
from glovebox.metrics.reference_docs import WATCH, metrics, reference_files
from support.examples import REPOSITORY


def test_every_metric_says_what_to_watch() -> None:
    assert [metric.name for metric in metrics() if not WATCH.get(metric.name)] == []


def test_every_metric_has_a_help_text() -> None:
    assert [metric.name for metric in metrics() if not metric.help] == []


def test_the_committed_page_is_up_to_date() -> None:
    assert stale_files(reference_files(REPOSITORY / "docs" / "reference")) == []
