"""The identity of an experiment: equal dependencies give one digest, any other gives another."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.desired.declared import declared_digest, is_declared_so
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.snapshot import KEY_DIGEST, KEY_SNAPSHOT, declared_size, snapshot
from golden.cases import Case, Only, discover, inputs_from, merged

RICH = next(case for case in discover() if case.name == "snapshot/every-field").inputs()
DIGEST = "sha256:" + "9" * 64


def digest(inputs: ExperimentInputs) -> str:
    found: str = snapshot(inputs)["data"][KEY_DIGEST]
    return found


def changed(inputs: ExperimentInputs, **overlay: Any) -> ExperimentInputs:
    """Return the inputs with an Experiment over whose document the overlay was merged."""
    document = merged(
        inputs.experiment.model_dump(mode="json", by_alias=True, exclude_none=True), overlay
    )
    return dataclasses.replace(inputs, experiment=type(inputs.experiment).model_validate(document))


def other(**change: Any) -> ExperimentInputs:
    """Return the inputs with the first pin changed."""
    first, *rest = RICH.inputs
    return dataclasses.replace(RICH, inputs=(dataclasses.replace(first, **change), *rest))


def overlapping(reason: str, *of: str) -> ExperimentInputs:
    """Return the inputs with two datasets of different roles that may share something."""
    datasets = [
        {"name": role, "role": role, "pinRef": {"name": role}} for role in ("train", "test")
    ]
    allowed = {"inputs": ["train", "test"], "of": of or ["Objects"], "reason": reason}
    return changed(RICH, spec={"inputs": {"datasets": datasets, "allowOverlap": [allowed]}})


def stated(**changes: Any) -> ExperimentInputs:
    """Return the inputs of which the profile's rules looked at licence and origin."""
    case = next(case for case in discover() if case.name == "snapshot/checked-data").inputs()
    (first,) = case.inputs
    assert first.stated is not None
    said = first.stated.model_copy(update=changes)
    return dataclasses.replace(case, inputs=(dataclasses.replace(first, stated=said),))


@pytest.mark.parametrize("field", ["environment", "license", "region", "digest"])
def test_what_a_rule_of_the_profile_looked_at_is_part_of_the_digest(field: str) -> None:
    assert digest(stated(**{field: "other"})) != digest(stated())


@pytest.mark.parametrize("field", ["classification", "personal_data", "origin", "provenance"])
def test_what_no_rule_looked_at_is_not(field: str) -> None:
    assert digest(stated(**{field: "other"})) == digest(stated())


def test_what_is_declared_is_the_same_whatever_a_profile_asks_of_the_data() -> None:
    """Else a run would start twice because its profile was edited in between."""
    checked = stated()
    bare = dataclasses.replace(checked, profile=RICH.profile)
    texts = [snapshot(each)["data"][KEY_SNAPSHOT] for each in (checked, bare)]
    assert texts[0] != texts[1]
    assert declared_digest(texts[0]) == declared_digest(texts[1])
    assert is_declared_so(checked.experiment, texts[0]) == is_declared_so(
        checked.experiment, texts[1]
    )


def test_what_is_declared_is_the_same_whatever_a_secret_was_written_or_created_again() -> None:
    """Else a run would start twice in a cluster whose Secrets were restored with new UIDs."""
    before, after = (
        snapshot(each)["data"][KEY_SNAPSHOT] for each in (with_secret("u/7"), with_secret("v/9"))
    )
    assert before != after
    assert declared_digest(before) == declared_digest(after)
    assert is_declared_so(with_secret("u/7").experiment, after)


def with_secret(version: str, **fields: Any) -> ExperimentInputs:
    """Return an experiment whose stage is given a secret of that version."""
    secret = {"name": "tracking", "key": "token"} | fields
    offer = {"name": "tracking", "namespace": "ml", "secretName": "mlflow", "teams": ["*"]}
    asks = {"kind": "Experiment", "spec": {"stages": {0: {"secrets": [secret]}}}}
    offers = {"kind": "IsolationProfile", "spec": {"secrets": [offer]}}
    return dataclasses.replace(inputs_from(asks, offers), secrets={"tracking": version})


def test_the_digest_covers_which_secret_a_stage_is_given_and_how() -> None:
    digests = {
        digest(each)
        for each in (
            with_secret("u/7"),
            with_secret("u/8"),
            with_secret("v/7"),
            with_secret("u/7", key="other"),
            with_secret("u/7", env="TOKEN"),
        )
    }
    assert len(digests) == 5


