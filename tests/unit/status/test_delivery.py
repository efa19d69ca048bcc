"""InputsDelivered: what people who work without a run are told of their inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.desired.inputs import ResolvedInput
from glovebox.errors import Forbidden, Refused, Unavailable
from glovebox.status.delivery import NO_IMAGE, words_of
from glovebox.status.experiment import compute_recreating_status, compute_status
from glovebox.status.experiment_facts import DeliveryFacts
from glovebox.status.experiment_seen import Seen
from glovebox.status.outcome import Outcome, done, of_error, skipped, waiting
from unit.status.test_experiment import DIGEST, GRACE, NOW, answers, good

Json = dict[str, Any]
DATASETS: Json = {"datasets": [{"name": "train", "pinRef": {"name": "rows"}, "role": "train"}]}
FEATURES: Json = {"features": [{"name": "base", "pinRef": {"name": "v3"}}]}
THERE = done(DeliveryFacts("they are there"))

RUN = {"stages": [{"name": "a", "image": "a", "command": ["b"]}]}


def experiment(status: Mapping[str, Any] | None = None, **spec: Any) -> Json:
    before = {"digest": DIGEST, "namespace": "gbx-x"} | dict(status or {})
    return {
        "metadata": {"generation": 2},
        "spec": {"inputs": DATASETS} | spec,
        "status": before,
    }


def look(
    deliver: Outcome, status: Mapping[str, Any] | None = None, *, spec: Json | None = None
) -> Json:
    obj = experiment(status, **(spec or {}))
    return compute_status(Seen(obj, good(deliver=deliver), NOW, grace=GRACE))


def provisioned() -> Json:
    return look(THERE, look(THERE))


def unavailable(*, lasting: bool) -> Outcome:
    outcome = of_error(Unavailable(reasons.STORE_UNREACHABLE, "no answer"))
    return outcome.with_failure(*((301.0, 3) if lasting else (1.0, 1)))


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (
            {"stages": [{"name": "a", "image": "a", "command": ["b"]}]},
            "a run's pod checks what it was given",
        ),
        ({"inputs": {}}, "nothing is to be delivered"),
    ],
)
def test_there_is_none(spec: Json, why: str) -> None:
    assert "InputsDelivered" not in answers(look(THERE, spec=spec)), why


@pytest.mark.parametrize("inputs", [DATASETS, FEATURES])
def test_ready_is_said_once_they_are_there(inputs: Json) -> None:
    pending = waiting(reasons.INPUTS_PENDING, "its cache is being filled")
    status = look(pending, spec={"inputs": inputs})
    assert answers(status)["InputsDelivered"] == ("False", reasons.INPUTS_PENDING)
    assert answers(status)["Ready"] == ("False", reasons.INPUTS_PENDING)
    assert status["provisioned"], "they are delivered into what stands"
    status = look(THERE, status, spec={"inputs": inputs})
    assert answers(status)["InputsDelivered"] == ("True", reasons.INPUTS_DELIVERED)
    assert answers(status)["Ready"] == ("True", reasons.PROVISIONED)
    assert answers(status)["Succeeded"] == ("Unknown", reasons.RUN_NOT_REQUESTED)


@pytest.mark.parametrize(
    ("deliver", "said", "why"),
    [
        (unavailable(lasting=False), ("True", reasons.INPUTS_DELIVERED), "it may pass"),
        (unavailable(lasting=True), ("Unknown", reasons.STORE_UNREACHABLE), "nobody knows"),
        (
            of_error(Forbidden(reasons.FORBIDDEN, "no")).with_failure(6.0, 2),
            ("False", reasons.FORBIDDEN),
            "a refusal is an answer",
        ),
        (skipped("namespace"), ("True", reasons.INPUTS_DELIVERED), "nobody looked"),
    ],
)
def test_what_stands_keeps_its_answer_while_that_may_be(
    deliver: Outcome, said: tuple[str, str], why: str
) -> None:
    status = look(deliver, provisioned())
    assert answers(status)["InputsDelivered"] == said, why
    ready = ("True", reasons.PROVISIONED) if said[0] == "True" else said
    assert answers(status)["Ready"] == ready, why


@pytest.mark.parametrize("reason", [reasons.DELIVERY_UNAVAILABLE, reasons.INPUTS_REFUSED])
def test_a_refusal_is_said_there_and_nothing_of_a_run_that_is_none(reason: str) -> None:
    status = look(of_error(Refused(reason, "no")), provisioned())
    assert answers(status)["InputsDelivered"] == ("False", reason)
    assert answers(status)["Ready"] == ("False", reason)
    assert answers(status)["Succeeded"] == ("Unknown", reasons.RUN_NOT_REQUESTED)


def test_where_the_operator_has_no_image_it_is_said_and_the_namespace_is_ready() -> None:
    status = look(done(DeliveryFacts(NO_IMAGE, is_there=False)), provisioned())
    assert answers(status)["InputsDelivered"] == ("False", reasons.DELIVERY_UNAVAILABLE)
    assert answers(status)["Ready"] == ("True", reasons.PROVISIONED)


def test_with_a_run_it_is_said_of_the_run() -> None:
    spec = RUN
    status = look(of_error(Refused(reasons.INPUTS_REFUSED, "no")), spec=spec)
    assert answers(status)["Succeeded"] == ("False", reasons.INPUTS_REFUSED)


@pytest.mark.parametrize("desired", ["Frozen", "Sealed"])
def test_what_is_closed_has_none_any_more(desired: str) -> None:
    status = look(done(), provisioned(), spec={"lifecycle": {"desired": desired}})
    assert answers(status)["InputsDelivered"] == ("False", desired)


def test_in_a_namespace_that_is_gone_there_are_none() -> None:
    status = compute_recreating_status(experiment(provisioned()), NOW)
    assert answers(status)["InputsDelivered"] == ("False", reasons.PROVISIONING)


def test_in_one_that_nobody_keeps_nobody_knows() -> None:
    outcomes = {"unkept": of_error(Refused(reasons.INVALID_SPEC, "cannot be read"))}
    status = compute_status(Seen(experiment(provisioned()), outcomes, NOW, grace=GRACE))
    assert answers(status)["InputsDelivered"] == ("Unknown", reasons.INVALID_SPEC)


def entry(kind: Any) -> ResolvedInput:
    return ResolvedInput("a", kind, "p", "u", DIGEST, DIGEST)


@pytest.mark.parametrize(
    ("mode", "kind", "named"),
    [
        ("Fetch", "DatasetPin", ["`glovebox-inputs`", "`glovebox-inputs-credentials`"]),
        ("Fetch", "FeatureSetPin", ["`glovebox-inputs`"]),
        ("Cache", "DatasetPin", ["`glovebox-input-<input>`", "`glovebox-inputs`"]),
        ("CSI", "DatasetPin", ["`glovebox-input-<input>`", "`glovebox-inputs`"]),
        ("Image", "DatasetPin", ["`status.inputs`", "`glovebox-inputs`"]),
        ("Image", "FeatureSetPin", ["`glovebox-inputs`"]),
    ],
)
def test_what_a_pod_names_is_said(mode: Any, kind: str, named: list[str]) -> None:
    words = words_of(mode, [entry(kind)])
    assert [word for word in named if word not in words] == []
    assert ("credentials" in words) is (mode == "Fetch" and kind == "DatasetPin")
