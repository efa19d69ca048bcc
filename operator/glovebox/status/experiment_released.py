"""What an Experiment reports once it was retired and the ledger was told of everything. Pure.

Nobody looks at its run or its seal any more: both are as its status has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from glovebox.api import conditions as types
from glovebox.api.experiment_status import RunStatus
from glovebox.api.seal_status import SealStatus
from glovebox.status.builder import StatusBuilder
from glovebox.status.experiment_facts import RunFacts, SealFacts
from glovebox.status.experiment_work import mark_run, mark_seal
from glovebox.status.ledger import HELD, record_entries
from glovebox.status.outcome import Outcome, done, skipped


def report_held_back(builder: StatusBuilder, obj: Mapping[str, Any], told: Outcome) -> None:
    """Record what the ledger was told, and report what was held back until then.

    Args:
        builder: The status in the making.
        obj: The Experiment.
        told: That the ledger was told of all of it.
    """
    record_entries(builder, obj, told)
    status = obj.get("status") or {}
    with suppress(ValidationError):  # of another version, which reports it
        if builder.current(types.SUCCEEDED)[1] in HELD and status.get("run"):
            run = RunFacts(requested=True, run=RunStatus.model_validate(status["run"]))
            mark_run(builder, done(run), skipped("run"), provisioned=True)
        if builder.current(types.SEALED)[1] in HELD and status.get("seal"):
            seal = SealStatus.model_validate(status["seal"])
            mark_seal(builder, done(SealFacts(None, seal.objects, seal.bytes, seal.findings)))
