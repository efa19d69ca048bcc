"""What `glovebox adopt` finds: what a restore has parted, in the store and in the cluster.

The store is read with the rights of whoever calls it. Who signed the records is not looked at here:
the operator takes over nothing that no key of its own signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from glovebox.api.experiment import Experiment
from glovebox.desired.declared import is_declared_so
from glovebox.desired.snapshot import KEY_SNAPSHOT
from glovebox.jobs.in_store import in_store
from glovebox.store.record_listing import list_records
from glovebox.store.run_records import RunRecord, read_run

if TYPE_CHECKING:
    from glovebox.store.connection import Stop, Store

Finding = Literal[
    "adoptable", "declared differently", "adopted", "no experiment", "only in the cluster"
]


@dataclass(frozen=True, slots=True)
class Parted:
    """Something that store and cluster do not both know as it is.

    Attributes:
        experiment: `namespace/name`.
        finding: `adoptable`: an Experiment of this name and declaration is there, and ran nothing.
            `adopted`: it takes it over already. `no experiment`: it was deleted, or is lost.
            `only in the cluster`: it ran, and the store has no record of it.
        uid: Of the Experiment that ran.
        began: When the run was begun, RFC 3339; empty where only the cluster knows.
        sealed: Whether the store has its seal.
    """

    experiment: str
    finding: Finding
    uid: str
    began: str
    sealed: bool


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What the store has: the runs, and the UIDs of whatever was sealed."""

    runs: tuple[RunRecord, ...]
    sealed: frozenset[str]


def parted(found: OnRecord, experiments: Iterable[Mapping[str, Any]]) -> list[Parted]:
    """Return what only one side knows, by name. Pure."""
    here = {
        f"{each['metadata']['namespace']}/{each['metadata']['name']}": each for each in experiments
    }
    keys = {run.key for run in found.runs}
    listed = [
        Parted(_name(run), finding, run.uid, run.started or run.begun, run.uid in found.sealed)
        for run in found.runs
        if (finding := _finding(run, here.get(_name(run)))) is not None
    ]
    for name, each in here.items():
        record = ((each.get("status") or {}).get("run") or {}).get("record", "")
        if record and record not in keys:
            uid = str(each["metadata"]["uid"])
            listed.append(Parted(name, "only in the cluster", uid, "", uid in found.sealed))
    return sorted(listed, key=lambda each: (each.experiment, each.began))


def _name(run: RunRecord) -> str:
    return f"{run.team}/{run.name}"


def _finding(run: RunRecord, experiment: Mapping[str, Any] | None) -> Finding | None:
    """Return what is to be said of a run, or None where both sides know it as it is."""
    if experiment is None:
        return "no experiment"
    if experiment["metadata"]["uid"] == run.uid:
        return None
    adopts = (experiment.get("spec") or {}).get("adopts")
    if adopts:
        return "adopted" if adopts == run.uid else None
    if (experiment.get("status") or {}).get("digest"):
        return None  # bound: it is another experiment of that name, and runs by itself
    try:
        same = is_declared_so(
            Experiment.model_validate(experiment), run.snapshot.get(KEY_SNAPSHOT, "{}")
        )
    except (ValidationError, ValueError):
        same = False
    return "adoptable" if same else "declared differently"


def read_store(bucket: str) -> OnRecord:
    """Read what a bucket has on record, as every S3 tool finds its store.

    Raises:
        GloveboxError: The store does not answer, or denies it.
    """

    def job(store: Store, stop: Stop) -> OnRecord:
        listed = list_records(store, bucket, stop)
        found = (read_run(store, bucket, key, None, stop) for key in sorted(listed.runs))
        return OnRecord(tuple(run for run in found if run is not None), listed.seals)

    return in_store(job)
