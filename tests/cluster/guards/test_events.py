"""Nobody reports in the operator's name, by either API of Events."""

from __future__ import annotations

from typing import Any, Final

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    ADMINS,
    BREAK_GLASS,
    CLUSTER_ADMIN,
    OPERATOR,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
)

WORDS: Final = (
    "Events of the controller 'glovebox.dev' are the Glovebox operator's; report under a name of"
    " your own"
)
ABOUT: Final = {
    "apiVersion": "glovebox.dev/v1alpha1",
    "kind": "Experiment",
    "name": "delay",
    "namespace": objects.PLAIN_NAMESPACE,
}


def old(**fields: Any) -> objects.Json:
    """Return an Event of the core API."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "sealed", "namespace": objects.PLAIN_NAMESPACE},
        "involvedObject": ABOUT,
        "reason": "Sealed",
        "type": "Normal",
        **fields,
    }


def new(controller: str, **fields: Any) -> objects.Json:
    """Return an Event of the newer API."""
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "sealed", "namespace": objects.PLAIN_NAMESPACE},
        "regarding": ABOUT,
        "reason": "Sealed",
        "action": "Seal",
        "type": "Normal",
        "eventTime": "2026-11-26T00:00:00.000000Z",
        "reportingController": controller,
        "reportingInstance": "x",
        **fields,
    }


FORGED: Final = [
    pytest.param(new("glovebox.dev"), id="the newer API"),
    pytest.param(new("glovebox.dev/operator"), id="a part of the operator"),
    pytest.param(old(source={"component": "glovebox.dev"}), id="the core API"),
    pytest.param(
        old(
            reportingComponent="glovebox.dev",
            reportingInstance="x",
            action="Seal",
            eventTime="2026-11-26T00:00:00.000000Z",
        ),
        id="its newer field",
    ),
]


@pytest.mark.parametrize("event", FORGED)
@pytest.mark.parametrize("actor", ADMINS)
def test_an_event_in_the_operator_s_name_is_refused(
    experiments: Kubectl, actor: Actor, event: objects.Json
) -> None:
    expect_denied(experiments.create(actor, event), "glovebox-events", WORDS)


@pytest.mark.parametrize("event", FORGED)
def test_the_broken_glass_may(experiments: Kubectl, event: objects.Json) -> None:
    expect_admitted(experiments.create(BREAK_GLASS, event))


def test_the_operator_reports(experiments: Kubectl) -> None:
    expect_admitted(experiments.create(OPERATOR, new("glovebox.dev")))


@pytest.mark.parametrize("name", ["mine.example", "glovebox.dev.example", "glovebox"])
@pytest.mark.parametrize("actor", ADMINS)
def test_others_report_under_names_of_their_own(
    experiments: Kubectl, actor: Actor, name: str
) -> None:
    expect_admitted(experiments.create(actor, new(name)))
    expect_admitted(experiments.create(actor, old(source={"component": name})))


def test_an_event_that_is_there_does_not_become_the_operator_s(experiments: Kubectl) -> None:
    api = experiments.api(CLUSTER_ADMIN)
    path = f"/api/v1/namespaces/{objects.PLAIN_NAMESPACE}/events"
    api.create(path, old(source={"component": "mine.example"}))
    try:
        renamed = experiments(
            CLUSTER_ADMIN,
            "patch",
            "event",
            "sealed",
            f"--namespace={objects.PLAIN_NAMESPACE}",
            "--type=merge",
            '--patch={"source": {"component": "glovebox.dev"}}',
        )
        expect_denied(renamed, "glovebox-events", WORDS)
    finally:
        api.delete(f"{path}/sealed")