def test_reasons_for_overlaps_count_once_more_for_each_kind_of_the_leakage_sheet() -> None:
    short, long = (overlapping(letter, "Objects", "Groups") for letter in ("x", "x" * 1001))
    assert declared_size(long.experiment) - declared_size(short.experiment) == 3000


IMAGE = {"name": "trainer", "reference": "registry.example/trainer@sha256:" + "3" * 64}
ROUTE = {"name": "features-api", "cidr": "203.0.113.7/32", "ports": [{"port": 443}]}

ANOTHER: list[tuple[str, ExperimentInputs]] = [
    ("another profile", changed(RICH, spec={"profile": "strict"})),
    ("other bytes in a dataset", other(digest=DIGEST)),
    ("another role", other(role="holdout")),
    ("another name for an input, under which the run finds it", other(name="fit")),
    ("an input less", dataclasses.replace(RICH, inputs=RICH.inputs[1:])),
    ("a reason for an overlap", overlapping("the same calendar")),
    ("another reason for it", overlapping("another calendar")),
    ("another image", changed(RICH, spec={"images": [IMAGE]})),
    ("another parameter", changed(RICH, spec={"config": {"parameters": {"learningRate": "0.06"}}})),
    (
        "another spelling of a parameter, which the run sees",
        changed(RICH, spec={"config": {"parameters": {"learningRate": "0.050"}}}),
    ),
    ("one parameter more", changed(RICH, spec={"config": {"parameters": {"extra": ""}}})),
    ("another seed", changed(RICH, spec={"config": {"seeds": {"numpy": 8}}})),
    ("other determinism", changed(RICH, spec={"config": {"determinism": {"threads": 2}}})),
    (
        "another network",
        changed(RICH, spec={"network": {"egress": [ROUTE | {"cidr": "203.0.113.8/32"}]}}),
    ),
    (
        "another port",
        changed(RICH, spec={"network": {"egress": [ROUTE | {"ports": [{"port": 444}]}]}}),
    ),
    (
        "another protocol",
        changed(
            RICH,
            spec={"network": {"egress": [ROUTE | {"ports": [{"port": 443, "protocol": "UDP"}]}]}},
        ),
    ),
    ("other resources", changed(RICH, spec={"resources": {"quota": {"requests.cpu": "3"}}})),
    ("another command", changed(RICH, spec={"stages": {0: {"command": ["python"]}}})),
    ("other arguments", changed(RICH, spec={"stages": {0: {"args": ["--fold", "4"]}}})),
    ("arguments in another order", changed(RICH, spec={"stages": {0: {"args": ["3", "--fold"]}}})),
    ("another deadline", changed(RICH, spec={"stages": {0: {"activeDeadlineSeconds": 60}}})),
    ("other retries", changed(RICH, spec={"stages": {0: {"retries": 0}}})),
    ("no retry after some exit", changed(RICH, spec={"stages": {0: {"failOnExitCodes": [3]}}})),
    ("another store", changed(RICH, spec={"artifacts": {"storeRef": {"name": "second"}}})),
    ("another retention", changed(RICH, spec={"artifacts": {"retention": {"days": 366}}})),
]

SAME: list[tuple[str, ExperimentInputs]] = [
    ("another team", changed(RICH, metadata={"namespace": "team-trains"})),
    ("another name and UID", changed(RICH, metadata={"name": "again", "uid": "9"})),
    ("another purpose", changed(RICH, spec={"purpose": Only(description="x", owner="y")})),
    (
        "another life cycle",
        changed(
            RICH,
            spec={"lifecycle": {"desired": "Frozen", "deletionPolicy": "Delete"}, "suspend": True},
        ),
    ),
    (
        "another namespace and state",
        dataclasses.replace(RICH, namespace="gbx-other", state="Sealed"),
    ),
    (
        "the same bytes by another pin, elsewhere in the store",
        other(uid="9", pin_name="mirror", pin_digest=DIGEST),
    ),
    (
        "another spelling of a quantity",
        changed(
            RICH,
            spec={
                "resources": {"quota": {"requests.cpu": "2000m", "requests.memory": "4294967296"}}
            },
        ),
    ),
    (
        "a default that is written out",
        changed(
            RICH,
            spec={"network": {"egress": [ROUTE | {"ports": [{"port": 443, "protocol": "TCP"}]}]}},
        ),
    ),
    (
        "a port that is named twice",
        changed(
            RICH, spec={"network": {"egress": [ROUTE | {"ports": [{"port": 443}, {"port": 443}]}]}}
        ),
    ),
]


@pytest.mark.parametrize(("why", "inputs"), ANOTHER, ids=[case[0] for case in ANOTHER])
def test_another_dependency_is_another_experiment(why: str, inputs: ExperimentInputs) -> None:
    assert digest(inputs) != digest(RICH), why


