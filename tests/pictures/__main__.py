"""Draws every dashboard into docs/img: `make pictures`."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path
from typing import Final

import structlog

from glovebox.metrics.dashboard_files import dashboards
from pictures.asking import answering
from pictures.drawing import draw
from pictures.recording import record

SEED: Final = 11
FOLDER: Final = Path(__file__).parents[2] / "docs" / "img"


def main() -> None:
    """Play, fill, ask and draw."""
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    lines, begin, end = record(SEED)
    with (
        tempfile.TemporaryDirectory() as folder,
        answering(Path(folder), lines, begin, end) as answers,
    ):
        for name, board in dashboards().items():
            path = FOLDER / f"dashboard-{name}.png"
            draw(name, board, answers, path)
            sys.stdout.write(f"wrote {path}\n")


if __name__ == "__main__":
    main()
