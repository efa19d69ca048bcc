"""Who refers to whom, and which events are news."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from glovebox import names
from glovebox.data.proof_levels import Level
from glovebox.kube.kinds import DATASET_PIN, REFERENCES
from glovebox.kube.resources import Key, Resources, Stored, matters_to_users, references
from glovebox.kube.store import Change


def resource(
    kind: str, name: str, version: int = 1, *, uid: str = "u", namespace: str = "team", **spec: Any
) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": uid,
        "resourceVersion": str(version),
        "managedFields": [{}],
    }
    return {"apiVersion": "glovebox.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def experiment(version: int = 1, *, pin: str = "train") -> dict[str, Any]:
    datasets = [{"name": "d", "pinRef": {"name": pin}}]
    return resource(
        "Experiment",
        "exp",
        version,
        profile="standard",
        inputs={"datasets": datasets},
        artifacts={"storeRef": {"name": "primary"}},
    )


EXPERIMENT = Key("Experiment", "team", "exp")
TRAIN = Key("DatasetPin", "team", "train")


def test_those_who_refer_to_something_are_known_before_it_exists() -> None:
    resources = Resources()
    resources.seen(experiment())
    assert resources.users_of(TRAIN) == {EXPERIMENT}
    assert resources.users_of(Key("IsolationProfile", "", "standard")) == {EXPERIMENT}
    assert resources.users_of(Key("ObjectStore", "", "primary")) == {EXPERIMENT}


def test_what_very_many_objects_say_is_kept_once() -> None:
    resources = Resources()
    condition = {"type": "Ready", "status": "True", "message": "everything is in place"}
    for name in ("one", "two"):
        obj = resource("Experiment", name, profile="standard")
        obj["status"] = {"platform": "{}" * 1000, "conditions": [condition], "namespace": name}
        resources.seen(orjson.loads(orjson.dumps(obj)))
    one, two = (resources.get(Key("Experiment", "team", name)) for name in ("one", "two"))
    assert one is not None
    assert two is not None
    assert one["status"]["platform"] is two["status"]["platform"]
    (first,), (second,) = (obj["status"]["conditions"] for obj in (one, two))
    assert all(first[part] is second[part] for part in condition)
    assert first == condition
    assert two["status"]["namespace"] == "two"


def test_a_changed_reference_moves_and_a_deleted_user_leaves_nothing() -> None:
    resources = Resources()
    resources.seen(experiment())
    resources.seen(experiment(2, pin="other"))
    assert resources.users_of(TRAIN) == set()
    resources.gone(EXPERIMENT)
    assert resources.users_of(Key("DatasetPin", "team", "other")) == set()


def test_our_own_write_and_what_is_older_are_no_news() -> None:
    resources = Resources()
    assert resources.seen(experiment(1))
    resources.wrote(experiment(3))
    assert not resources.seen(experiment(3))
    assert not resources.seen(experiment(2))
    assert resources.seen(experiment(4))


def test_a_pin_made_from_another_is_woken_by_it_and_does_not_hold_it() -> None:
    derived = {
        "apiVersion": "glovebox.dev/v1alpha1",
        "kind": "DatasetPin",
        "metadata": {"name": "derived", "namespace": "team", "uid": "d", "resourceVersion": "1"},
        "spec": {
            "storeRef": {"name": "primary"},
            "provenance": {
                "sources": [{"pinRef": {"name": "train"}}, {"external": {"uri": "a:b"}}]
            },
        },
    }
    resources = Resources()
    resources.seen(derived)
    assert resources.referring_to(TRAIN) == {Key.of(derived)}
    assert resources.users_of(TRAIN) == set()
    assert resources.users_of(Key("ObjectStore", "", "primary")) == {Key.of(derived)}
    resources.gone(Key.of(derived))
    assert resources.referring_to(TRAIN) == set()


def test_a_pin_of_another_namespace_is_another_pin() -> None:
    user = experiment()
    user["spec"]["inputs"]["datasets"][0]["pinRef"]["namespace"] = "data"
    resources = Resources()
    resources.seen(user)
    assert resources.users_of(TRAIN) == set()
    assert resources.users_of(Key("DatasetPin", "data", "train")) == {EXPERIMENT}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"profile": 7, "inputs": "x", "artifacts": None}, id="other types"),
        pytest.param({"inputs": {"datasets": {"a": 1}, "features": [None, "x"]}}, id="no lists"),
        pytest.param({"inputs": {"datasets": [{"pinRef": {}}]}}, id="no name"),
    ],
)
def test_a_spec_older_or_newer_than_the_schema_breaks_nothing(spec: dict[str, Any]) -> None:
    assert list(references(EXPERIMENT, spec)) == []


def test_every_kind_of_ours_says_what_it_refers_to() -> None:
    found = {kind.kind: [path.path for path in paths] for kind, paths in REFERENCES.items()}
    assert found == {
        "Experiment": [
            "profile",
            "artifacts.storeRef",
            "inputs.datasets[].pinRef",
            "inputs.features[].pinRef",
        ],
        "DatasetPin": [
            "storeRef",
            "source.split",
            "source.experimentRef",
            "provenance.sources[].pinRef",
            "contract.references[].pinRef",
            "distribution.against",
            "supersedes",
        ],
        "SplitPin": ["source.pinRef"],
        "FeatureSetPin": ["inputs[].pinRef", "materialized.pinRef"],
        "AccessGrant": ["pinRef", "featureSetRef", "storeRef"],
        "IsolationProfile": [],
        "ObjectStore": [],
    }


@pytest.mark.parametrize(
    ("change", "matters"),
    [
        pytest.param({"annotations": {"a": "b"}}, False, id="an annotation"),
        pytest.param({"status": {"verifiedTime": "later", "digest": "d"}}, False, id="again"),
        pytest.param({"status": {"digest": "d", "progress": {"n": 2}}}, False, id="progress"),
        pytest.param({"status": {"digest": "e"}}, True, id="another digest"),
        pytest.param({"generation": 2}, True, id="another spec"),
        pytest.param(
            {"status": {"digest": "d", "observedGeneration": 1}},
            True,
            id="the newest spec is known",
        ),
        pytest.param({"deletionTimestamp": "now"}, True, id="it is being deleted"),
        pytest.param({"finalizers": []}, True, id="a finalizer was removed"),
        pytest.param({"uid": "v"}, True, id="another of its name"),
        pytest.param(
            {"status": {"digest": "d", "conditions": [{"type": "Ready", "status": "False"}]}},
            True,
            id="a condition",
        ),
    ],
)
def test_users_are_concerned_by_what_they_look_at(change: dict[str, Any], *, matters: bool) -> None:
    before = resource("DatasetPin", "train", 1)
    before["metadata"] |= {"generation": 1, "finalizers": ["f"]}
    before["status"] = {"verifiedTime": "now", "digest": "d"}
    after = {**before, "metadata": {**before["metadata"], "resourceVersion": "2"}}
    after["status"] = change.get("status", before["status"])
    after["metadata"] |= {name: value for name, value in change.items() if name != "status"}
    changes: list[Change[Key, Stored]] = []
    resources = Resources(changes.append)
    resources.seen(before)
    resources.seen(after)
    assert matters_to_users(changes[1]) is matters


@pytest.mark.parametrize(("kind", "matters"), [("AccessGrant", True), ("DatasetPin", False)])
def test_words_concern_those_alone_who_wait_for_a_grant(kind: str, *, matters: bool) -> None:
    changes: list[Change[Key, Stored]] = []
    resources = Resources(changes.append)
    for version, message in (("1", "it is being written"), ("2", "there were too many")):
        found = resource(kind, "loan", int(version))
        found["status"] = {"conditions": [{"type": "Ready", "message": message}]}
        resources.seen(found)
    assert matters_to_users(changes[1]) is matters


def test_coming_and_going_concerns_the_users() -> None:
    changes: list[Change[Key, Stored]] = []
    resources = Resources(changes.append)
    resources.seen(resource("DatasetPin", "train"))
    resources.deleted(resource("DatasetPin", "train", 2))
    assert [matters_to_users(change) for change in changes] == [True, True]


def test_an_item_of_a_list_becomes_a_whole_object() -> None:
    resources = Resources()
    item = resource("DatasetPin", "train", 3)
    del item["kind"], item["apiVersion"]
    listing = resources.table(DATASET_PIN).listing()
    listing.page(5, [item])
    listing.end(5)
    assert resources.get(TRAIN) == resource_without_managed_fields("DatasetPin", "train", 3)


def resource_without_managed_fields(kind: str, name: str, version: int) -> dict[str, Any]:
    made = resource(kind, name, version)
    del made["metadata"]["managedFields"]
    return made


def test_of_metadata_is_kept_what_the_operator_reads() -> None:
    """What is anybody's to write there takes up to 1.5 MiB, and all objects are in memory."""
    whole = experiment()
    known = {
        "generation": 3,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "deletionTimestamp": "2026-01-02T00:00:00Z",
        "deletionGracePeriodSeconds": 0,
        "finalizers": ["team.example/held"],
    }
    ours = {f"{names.ANNOTATION_PROVE}full": "2026-01-01T00:00:00Z", names.ANNOTATION_USERS: "3"}
    whole["metadata"] |= known | {
        "labels": {f"label-{number}": "x" * 63 for number in range(1000)},
        "ownerReferences": [{"kind": "ConfigMap", "name": "x" * 253}],
        "annotations": {
            **ours,
            "kubectl.kubernetes.io/last-applied-configuration": "x" * 100_000,
            f"{names.ANNOTATION_PROVE}list": "x" * 100_000,
            f"{names.ANNOTATION_PROVE}other": "x",
        },
    }
    resources = Resources()
    resources.seen(whole)
    kept = resources.get(EXPERIMENT)
    assert kept is not None
    assert kept["metadata"] == {
        "name": "exp",
        "namespace": "team",
        "uid": "u",
        "resourceVersion": "1",
        **known,
        "annotations": {**ours, f"{names.ANNOTATION_PROVE}list": "x" * 64},
    }


