"""What a reader is told first about an Experiment is what is done."""

from __future__ import annotations

import re

from glovebox.controllers.experiment import reconcile


def test_the_order_of_the_phases_is_the_one_at_the_top_of_the_file() -> None:
    drawn = (reconcile.__doc__ or "").split("\n\n")[1].partition("and, when")[0]

    assert re.findall(r"\w+", drawn) == [phase.name for phase in reconcile.PHASES]