def test_no_two_of_these_changes_give_one_digest() -> None:
    assert len({digest(inputs) for _, inputs in ANOTHER}) == len(ANOTHER)


@pytest.mark.parametrize(("why", "inputs"), SAME, ids=[case[0] for case in SAME])
def test_what_is_no_dependency_leaves_the_digest(why: str, inputs: ExperimentInputs) -> None:
    assert digest(inputs) == digest(RICH), why


@given(st.randoms(use_true_random=False))
def test_the_order_of_what_is_a_set_does_not_matter(rng: random.Random) -> None:
    def shuffled(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(rng.sample(items, len(items)))

    spec = RICH.experiment.spec
    config = spec.config.model_copy(
        update={"parameters": dict(shuffled(tuple(spec.config.parameters.items())))}
    )
    experiment = RICH.experiment.model_copy(
        update={"spec": spec.model_copy(update={"images": shuffled(spec.images), "config": config})}
    )
    mixed = dataclasses.replace(RICH, experiment=experiment, inputs=shuffled(RICH.inputs))
    assert digest(mixed) == digest(RICH)
    assert snapshot(mixed) == snapshot(RICH)


def test_exit_codes_in_another_order_are_the_same_run() -> None:
    one, other = (
        changed(RICH, spec={"stages": {0: {"failOnExitCodes": codes}}})
        for codes in ([64, 3, 100], [100, 64, 3])
    )
    assert digest(one) == digest(other)


def of_stages(*stages: tuple[str, list[str]]) -> ExperimentInputs:
    declared = [
        {"name": name, "needs": needs, "image": "trainer", "command": ["work"], "inputs": ["test"]}
        for name, needs in stages
    ]
    return inputs_from({"kind": "Experiment", "spec": {"stages": declared}})


FIT_ALL: tuple[tuple[str, list[str]], ...] = (("fit", []), ("base", []), ("score", ["fit", "base"]))


@pytest.mark.parametrize(
    "same",
    [
        (("base", []), ("fit", []), ("score", ["fit", "base"])),
        (("fit", []), ("base", []), ("score", ["base", "fit"])),
    ],
)
def test_stages_in_another_order_are_the_same_run(same: tuple[tuple[str, list[str]], ...]) -> None:
    """The API server takes both for no change, whatever is bound: so they are none."""
    assert digest(of_stages(*same)) == digest(of_stages(*FIT_ALL))


@pytest.mark.parametrize(
    "other",
    [
        (("fit", []), ("base", ["fit"]), ("score", ["fit", "base"])),
        (("fit", []), ("base", []), ("score", ["fit"])),
        (("fit", []), ("score", ["fit"])),
    ],
)
def test_stages_that_wait_for_others_are_another_run(
    other: tuple[tuple[str, list[str]], ...],
) -> None:
    assert digest(of_stages(*other)) != digest(of_stages(*FIT_ALL))


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    left=st.dictionaries(texts, texts, max_size=4), right=st.dictionaries(texts, texts, max_size=4)
)
def test_digests_are_equal_exactly_when_the_parameters_are(
    left: dict[str, str], right: dict[str, str]
) -> None:
    def of(parameters: dict[str, str]) -> str:
        spec = RICH.experiment.spec
        config = spec.config.model_copy(update={"parameters": parameters})
        experiment = RICH.experiment.model_copy(
            update={"spec": spec.model_copy(update={"config": config})}
        )
        return digest(dataclasses.replace(RICH, experiment=experiment))

    assert (of(left) == of(right)) == (left == right)


@pytest.mark.parametrize("case", discover(), ids=lambda case: case.name)
def test_whoever_reads_the_snapshot_can_check_its_digest(case: Case) -> None:
    inputs = case.inputs()
    data = snapshot(inputs)["data"]
    assert (
        data["digest"]
        == f"sha256:{hashlib.sha256(data['snapshot.json'].encode()).hexdigest()}"
        == digest(inputs)
    )
    assert json.loads(data["snapshot.json"])["format"] == "glovebox.dev/experiment/v1"


def test_the_image_guard_reads_each_reference_once_on_a_line_of_its_own() -> None:
    lines = snapshot(RICH)["data"]["images"].split("\n")
    assert lines == sorted({image.reference for image in RICH.experiment.spec.images})


def test_an_experiment_without_images_lists_none() -> None:
    assert (
        snapshot(inputs_from({"kind": "Experiment", "spec": {"images": [], "stages": []}}))["data"][
            "images"
        ]
        == ""
    )
