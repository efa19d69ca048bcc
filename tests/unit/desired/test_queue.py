"""The LocalQueue of a run: there where the profile names a queue, and where there is a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.plan import desired_objects
from golden.cases import inputs_from

QUEUE: dict[str, Any] = {"kind": "IsolationProfile", "spec": {"queue": {"clusterQueue": "gpus"}}}


def queue_of(inputs: ExperimentInputs) -> dict[str, Any] | None:
    return desired_objects(inputs).queue


def test_it_leads_where_the_profile_says_and_is_not_called_default() -> None:
    queue = queue_of(inputs_from(QUEUE))
    assert queue is not None
    assert (queue["apiVersion"], queue["kind"]) == ("kueue.x-k8s.io/v1beta2", "LocalQueue")
    assert queue["metadata"]["name"] == "glovebox", "`default` takes in what names no queue"
    assert queue["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "glovebox"
    assert queue["spec"] == {"clusterQueue": "gpus"}


def test_without_a_run_or_a_queue_there_is_none() -> None:
    assert queue_of(inputs_from()) is None
    inputs = inputs_from(QUEUE)
    spec = inputs.experiment.spec.model_copy(update={"stages": ()})
    by_hand = inputs.experiment.model_copy(update={"spec": spec})
    assert queue_of(replace(inputs, experiment=by_hand)) is None
