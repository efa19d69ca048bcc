"""Status is the operator's memory.

Others cannot write it, and the operator cannot write what others declare.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluster.guards.actors import (
    BREAK_GLASS,
    CLUSTER_ADMIN,
    OPERATOR,
    Actor,
    Answer,
    Kubectl,
    expect_admitted,
    expect_denied,
    expect_no_right,
)
from cluster.guards.declared import EXPERIMENTER, NAMESPACED, TEAM

if TYPE_CHECKING:
    from collections.abc import Iterator

STATUS = "only the Glovebox operator may write `status`; change `spec`, and the status follows"
SPEC = (
    "the Glovebox operator may not write what users declare; it keeps its finalizer and the status,"
    " nothing else"
)
METADATA = (
    "of the metadata of what users declare the Glovebox operator may write only labels, annotations"
    " and finalizers of 'glovebox.dev/'"
)
ALL = (*NAMESPACED, "isolationprofiles", "objectstores")
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "0-0"}


def patch(
    kubectl: Kubectl, actor: Actor, plural: str, name: str, change: dict[str, Any], *extra: str
) -> Answer:
    where = [f"--namespace={TEAM}"] if plural in NAMESPACED else []
    arguments = (
        f"{plural}.glovebox.dev",
        name,
        *where,
        *extra,
        "--type=merge",
        f"--patch={json.dumps(change)}",
        "--dry-run=server",
    )
    return kubectl(actor, "patch", *arguments)


def write_status(kubectl: Kubectl, actor: Actor, plural: str, name: str) -> Answer:
    """Replace the status as the operator does.

    Kubectl's own subresource commands would read `/status` first, which nobody needs.
    """
    space = f"/namespaces/{TEAM}" if plural in NAMESPACED else ""
    path = f"/apis/glovebox.dev/v1alpha1{space}/{plural}/{name}"
    body = {
        **json.loads(kubectl(CLUSTER_ADMIN, "get", "--raw", path).out),
        "status": {"observedGeneration": 1},
    }
    return kubectl(actor, "replace", "--raw", f"{path}/status?dryRun=All", "-f", "-", manifest=body)


@pytest.mark.parametrize("plural", [*NAMESPACED, "isolationprofiles", "objectstores"])
def test_only_the_operator_writes_status(
    guarded: Kubectl, declared: dict[str, dict[str, Any]], plural: str
) -> None:
    name = declared[plural]["metadata"]["name"]
    expect_denied(write_status(guarded, CLUSTER_ADMIN, plural, name), "glovebox-status", STATUS)
    expect_no_right(write_status(guarded, EXPERIMENTER, plural, name))
    expect_admitted(write_status(guarded, OPERATOR, plural, name))
    expect_admitted(write_status(guarded, BREAK_GLASS, plural, name))
    by_patch = patch(
        guarded,
        CLUSTER_ADMIN,
        plural,
        name,
        {"status": {"observedGeneration": 1}},
        "--subresource=status",
    )
    expect_denied(by_patch, "glovebox-status", STATUS)


@pytest.mark.parametrize("plural", ALL)
@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"finalizers": ["glovebox.dev/finalizer"]}, id="the end is the operator's"),
        pytest.param({"finalizers": ["glovebox.dev/in-use"]}, id="in use"),
        pytest.param({"annotations": {"glovebox.dev/users": "2"}}, id="by how many"),
        pytest.param({"labels": {"glovebox.dev/x": "y"}}, id="a label of ours"),
    ],
)
def test_the_operator_leaves_its_own_marks(
    guarded: Kubectl, declared: dict[str, dict[str, Any]], plural: str, metadata: dict[str, Any]
) -> None:
    name = declared[plural]["metadata"]["name"]
    expect_admitted(patch(guarded, OPERATOR, plural, name, {"metadata": metadata}))


@pytest.mark.parametrize("plural", ALL)
@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"finalizers": ["other.example/f"]}, id="hold it for somebody else"),
        pytest.param({"annotations": {"other.example/a": "b"}}, id="somebody's annotation"),
        pytest.param({"labels": {"team": "rivals"}}, id="somebody's label"),
        pytest.param({"ownerReferences": [OWNER]}, id="an owner that deletes it"),
    ],
)
def test_the_operator_leaves_no_marks_of_others(
    guarded: Kubectl, declared: dict[str, dict[str, Any]], plural: str, metadata: dict[str, Any]
) -> None:
    name = declared[plural]["metadata"]["name"]
    expect_denied(
        patch(guarded, OPERATOR, plural, name, {"metadata": metadata}),
        "glovebox-operator-fence-specs",
        METADATA,
    )
    author = EXPERIMENTER if plural in NAMESPACED else CLUSTER_ADMIN
    expect_admitted(patch(guarded, author, plural, name, {"metadata": metadata}))


@pytest.mark.parametrize("plural", ALL)
def test_the_operator_deletes_nothing_that_users_declare(
    guarded: Kubectl, declared: dict[str, dict[str, Any]], plural: str
) -> None:
    where = [f"--namespace={TEAM}"] if plural in NAMESPACED else []
    name = declared[plural]["metadata"]["name"]
    resource = f"{plural}.glovebox.dev"
    expect_no_right(guarded(OPERATOR, "delete", resource, name, *where, "--dry-run=server"))


FINALIZER = (
    "only the Glovebox operator may take off the finalizer 'glovebox.dev/finalizer', when"
    " everything of the object has ended; keep `metadata.finalizers`, or apply instead of"
    " replacing; what holds up a deletion is named in the status"
)


@pytest.fixture(params=["experiments", "accessgrants"])
def finished(
    request: pytest.FixtureRequest, guarded: Kubectl, declared: dict[str, dict[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Plural and name of what has the operator's finalizer."""
    plural: str = request.param
    name = declared[plural]["metadata"]["name"]
    path = f"/apis/glovebox.dev/v1alpha1/namespaces/{TEAM}/{plural}/{name}"
    operator = guarded.api(OPERATOR)
    operator.patch(path, {"metadata": {"finalizers": ["glovebox.dev/finalizer"]}})
    yield plural, name
    operator.patch(path, {"metadata": {"finalizers": None}})


