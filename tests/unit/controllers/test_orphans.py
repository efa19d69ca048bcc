"""Which namespaces lost their Experiment, and when a list is more likely wrong than the cluster."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.controllers.orphans import are_too_many, find_orphans


def namespace(uid: str, state: str = "Open", **metadata: Any) -> dict[str, Any]:
    labels = {names.LABEL_EXPERIMENT_UID: uid, names.LABEL_STATE: state} if uid else {}
    return {"metadata": {"name": f"gbx-{uid}", "uid": f"ns-{uid}", "labels": labels, **metadata}}


@pytest.mark.parametrize(
    ("found", "orphan", "why"),
    [
        (namespace("gone"), True, "its Experiment is not there"),
        (namespace("gone", "Frozen"), True, "frozen is not let go"),
        (namespace("gone", "Sealed"), True, "its logs are still open to the team"),
        (namespace("here"), False, "its Experiment is there"),
        (namespace("gone", "Retained"), False, "it was let go in order"),
        (
            namespace("gone", "Retained", annotations={names.ANNOTATION_ORPHANED_TIME: "then"}),
            True,
            "the platform team may delete it, and its results still wait for their seal",
        ),
        (namespace("gone", deletionTimestamp="2026-01-01T00:00:00Z"), False, "it is going"),
        (namespace(""), False, "it says of no Experiment"),
    ],
)
def test_an_orphan(found: dict[str, Any], orphan: bool, why: str) -> None:  # noqa: FBT001 - a table
    assert bool(find_orphans([found], {"here"})) is orphan, why


@pytest.mark.parametrize(
    ("orphans", "namespaces", "stops"),
    [(5, 5, False), (6, 6, True), (6, 200, False), (11, 200, True), (0, 0, False)],
)
def test_many_orphans_at_once_are_a_wrong_list(
    orphans: int,
    namespaces: int,
    stops: bool,  # noqa: FBT001 - a table
) -> None:
    assert are_too_many(orphans, namespaces) is stops
