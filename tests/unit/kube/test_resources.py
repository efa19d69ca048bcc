"""Who refers to whom, and which events are news."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from glovebox.kube.resources import Key, Resources


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


def test_a_changed_reference_moves_and_a_deleted_user_leaves_nothing() -> None:
    resources = Resources()
    resources.seen(experiment())
    resources.seen(experiment(2, pin="other"))
    assert resources.users_of(TRAIN) == frozenset()
    resources.gone(EXPERIMENT)
    assert resources.users_of(Key("DatasetPin", "team", "other")) == frozenset()


def test_our_own_write_and_what_is_older_are_no_news() -> None:
    resources = Resources()
    assert resources.seen(experiment(1))
    resources.wrote(experiment(3))
    assert not resources.seen(experiment(3))
    assert not resources.seen(experiment(2))
    assert resources.seen(experiment(4))


def test_a_namesake_with_another_uid_is_news_whatever_its_version() -> None:
    resources = Resources()
    resources.seen(resource("DatasetPin", "train", 9, uid="old"))
    assert resources.seen(resource("DatasetPin", "train", 8, uid="new"))


def test_managed_fields_are_not_kept() -> None:
    resources = Resources()
    resources.seen(experiment())
    kept = resources.get(EXPERIMENT)
    assert kept is not None
    assert "managedFields" not in kept["metadata"]


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
