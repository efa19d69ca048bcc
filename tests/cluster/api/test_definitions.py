"""The CRDs as the API server sees them, and objects as a person sees them in kubectl."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cluster.api.conftest import TEAM, object_path
from glovebox.api.columns import COLUMNS, WIDE
from glovebox.api.kinds import KINDS, Kind
from glovebox.names import API_VERSION
from support.examples import flights

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.api import Json
    from support.cluster import Cluster

EACH_KIND = pytest.mark.parametrize("kind", KINDS, ids=[kind.kind for kind in KINDS])
NOW = "2026-01-01T00:00:00Z"


def condition(kind: str, status: str, *, generation: int) -> Json:
    """Return a condition."""
    return {
        "type": kind,
        "status": status,
        "reason": "Tried",
        "message": "Tried by hand.",
        "observedGeneration": generation,
        "lastTransitionTime": NOW,
    }


@EACH_KIND
def test_the_api_server_accepts_the_schema_as_structural(crds: Cluster, kind: Kind) -> None:
    definition = crds.api.get(
        f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind.crd_name}"
    )
    conditions = {entry["type"]: entry["status"] for entry in definition["status"]["conditions"]}

    assert conditions["Established"] == "True"
    assert conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions


@EACH_KIND
def test_a_fresh_object_is_not_taken_for_healthy(make: Callable[..., Json], kind: Kind) -> None:
    made = make(kind.kind, "fresh")

    assert made["status"] == {"observedGeneration": -1}
    assert made["metadata"]["generation"] == 1


@EACH_KIND
def test_a_status_that_a_user_writes_into_a_new_object_is_dropped(
    crds: Cluster, make: Callable[..., Json], kind: Kind
) -> None:
    claimed = {"observedGeneration": 1, "conditions": [condition("Ready", "True", generation=1)]}

    made = make(kind.kind, "claimed", {"status": claimed})

    assert made["status"] == {"observedGeneration": -1}
    assert crds.api.get(object_path(kind.kind, "claimed"))["status"] == {"observedGeneration": -1}


@EACH_KIND
def test_what_the_api_server_returns_is_what_the_model_reads(
    crds: Cluster, make: Callable[..., Json], kind: Kind
) -> None:
    made = make(kind.kind, "read")
    read = kind.model.model_validate(crds.api.get(object_path(kind.kind, "read")))

    assert (read.name, read.uid, read.status.observed_generation) == (
        "read",
        made["metadata"]["uid"],
        -1,
    )
    # Defaults are the same on both sides: what the model fills in is what the API server stored.
    assert (
        read.spec
        == kind.model.model_validate(
            {"metadata": {}, "spec": flights(kind.kind)["spec"], "status": {}}
        ).spec
    )


@EACH_KIND
def test_a_status_is_written_through_its_subresource_only(
    crds: Cluster, make: Callable[..., Json], kind: Kind
) -> None:
    path = object_path(kind.kind, make(kind.kind, "written")["metadata"]["name"])
    status = {
        "status": {
            "observedGeneration": 1,
            "conditions": [condition("Ready", "True", generation=1)],
        }
    }

    assert crds.api.patch(path, status)["status"] == {"observedGeneration": -1}
    after = crds.api.patch(f"{path}/status", status)

    assert after["status"] == status["status"]
    assert after["metadata"]["generation"] == 1


@EACH_KIND
def test_kubectl_shows_the_columns(crds: Cluster, make: Callable[..., Json], kind: Kind) -> None:
    path = object_path(kind.kind, make(kind.kind, "shown")["metadata"]["name"])
    crds.api.patch(
        f"{path}/status", {"status": {"conditions": [condition("Ready", "False", generation=1)]}}
    )
    place = ("--namespace", TEAM) if kind.namespaced else ()

    header, row = crds.kubectl("get", kind.plural, "shown", *place).stdout.splitlines()
    wide = crds.kubectl("get", kind.plural, "shown", "-o", "wide", *place).stdout.splitlines()[0]

    columns = COLUMNS[kind.kind]
    assert header.split() == [
        "NAME",
        *(str(column["name"]).upper() for column in columns if column.get("priority") != WIDE),
    ]
    assert wide.split() == ["NAME", *(str(column["name"]).upper() for column in columns)]
    assert row.split()[:3] == ["shown", "False", "Tried"]


@EACH_KIND
def test_short_names_and_the_category_find_the_object(
    crds: Cluster, make: Callable[..., Json], kind: Kind
) -> None:
    make(kind.kind, "found")
    place = ("--namespace", TEAM) if kind.namespaced else ()
    wanted = f"{kind.singular}.glovebox.dev/found"

    for word in (*kind.short_names, kind.singular, kind.plural, f"{kind.plural}.glovebox.dev"):
        assert crds.kubectl("get", word, "found", "-o", "name", *place).stdout.strip() == wanted
    assert wanted in crds.kubectl("get", "glovebox", "-A", "-o", "name").stdout.split()


def test_equal_experiments_are_found_by_their_digest(
    crds: Cluster, make: Callable[..., Json]
) -> None:
    path = object_path("Experiment", make("Experiment", "selected")["metadata"]["name"])
    make("Experiment", "other")
    digest = "sha256:" + "d" * 64
    crds.api.patch(f"{path}/status", {"status": {"digest": digest}})

    found = crds.kubectl(
        "get", "experiments", "-A", f"--field-selector=status.digest={digest}", "-o", "name"
    ).stdout.split()

    assert found == ["experiment.glovebox.dev/selected"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("experiment", "An experiment with a sealed namespace of its own."),
        ("experiment.spec.inputs", "Everything that the run reads."),
        ("experiment.spec.images.reference", "It has to be approved by the profile."),
        ("experiment.spec.lifecycle.deletionPolicy", "Artifacts are kept in each case."),
        ("datasetpin.spec.source", "exactly one of `prefix`, `manifest`, `objects`, `split`"),
        ("featuresetpin.spec.features.dtype", "by its Arrow name"),
        ("isolationprofile.spec.retention.minimumDays", "Shortest lock (days)"),
        (
            "objectstore.spec.artifacts.worm",
            "`Required`: the store is Ready only while the checks of object lock pass.",
        ),
    ],
)
def test_kubectl_explains_fields_in_our_words(crds: Cluster, path: str, words: str) -> None:
    shown = crds.kubectl("explain", path, "--api-version", API_VERSION).stdout

    assert words in " ".join(shown.split())


def test_kubectl_wait_waits_until_ready(crds: Cluster, make: Callable[..., Json]) -> None:
    path = object_path("Experiment", make("Experiment", "awaited")["metadata"]["name"])
    wait = ("wait", "--for=condition=Ready", "experiment/awaited", "--namespace", TEAM)

    fresh = crds.kubectl(*wait, "--timeout=1s", check=False)
    crds.api.patch(
        f"{path}/status",
        {
            "status": {
                "observedGeneration": 1,
                "conditions": [condition("Ready", "Unknown", generation=1)],
            }
        },
    )
    unknown = crds.kubectl(*wait, "--timeout=1s", check=False)
    crds.api.patch(
        f"{path}/status", {"status": {"conditions": [condition("Ready", "True", generation=1)]}}
    )
    ready = crds.kubectl(*wait, "--timeout=30s")
    # A change makes the answer stale: kubectl compares generations.
    crds.api.patch(path, {"spec": {"profile": "larger"}})
    stale = crds.kubectl(*wait, "--timeout=1s", check=False)

    assert fresh.returncode == unknown.returncode == stale.returncode == 1
    assert ready.stdout.strip() == "experiment.glovebox.dev/awaited condition met"


def test_client_side_apply_twice_changes_nothing(crds: Cluster) -> None:
    body = json.dumps({**flights("Experiment"), "metadata": {"name": "twice", "namespace": TEAM}})

    crds.kubectl("apply", "-f", "-", stdin=body)
    second = crds.kubectl("apply", "-f", "-", stdin=body).stdout.strip()
    difference = crds.kubectl("diff", "-f", "-", stdin=body, check=False)
    crds.api.delete(object_path("Experiment", "twice"))

    assert second == "experiment.glovebox.dev/twice unchanged"
    assert (difference.returncode, difference.stdout) == (0, "")


def test_the_largest_feature_set_is_accepted(crds: Cluster) -> None:
    feature = {"dtype": "float32", "inputs": ["train"], "recipe": {"expression": "x" * 200}}
    body = flights("FeatureSetPin")
    body["metadata"]["name"] = "largest"
    body["spec"]["features"] = [{"name": f"f{number}", **feature} for number in range(1000)]
    path = object_path("FeatureSetPin", "largest")

    made = crds.api.create(path.rpartition("/")[0], body)
    # The rule against changes compares all of it.
    crds.api.patch(path, {"metadata": {"labels": {"kept": "yes"}}})
    crds.api.delete(path)

    assert len(made["spec"]["features"]) == 1000


def test_an_experiment_that_says_nothing_of_its_end_keeps_its_namespace(
    make: Callable[..., Json],
) -> None:
    """Losing a namespace is for those who ask for it: the default is to close it and keep it."""
    made = make("Experiment", "quiet", {"spec": {"lifecycle": None}})
    assert made["spec"]["lifecycle"] == {"desired": "Active", "deletionPolicy": "Freeze"}
    told = make("Experiment", "told", {"spec": {"lifecycle": {"deletionPolicy": None}}})
    assert told["spec"]["lifecycle"]["deletionPolicy"] == "Freeze"