@pytest.mark.parametrize(
    "finalizers", [pytest.param(None, id="none"), pytest.param(["a.example/b"], id="another one")]
)
@pytest.mark.parametrize("actor", [EXPERIMENTER, CLUSTER_ADMIN], ids=["experimenter", "admin"])
def test_nobody_but_the_operator_takes_the_finalizer_off(
    guarded: Kubectl,
    finished: tuple[str, str],
    actor: Actor,
    finalizers: list[str] | None,
) -> None:
    change = {"metadata": {"finalizers": finalizers}}
    answer = patch(guarded, actor, *finished, change)
    expect_denied(answer, "glovebox-finalizers", FINALIZER)


def test_the_operator_and_breaking_the_glass_take_the_finalizer_off(
    guarded: Kubectl, finished: tuple[str, str]
) -> None:
    for actor in (OPERATOR, BREAK_GLASS):
        change = {"metadata": {"finalizers": None}}
        expect_admitted(patch(guarded, actor, *finished, change))


def test_the_operator_does_not_edit_an_experiment(
    guarded: Kubectl, declared: dict[str, dict[str, Any]]
) -> None:
    name = declared["experiments"]["metadata"]["name"]
    for change in ({"suspend": True}, {"lifecycle": {"deletionPolicy": "Retain"}}):
        expect_denied(
            patch(guarded, OPERATOR, "experiments", name, {"spec": change}),
            "glovebox-operator-fence-specs",
            SPEC,
        )
        expect_admitted(patch(guarded, EXPERIMENTER, "experiments", name, {"spec": change}))


def test_platform_kinds_belong_to_the_platform(
    guarded: Kubectl, declared: dict[str, dict[str, Any]]
) -> None:
    changes = {
        "isolationprofiles": {"description": "for everybody"},
        "objectstores": {"region": "elsewhere"},
    }
    for plural, change in changes.items():
        name = declared[plural]["metadata"]["name"]
        answer = patch(guarded, OPERATOR, plural, name, {"spec": change})
        expect_denied(answer, "glovebox-operator-fence-specs", SPEC)
        expect_no_right(
            patch(guarded, EXPERIMENTER, plural, name, {"metadata": {"labels": {"x": "y"}}})
        )