def test_a_proof_of_every_level_can_be_asked_for() -> None:
    asked = {f"{names.ANNOTATION_PROVE}{level.value.lower()}" for level in Level}
    assert asked | {names.ANNOTATION_USERS} == names.READ_ANNOTATIONS


def test_what_conditions_say_is_kept_once_for_all_objects() -> None:
    resources = Resources()
    kept, words = [], ["the same", "words"]
    for name in ("a", "b"):
        said = {"type": "Ready", "message": " ".join(words), "observedGeneration": 1}
        shown = {**experiment(), "status": {"digest": "d", "conditions": [dict(said)]}}
        shown["metadata"]["name"] = name
        resources.seen(shown)
        obj = resources.get(Key("Experiment", "team", name))
        assert obj is not None
        assert obj["status"] == shown["status"]
        kept.append(obj["status"]["conditions"][0])
    assert kept[0]["message"] is kept[1]["message"]


def test_keys_can_be_written_and_read_back() -> None:
    for key in (EXPERIMENT, Key("ObjectStore", "", "primary")):
        assert Key.parse(str(key)) == key


def test_a_model_is_parsed_once_and_anew_when_the_object_changed() -> None:
    class Model(BaseModel):
        metadata: dict[str, Any]

    resources, key = Resources(), Key("DatasetPin", "team", "train")
    assert resources.parsed(key, Model) is None
    resources.seen(resource("DatasetPin", "train", 1))
    first = resources.parsed(key, Model)
    assert resources.parsed(key, Model) is first
    resources.seen(resource("DatasetPin", "train", 2))
    second = resources.parsed(key, Model)
    assert second is not None
    assert second.metadata["resourceVersion"] == "2"
    resources.gone(key)
    assert resources.parsed(key, Model) is None


def test_asking_who_uses_a_resource_copies_nothing_however_many_there_are() -> None:
    resources = Resources()
    profile = Key("IsolationProfile", "", "standard")
    assert resources.users_of(profile) == frozenset()
    resources.seen(experiment())
    users = resources.users_of(profile)
    assert users == {EXPERIMENT}
    other = experiment()
    other["metadata"]["name"] = "other"
    resources.seen(other)
    assert len(users) == 2, "it is a view"
