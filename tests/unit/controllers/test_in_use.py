"""When an object says that it is in use, and when it is let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from glovebox.controllers.in_use import (
    compute_marks,
    count_in_words,
    ensure_in_use,
    tells_its_users,
)
from glovebox.errors import Unavailable
from glovebox.kube.kinds import Kind
from glovebox.names import ANNOTATION_USERS, FINALIZER_IN_USE

FOREIGN = "other.example/f"
Json = dict[str, Any]


def thing(
    kind: str = "IsolationProfile",
    *,
    finalizers: tuple[str, ...] = (),
    users: str | None = None,
    dying: bool = False,
) -> Json:
    metadata: Json = {"name": "busy", "finalizers": list(finalizers)}
    if kind.endswith("Pin"):
        metadata["namespace"] = "team"
    if users is not None:
        metadata["annotations"] = {ANNOTATION_USERS: users}
    if dying:
        metadata["deletionTimestamp"] = "2030-01-01T00:00:00Z"
    return {"kind": kind, "metadata": metadata, "spec": {}}


class Cluster:
    """Answers lists from what stands, and keeps what was written."""

    def __init__(self, *standing: tuple[str, Json], fails: bool = False) -> None:
        self.standing = standing
        self.fails = fails
        self.listed: list[tuple[str, str, str | None]] = []
        self.written: list[tuple[list[str], Mapping[str, str | None] | None]] = []

    async def pages(
        self, kind: Kind, *, field_selector: str = "", namespace: str | None = None
    ) -> AsyncIterator[Json]:
        self.listed.append((kind.kind, field_selector, namespace))
        if self.fails:
            raise Unavailable("ApiUnavailable", "no answer")
        yield {"items": [spec for known, spec in self.standing if known == kind.kind]}

    async def write_finalizers(
        self,
        obj: Mapping[str, Any],
        finalizers: list[str],
        *,
        annotations: Mapping[str, str | None] | None = None,
    ) -> Json:
        self.written.append((finalizers, annotations))
        return {**obj, "metadata": {**obj["metadata"], "finalizers": finalizers}}


def experiment(**inputs: str) -> tuple[str, Json]:
    given = {field: [{"pinRef": {"name": name}}] for field, name in inputs.items()}
    return "Experiment", {"spec": {"inputs": given}}


@pytest.mark.parametrize(
    ("obj", "users", "finalizers", "told"),
    [
        pytest.param(thing(), 1, (FINALIZER_IN_USE,), "1", id="the first user"),
        pytest.param(
            thing(finalizers=(FOREIGN,)), 2, (FOREIGN, FINALIZER_IN_USE), "2", id="foreign stays"
        ),
        pytest.param(
            thing(finalizers=(FINALIZER_IN_USE,), users="1"),
            2,
            (FINALIZER_IN_USE,),
            "2",
            id="one more",
        ),
        pytest.param(
            thing(finalizers=(FOREIGN, FINALIZER_IN_USE), users="1"),
            0,
            (FOREIGN,),
            None,
            id="the last one is gone",
        ),
        pytest.param(thing(users="1"), 0, (), None, id="a count that was left"),
        pytest.param(
            thing(finalizers=(FINALIZER_IN_USE,)), 1, (FINALIZER_IN_USE,), "1", id="no count yet"
        ),
        pytest.param(thing(users="1"), 1, (FINALIZER_IN_USE,), "1", id="finalizer taken away"),
        pytest.param(
            thing(finalizers=(FOREIGN,), users="1", dying=True),
            2,
            (FOREIGN,),
            "2",
            id="what is being deleted takes no finalizer",
        ),
    ],
)
def test_marks_follow_the_users(
    obj: Json, users: int, finalizers: tuple[str, ...], told: str | None
) -> None:
    marks = compute_marks(obj, users)

    assert marks is not None
    assert (marks.finalizers, marks.annotations) == (finalizers, {ANNOTATION_USERS: told})


@pytest.mark.parametrize(
    ("obj", "users"),
    [
        pytest.param(thing(), 0, id="nobody uses it"),
        pytest.param(thing(finalizers=(FINALIZER_IN_USE,), users="3"), 3, id="as many as before"),
        pytest.param(
            thing(finalizers=(FINALIZER_IN_USE,), users="more than 100"), 999, id="about as many"
        ),
        pytest.param(thing(users="3", dying=True), 3, id="no finalizer for what is being deleted"),
    ],
)
def test_right_marks_cost_no_write(obj: Json, users: int) -> None:
    assert compute_marks(obj, users) is None


def marked(users: str, kind: str = "ObjectStore", *, dying: bool = False) -> Json:
    return thing(kind, finalizers=(FINALIZER_IN_USE,), users=users, dying=dying)


@pytest.mark.parametrize(
    ("obj", "users", "tells"),
    [
        pytest.param(marked("more than 10"), 11, True, id="a crowd, and it says so"),
        pytest.param(marked("more than 10", "IsolationProfile"), 100, True, id="a profile"),
        pytest.param(marked("10"), 11, False, id="a crowd since now"),
        pytest.param(marked("more than 10"), 101, False, id="a larger crowd"),
        pytest.param(thing("ObjectStore", users="more than 10"), 11, False, id="no finalizer"),
        pytest.param(marked("10"), 10, False, id="a look may be letting it go"),
        pytest.param(marked("more than 10", "DatasetPin"), 11, True, id="a pin of many"),
        pytest.param(
            marked("more than 10", "DatasetPin", dying=True), 11, False, id="a pin is to go"
        ),
        pytest.param(marked("more than 10", dying=True), 11, False, id="it is to go"),
    ],
)
def test_a_crowd_that_grows_is_no_reason_to_look(
    obj: Json,
    users: int,
    tells: bool,  # noqa: FBT001 - a table
) -> None:
    assert tells_its_users(obj, users) is tells


@pytest.mark.parametrize(
    ("users", "words"),
    [
        (0, "0"),
        (1, "1"),
        (10, "10"),
        (11, "more than 10"),
        (100, "more than 10"),
        (101, "more than 100"),
        (1000, "more than 100"),
        (5000, "more than 1000"),
    ],
)
def test_a_large_count_is_told_roughly(users: int, words: str) -> None:
    assert count_in_words(users) == words


def test_what_is_used_is_marked_without_a_list() -> None:
    cluster = Cluster()

    found = asyncio.run(ensure_in_use(cluster, cluster, thing(), users=2))

    assert (found.users, found.written, found.is_held) == (2, True, True)
    assert cluster.written == [([FINALIZER_IN_USE], {ANNOTATION_USERS: "2"})]
    assert cluster.listed == []


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("IsolationProfile", [("Experiment", "spec.profile=busy", None)]),
        (
            "ObjectStore",
            [
                ("Experiment", "spec.artifacts.storeRef.name=busy", None),
                ("DatasetPin", "spec.storeRef.name=busy", None),
            ],
        ),
        (
            "DatasetPin",
            [
                ("AccessGrant", "", "team"),
                ("Experiment", "", "team"),
                ("FeatureSetPin", "", "team"),
                ("SplitPin", "", "team"),
            ],
        ),
        ("SplitPin", [("DatasetPin", "", "team")]),
        ("FeatureSetPin", [("AccessGrant", "", "team"), ("Experiment", "", "team")]),
    ],
)
def test_it_is_let_go_after_a_live_list_of_everybody_who_could_use_it(
    kind: str, asked: list[tuple[str, str, str | None]]
) -> None:
    cluster = Cluster()
    marked = thing(kind, finalizers=(FINALIZER_IN_USE,), users="1")

    found = asyncio.run(ensure_in_use(cluster, cluster, marked, users=0))

    assert cluster.listed == asked
    assert cluster.written == [([], {ANNOTATION_USERS: None})]
    assert not found.is_held


@pytest.mark.parametrize(
    ("kind", "user"),
    [
        ("IsolationProfile", experiment()),
        ("ObjectStore", ("DatasetPin", {"spec": {}})),
        ("DatasetPin", experiment(datasets="busy")),
        ("DatasetPin", ("FeatureSetPin", {"spec": {"inputs": [{"pinRef": {"name": "busy"}}]}})),
        ("FeatureSetPin", experiment(features="busy")),
        ("DatasetPin", ("SplitPin", {"spec": {"source": {"pinRef": {"name": "busy"}}}})),
        ("SplitPin", ("DatasetPin", {"spec": {"source": {"split": {"name": "busy"}}}})),
    ],
)
def test_a_user_that_the_index_did_not_know_keeps_it(kind: str, user: tuple[str, Json]) -> None:
    cluster = Cluster(user)
    marked = thing(kind, finalizers=(FINALIZER_IN_USE,), users="2")

    found = asyncio.run(ensure_in_use(cluster, cluster, marked, users=0))

    assert (found.users, found.is_held) == (1, True)
    assert cluster.written == [([FINALIZER_IN_USE], {ANNOTATION_USERS: "1"})]


@pytest.mark.parametrize(
    ("kind", "bystander"),
    [
        ("DatasetPin", experiment(datasets="other")),
        ("DatasetPin", experiment(features="busy")),
        ("FeatureSetPin", experiment(datasets="busy")),
        (
            "DatasetPin",
            ("SplitPin", {"spec": {"source": {"pinRef": {"name": "other"}}}}),
        ),
        ("SplitPin", ("DatasetPin", {"spec": {"source": {"prefix": {"bucket": "busy"}}}})),
    ],
)
def test_who_names_something_else_does_not_keep_it(kind: str, bystander: tuple[str, Json]) -> None:
    cluster = Cluster(bystander)
    marked = thing(kind, finalizers=(FINALIZER_IN_USE,), users="1")

    assert asyncio.run(ensure_in_use(cluster, cluster, marked, users=0)).users == 0


@pytest.mark.parametrize(
    ("status", "users"),
    [
        pytest.param({"digest": "sha256:1"}, 1, id="bound by a grant"),
        pytest.param({}, 0, id="merely names somebody's pin"),
    ],
)
@pytest.mark.parametrize(
    ("kind", "named"), [("DatasetPin", "datasets"), ("FeatureSetPin", "features")]
)
def test_a_pin_that_is_lent_is_kept_for_who_is_bound_to_it(
    status: Json, users: int, kind: str, named: str
) -> None:
    reference = {"name": "busy", "namespace": "team"}
    borrower = {
        "metadata": {"name": "x", "namespace": "lab"},
        "spec": {"inputs": {named: [{"pinRef": reference}]}},
        "status": status,
    }
    grant = {"metadata": {"name": "loan", "namespace": "team"}, "spec": {"namespaces": ["lab"]}}

    class Namespaces(Cluster):
        async def pages(
            self, kind: Kind, *, field_selector: str = "", namespace: str | None = None
        ) -> AsyncIterator[Json]:
            async for page in super().pages(
                kind, field_selector=field_selector, namespace=namespace
            ):
                items = page["items"]
                yield {"items": [o for o in items if o["metadata"]["namespace"] == namespace]}

    cluster = Namespaces(("Experiment", borrower), ("AccessGrant", grant))
    marked = thing(kind, finalizers=(FINALIZER_IN_USE,), users="1")

    assert asyncio.run(ensure_in_use(cluster, cluster, marked, users=0)).users == users
    assert ("Experiment", "", "lab") in cluster.listed


def test_without_an_answer_nothing_is_let_go() -> None:
    cluster = Cluster(fails=True)
    marked = thing(finalizers=(FINALIZER_IN_USE,), users="1")

    with pytest.raises(Unavailable):
        asyncio.run(ensure_in_use(cluster, cluster, marked, users=0))

    assert cluster.written == []


def test_what_nobody_uses_and_nothing_marks_costs_no_request() -> None:
    cluster = Cluster()

    found = asyncio.run(ensure_in_use(cluster, cluster, thing(), users=0))

    assert (found.users, found.written, cluster.listed, cluster.written) == (0, False, [], [])


@pytest.mark.parametrize(
    ("digest", "kept"), [("", False), ("sha256:ab", True)], ids=["waits for it", "is bound"]
)
@pytest.mark.parametrize("kind", ["DatasetPin", "FeatureSetPin"])
def test_a_pin_that_is_being_deleted_is_kept_for_those_alone_who_are_bound(
    kind: str, digest: str, *, kept: bool
) -> None:
    field = "datasets" if kind == "DatasetPin" else "features"
    user, spec = experiment(**{field: "busy"})
    cluster = Cluster((user, {**spec, "status": {"digest": digest}}))
    marked = thing(kind, finalizers=(FINALIZER_IN_USE,), users="1", dying=True)

    found = asyncio.run(ensure_in_use(cluster, cluster, marked, users=0))

    assert found.is_held is kept


@pytest.mark.parametrize(
    ("digest", "kept"), [("", False), ("sha256:ab", True)], ids=["waits for it", "is made of it"]
)
@pytest.mark.parametrize(
    ("kind", "user", "source"),
    [
        ("DatasetPin", "SplitPin", {"pinRef": {"name": "busy"}}),
        ("SplitPin", "DatasetPin", {"split": {"name": "busy"}}),
    ],
)
def test_a_split_of_its_own_part_does_not_hold_itself_for_ever(
    kind: str, user: str, source: Json, digest: str, *, kept: bool
) -> None:
    cluster = Cluster((user, {"spec": {"source": source}, "status": {"digest": digest}}))
    marked = thing(kind, finalizers=(FINALIZER_IN_USE,), users="1", dying=True)

    found = asyncio.run(ensure_in_use(cluster, cluster, marked, users=0))

    assert found.is_held is kept


def test_a_pin_that_stays_is_marked_for_those_who_wait_for_it_too() -> None:
    cluster = Cluster(experiment(datasets="busy"))
    marked = thing("DatasetPin", finalizers=(FINALIZER_IN_USE,), users="1")

    found = asyncio.run(ensure_in_use(cluster, cluster, marked, users=0))

    assert found.is_held
