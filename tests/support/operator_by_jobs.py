"""An operator whose tasks are Jobs, in the place of the usual one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from support.api import path_of
from support.cluster import Cluster
from support.operator_process import BREAK_GLASS, PLATFORM_IMAGE, Operator


@contextlib.contextmanager
def operator_by_jobs(
    cluster: Cluster, usual: Operator, folder: Path, name: str, settings: Mapping[str, str]
) -> Iterator[Operator]:
    """Run it without the pins of earlier tests; the usual one runs again afterwards.

    Args:
        cluster: Where it runs.
        usual: The operator that runs, and stands still meanwhile.
        folder: For its log.
        name: Of its log.
        settings: More environment variables.
    """
    usual.stop()
    forget_pins(cluster)
    by_jobs = {"GLOVEBOX_IMAGE": PLATFORM_IMAGE, "GLOVEBOX_TASKS": "Jobs", **settings}
    running = Operator(cluster, folder, name=name, settings=by_jobs)
    running.start()
    try:
        yield running
    finally:
        running.stop()
        usual.start()


def forget_pins(cluster: Cluster) -> None:
    """Remove the pins of earlier tests.

    Each would have a Job whose pod nobody plays, and these would take all places of their class.
    """
    rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
    for left in rogue.list(path_of("glovebox.dev/v1alpha1", "datasetpins")):
        metadata = left["metadata"]
        path = path_of(
            "glovebox.dev/v1alpha1",
            "datasetpins",
            namespace=metadata["namespace"],
            name=metadata["name"],
        )
        rogue.delete(path)
        if metadata.get("finalizers"):
            rogue.patch(path, {"metadata": {"finalizers": None}})
