"""What experiments use is not deleted below them, and only the operator says what that is."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cluster.guards.actors import (
    BREAK_GLASS,
    CLUSTER_ADMIN,
    OPERATOR,
    Actor,
    Answer,
    Kubectl,
    expect_admitted,
    expect_denied,
    expect_warned,
    warnings,
)
from cluster.guards.conftest import until
from glovebox.names import ANNOTATION_USERS, FINALIZER_IN_USE

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples" / "flights"
TEAM = "team-in-use"
COLLECTION = "/apis/glovebox.dev/v1alpha1"
LABEL = {"metadata": {"labels": {"watched": "in-use"}}}
PROFILE = (
    "IsolationProfile 'busy' is used by 3 Experiment(s), which would lose what they are bound to:"
    " delete them first; list them with `kubectl get experiments -A --field-selector"
    " spec.profile=busy`"
)
STORE = (
    "ObjectStore 'busy' is used by 3 Experiment(s) and DatasetPin(s), which would lose where their"
    " objects are: delete them first; list them with `kubectl get experiments -A --field-selector"
    " spec.artifacts.storeRef.name=busy` and `kubectl get datasetpins -A --field-selector"
    " spec.storeRef.name=busy`"
)
REFUSALS = {"isolationprofiles": PROFILE, "objectstores": STORE}
COLUMNS = "-o custom-columns=KIND:.kind,NAME:.metadata.name,USES:"
# By the kind of a pin: how the command goes on that lists those who may use it.
LISTINGS = {
    "datasetpins": f"experiments,featuresetpins,splitpins -n {TEAM} {COLUMNS}.spec..pinRef.name",
    "featuresetpins": f"experiments -n {TEAM} {COLUMNS}.spec..pinRef.name",
    "splitpins": f"datasetpins -n {TEAM} {COLUMNS}.spec.source.split.name",
}
KINDS = {"datasetpins": "DatasetPin", "featuresetpins": "FeatureSetPin", "splitpins": "SplitPin"}
WARNINGS = {
    plural: (
        f"{kind} 'busy' is used by 3, and its deletion cannot be taken back: it stays until all"
        " that are bound to it are deleted, sealed Experiments too, and nothing new may use it;"
        f" list what may name it with `kubectl get {LISTINGS[plural]}`"
    )
    for plural, kind in KINDS.items()
}
PINS = tuple(KINDS)
FINALIZER = (
    "only the Glovebox operator may take off the finalizer 'glovebox.dev/in-use', when nothing uses"
    " the object any more; keep `metadata.finalizers`, or apply instead of replacing"
)
USERS = (
    "the annotation 'glovebox.dev/users' is counted by the Glovebox operator; keep"
    " `metadata.annotations`, or apply instead of replacing"
)


def patch(
    kubectl: Kubectl, actor: Actor, plural: str, change: dict[str, Any], *, dry: bool = True
) -> Answer:
    where = [f"--namespace={TEAM}"] if plural in PINS else []
    dry_run = ["--dry-run=server"] if dry else []
    text = f"--patch={json.dumps(change)}"
    resource = f"{plural}.glovebox.dev"
    return kubectl(actor, "patch", resource, "busy", *where, "--type=merge", text, *dry_run)


@pytest.fixture(scope="package")
def busy(guarded: Kubectl) -> Iterator[Kubectl]:
    """One object of each kind that experiments use, with the operator's mark and count."""
    expect_admitted(guarded(CLUSTER_ADMIN, "create", "namespace", TEAM))
    made = set()
    for path in sorted(EXAMPLES.glob("[!0-9]*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            plural = document["kind"].lower() + "s"
            if plural not in {*REFUSALS, *PINS} or plural in made:
                continue
            document["metadata"] = {"name": "busy", "labels": LABEL["metadata"]["labels"]}
            if plural in PINS:
                document["metadata"]["namespace"] = TEAM
            expect_admitted(guarded.create(CLUSTER_ADMIN, document, dry_run=False))
            marks: dict[str, Any] = {
                "finalizers": [FINALIZER_IN_USE],
                "annotations": {ANNOTATION_USERS: "3"},
            }
            expect_admitted(patch(guarded, OPERATOR, plural, {"metadata": marks}, dry=False))
            made.add(plural)
    assert made == {*REFUSALS, *PINS}
    yield guarded
    marks = {"finalizers": None, "annotations": {ANNOTATION_USERS: None}}
    for plural in made:
        expect_admitted(patch(guarded, OPERATOR, plural, {"metadata": marks}, dry=False))


@pytest.mark.parametrize("plural", REFUSALS)
def test_what_is_in_use_is_not_deleted(busy: Kubectl, plural: str) -> None:
    answer = busy(CLUSTER_ADMIN, "delete", f"{plural}.glovebox.dev", "busy", "--dry-run=server")
    expect_denied(answer, "glovebox-in-use", REFUSALS[plural])


@pytest.mark.parametrize("plural", REFUSALS)
def test_nor_with_a_whole_collection(busy: Kubectl, plural: str) -> None:
    path = f"{COLLECTION}/{plural}?labelSelector=watched%3Din-use&dryRun=All"
    answer = busy(CLUSTER_ADMIN, "delete", "--raw", path)
    expect_denied(answer, "glovebox-in-use", REFUSALS[plural])


@pytest.mark.parametrize("plural", REFUSALS)
def test_breaking_the_glass_deletes_it(busy: Kubectl, plural: str) -> None:
    resource = f"{plural}.glovebox.dev"
    expect_admitted(busy(BREAK_GLASS, "delete", resource, "busy", "--dry-run=server"))


@pytest.mark.parametrize("plural", REFUSALS)
def test_without_the_finalizer_it_is_deleted(busy: Kubectl, plural: str) -> None:
    """The finalizer alone decides; a count that is left says nothing."""
    marks: dict[str, Any] = {"metadata": {"finalizers": None}}
    expect_admitted(patch(busy, OPERATOR, plural, marks, dry=False))
    resource = f"{plural}.glovebox.dev"
    until(
        lambda: busy(CLUSTER_ADMIN, "delete", resource, "busy", "--dry-run=server"),
        lambda answer: answer.code == 0,
    )
    marks = {"metadata": {"finalizers": [FINALIZER_IN_USE]}}
    expect_admitted(patch(busy, OPERATOR, plural, marks, dry=False))


@pytest.mark.parametrize("actor", [CLUSTER_ADMIN, BREAK_GLASS], ids=["admin", "break-glass"])
@pytest.mark.parametrize("plural", PINS)
def test_whoever_deletes_a_pin_in_use_is_warned(busy: Kubectl, plural: str, actor: Actor) -> None:
    """And not refused: that would hang the namespace that is deleted with it."""
    where = ("--dry-run=server", f"--namespace={TEAM}")
    answer = busy(actor, "delete", f"{plural}.glovebox.dev", "busy", *where)
    expect_warned(answer, "glovebox-pins-in-use", WARNINGS[plural])


def test_so_is_who_deletes_a_whole_collection_of_them(busy: Kubectl) -> None:
    path = f"{COLLECTION.replace('v1alpha1', f'v1alpha1/namespaces/{TEAM}')}/datasetpins?dryRun=All"
    answer = busy(CLUSTER_ADMIN, "delete", "--raw", path)
    expect_warned(answer, "glovebox-pins-in-use", WARNINGS["datasetpins"])


@pytest.mark.parametrize("plural", PINS)
def test_of_a_pin_that_nobody_uses_nothing_is_said(busy: Kubectl, plural: str) -> None:
    marks: dict[str, Any] = {"metadata": {"finalizers": None}}
    expect_admitted(patch(busy, OPERATOR, plural, marks, dry=False))
    where = ("--dry-run=server", f"--namespace={TEAM}")
    answer = busy(CLUSTER_ADMIN, "delete", f"{plural}.glovebox.dev", "busy", *where)
    marks = {"metadata": {"finalizers": [FINALIZER_IN_USE]}}
    expect_admitted(patch(busy, OPERATOR, plural, marks, dry=False))
    expect_admitted(answer)
    assert warnings(answer) == [], answer.err


@pytest.mark.parametrize(
    ("plural", "listed"),
    [
        (
            "datasetpins",
            ["FeatureSetPin busy flights-2013-train", "SplitPin busy flights-2013-train"],
        ),
        ("featuresetpins", []),
        ("splitpins", ["DatasetPin busy <none>"]),
    ],
)
def test_the_commands_that_the_warnings_name_list_who_names_what(
    busy: Kubectl, plural: str, listed: list[str]
) -> None:
    answer = busy(CLUSTER_ADMIN, "get", *shlex.split(LISTINGS[plural]))
    expect_admitted(answer)
    assert [" ".join(line.split()) for line in answer.out.splitlines()[1:]] == listed


@pytest.mark.parametrize("plural", [*REFUSALS, *PINS])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"finalizers": None}, FINALIZER, id="no finalizer"),
        pytest.param({"finalizers": ["glovebox.dev/other"]}, FINALIZER, id="another finalizer"),
        pytest.param({"annotations": {ANNOTATION_USERS: "0"}}, USERS, id="another count"),
        pytest.param({"annotations": {ANNOTATION_USERS: None}}, USERS, id="no count"),
    ],
)
def test_only_the_operator_says_what_is_in_use(
    busy: Kubectl, plural: str, change: dict[str, Any], message: str
) -> None:
    body = {"metadata": change}
    expect_denied(patch(busy, CLUSTER_ADMIN, plural, body), "glovebox-in-use-marks", message)
    expect_admitted(patch(busy, OPERATOR, plural, body))
    expect_admitted(patch(busy, BREAK_GLASS, plural, body))


@pytest.mark.parametrize("plural", [*REFUSALS, *PINS])
def test_everything_else_about_it_stays_free(busy: Kubectl, plural: str) -> None:
    more = {"labels": {"x": "y"}, "annotations": {"x": "y"}}
    expect_admitted(patch(busy, CLUSTER_ADMIN, plural, {"metadata": more}))


@pytest.mark.parametrize(
    ("kind", "selector"),
    [
        ("experiments", "spec.profile=busy"),
        ("experiments", "spec.artifacts.storeRef.name=busy"),
        ("datasetpins", "spec.storeRef.name=busy"),
    ],
)
def test_the_commands_that_the_refusals_name_work(busy: Kubectl, kind: str, selector: str) -> None:
    expect_admitted(busy(CLUSTER_ADMIN, "get", kind, "-A", "--field-selector", selector))
    assert f"{kind} -A --field-selector {selector}`" in PROFILE + STORE
