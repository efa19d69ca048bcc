"""What a deletion reads of an Experiment without its schema, and whose namespace it closes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.controllers.experiment import retire
from glovebox.controllers.experiment.namespace import is_own, may_delete
from glovebox.controllers.experiment.retire import Retiring
from glovebox.controllers.ports import Ports
from glovebox.errors import Forbidden
from glovebox.kube.kinds import NAMESPACE, Kind
from glovebox.kube.objects import ObjectKey

Json = dict[str, Any]


def experiment(spec: Any = None, **status: Any) -> Json:
    metadata = {
        "namespace": "team",
        "name": "x",
        "uid": "e",
        "deletionTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"metadata": metadata, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("spec", "policy"),
    [
        ({"lifecycle": {"deletionPolicy": "Retain"}}, "Retain"),
        ({"lifecycle": {"deletionPolicy": "Freeze"}}, "Freeze"),
        ({"lifecycle": {"deletionPolicy": "Delete"}}, "Delete"),
        ({"lifecycle": {"deletionPolicy": "Archive"}}, "Freeze"),
        ({"lifecycle": {}}, "Freeze"),
        ({}, "Freeze"),
        (None, "Freeze"),
    ],
)
def test_nothing_is_deleted_by_a_policy_that_nobody_knows(spec: Any, policy: str) -> None:
    assert Retiring.of(experiment(spec)).policy == policy


@pytest.mark.parametrize(
    ("status", "policy"),
    [
        ({"teamBudget": {"requests.cpu": "1", "pods": "0"}}, "Freeze"),
        ({"teamBudget": {"requests.cpu": "0"}}, "Retain"),
        ({"teamBudget": {"requests.cpu": "1"}, "state": "Sealed"}, "Retain"),
    ],
    ids=["has some", "has none of it", "gave it back"],
)
def test_what_a_budget_counts_no_more_is_not_left_running(status: Json, policy: str) -> None:
    retain = {"lifecycle": {"deletionPolicy": "Retain"}}
    assert Retiring.of(experiment(retain, digest="d", **status)).policy == policy


@pytest.mark.parametrize(
    ("status", "wrote"),
    [
        ({}, False),
        ({"digest": "d"}, False),
        ({"digest": "d", "run": {"jobUid": "j"}}, True),
        ({"digest": "d", "artifacts": {"uri": "s3://b/p/"}}, True),
        ({"digest": "d", "state": "Sealed"}, True),
        ({"artifacts": {"uri": "s3://b/p/"}}, False),
    ],
    ids=["not bound", "bound", "ran", "had credentials", "closed", "never bound"],
)
def test_what_may_have_been_written_is_sealed_first(status: Json, *, wrote: bool) -> None:
    assert Retiring.of(experiment({}, **status)).has_results is wrote


@pytest.mark.parametrize(
    ("recorded", "uid", "label", "own", "goes"),
    [
        pytest.param("n1", "n1", "e", True, True, id="its own"),
        pytest.param("n1", "n1", "", True, True, id="its own without labels"),
        pytest.param("n1", "n2", "e", True, False, id="made again, and not recorded"),
        pytest.param("n1", "n2", "other", False, False, id="another one's"),
        pytest.param("", "n1", "e", True, True, id="made a moment ago"),
        pytest.param("", "n1", "", False, False, id="somebody else's"),
    ],
)
def test_whose_a_namespace_is(
    recorded: str, uid: str, label: str, *, own: bool, goes: bool
) -> None:
    live = {"metadata": {"uid": uid, "labels": {names.LABEL_EXPERIMENT_UID: label}}}
    known = SimpleNamespace(uid="e", status=SimpleNamespace(namespace_uid=recorded))
    assert is_own(cast("Experiment", known), live) is own
    assert may_delete(recorded, "e", live) is goes


@pytest.mark.parametrize("refused", [None, Forbidden("Forbidden", "no right")], ids=["", "refused"])
async def test_what_runs_is_ended_before_a_namespace_is_deleted(
    refused: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A namespace takes its time to go; what cannot be closed goes with it."""
    done: list[str] = []

    async def closes(_: Any, live: Json, state: str) -> None:
        done.append(f"close {live['metadata']['name']}: {state}")
        if refused is not None:
            raise refused

    class Server:
        async def get(self, kind: Kind, namespace: str | None, name: str) -> Json:
            assert (kind, namespace) == (NAMESPACE, None)
            return {"metadata": {"name": name, "uid": "n1"}}

        async def delete(self, kind: Kind, key: ObjectKey, *, uid: str) -> None:
            done.append(f"delete {kind.kind} {key.name} {uid}")

    monkeypatch.setattr(retire, "close_namespace", closes)
    ports = cast("Ports", SimpleNamespace(reader=Server(), writer=Server()))
    spec = {"lifecycle": {"deletionPolicy": "Delete"}}
    retiring = Retiring.of(experiment(spec, namespace="gbx-team-x", namespaceUid="n1"))

    waits = await retire.let_go(ports, retiring)

    assert done == ["close gbx-team-x: Sealed", "delete Namespace gbx-team-x n1"]
    assert waits is not None
    assert waits.reason == reasons.DELETING
