"""Where the stages of a run write, and what they read of each other.

A single stage writes where the run does. Of several each has a prefix of its own below that, so
that nobody writes what another stage seems to have written; it reads those of the stages that it
needs.
"""

from __future__ import annotations

from glovebox import names
from glovebox.api.experiment import Experiment
from glovebox.api.stages import Stage


def result_prefix(experiment: Experiment, stage: Stage) -> str:
    """Return the prefix that a stage writes below, ending in `/`."""
    run = names.artifact_prefix(experiment.namespace, experiment.name, experiment.uid)
    return run if len(experiment.spec.stages) == 1 else f"{run}{stage.name}/"


def checkpoint_prefix(experiment: Experiment, stage: Stage) -> str:
    """Return the prefix for what the next attempt of a stage goes on from, ending in `/`.

    It lies below what the stage writes, so that it is sealed with the results.
    """
    return f"{result_prefix(experiment, stage)}checkpoints/"


def needed_prefixes(experiment: Experiment, stage: Stage) -> dict[str, str]:
    """Return the prefixes that a stage reads besides, by the stage that wrote there."""
    needed = (each for each in experiment.spec.stages if each.name in stage.needs)
    return {each.name: result_prefix(experiment, each) for each in needed}
