"""Draws every dashboard into docs/img: `make pictures`."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path
from typing import Final

import structlog

from glovebox.metrics.dashboard_files import dashboards, variables
from pictures.asking import answering
from pictures.drawing import draw
from pictures.recording import record

SEED: Final = 11
FOLDER: Final = Path(__file__).parents[2] / "docs" / "img"
# Which Experiments are chosen: of those that read data and are sealed, those that had most to bear.
_INFO: Final = "max by (resource_namespace, name, target_namespace) (glovebox_experiment_info)"
_SEALED: Final = f"""
({_INFO} * on (resource_namespace, name) group_left glovebox_experiment_drift_repairs)
and on (resource_namespace, name) glovebox_experiment_sealed_bytes
and on (resource_namespace, name) glovebox_experiment_input_bytes
"""
_ONE: Final = f"topk(1, {_SEALED})"
_SEVERAL: Final = f"topk(6, {_SEALED})"


def main() -> None:
    """Play, fill, ask and draw."""
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    lines, begin, end = record(SEED)
    with (
        tempfile.TemporaryDirectory() as folder,
        answering(Path(folder), lines, begin, end) as answers,
    ):
        several = answers.labels(_SEVERAL)
        one = answers.labels(_ONE)
        chosen = {"one": variables(one), "several": variables(several), "": {}}
        for name, board in dashboards().items():
            path = FOLDER / f"dashboard-{name}.png"
            draw(name, board, answers, path, chosen[board.choice])
            sys.stdout.write(f"wrote {path}\n")


if __name__ == "__main__":
    main()
