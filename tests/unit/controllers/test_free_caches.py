"""Which caches are freed: never one that somebody came to want while lists were read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox import names
from glovebox.controllers.experiment.caches import free_caches
from glovebox.controllers.ports import Ports
from glovebox.desired.session_secret import session_annotations
from glovebox.errors import Conflict
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import (
    DATASET_PIN,
    EXPERIMENT,
    JOB,
    PERSISTENT_VOLUME,
    PERSISTENT_VOLUME_CLAIM,
    SECRET,
    Kind,
)
from glovebox.kube.objects import ObjectKey

Json = dict[str, Any]
TEAM, DIGEST = "team-a", "sha256:" + "a" * 64
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def claim(uid: str = "u1", name: str = "gbx-cache-a") -> Json:
    notes = {names.ANNOTATION_PIN_NAMESPACE: TEAM, names.ANNOTATION_PIN_DIGEST: DIGEST}
    return {"metadata": {"name": name, "uid": uid, "annotations": notes}}


def pin(digest: str = DIGEST, namespace: str = TEAM) -> Json:
    return {"metadata": {"namespace": namespace, "name": "set"}, "status": {"pinDigest": digest}}


def experiment(**status: Any) -> Json:
    return {
        "metadata": {"namespace": TEAM, "name": "x"},
        "status": {"inputs": [{"name": "a", "pinDigest": DIGEST}], **status},
    }


class Cluster:
    """One cache, and what is known of pins and Experiments; something may happen at a list."""

    def __init__(self) -> None:
        self.known: dict[str, list[Json]] = {DATASET_PIN.kind: [], EXPERIMENT.kind: []}
        self.lists = {PERSISTENT_VOLUME_CLAIM.kind: [claim()], PERSISTENT_VOLUME.kind: []}
        self.happens: dict[str, Callable[[], None]] = {}
        self.deleted: list[tuple[str, str]] = []
        self.refusal: Exception | None = None
        self.own: dict[str, Json] = {}

    def of_kind(self, kind: Kind) -> list[Json]:
        return list(self.known[kind.kind])

    async def pages(self, kind: Kind, **_: Any) -> AsyncIterator[Json]:
        self.happens.get(kind.kind, lambda: None)()
        yield {"items": list(self.lists[kind.kind])}

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Return the credentials that it is filled with, or the Job; as a rule there are none."""
        if kind.kind not in self.own:
            raise NotFound("NotFound", f"{kind.kind} {namespace}/{name}")
        return self.own[kind.kind]

    async def delete(self, kind: Kind, key: ObjectKey, *, uid: str) -> None:
        del kind
        self.deleted.append((key.name, uid))
        if self.refusal is not None:
            raise self.refusal

    def now(self) -> datetime:
        return NOW

    def sweep(self) -> list[tuple[str, str]]:
        settings = SimpleNamespace(namespace="glovebox-system")
        ports = SimpleNamespace(
            settings=settings, resources=self, reader=self, writer=self, now=self.now
        )
        asyncio.run(free_caches(cast("Ports", ports)))
        return self.deleted


def test_a_cache_that_nobody_wants_is_freed_by_its_uid() -> None:
    assert Cluster().sweep() == [("gbx-cache-a", "u1")]


@pytest.mark.parametrize("during", [PERSISTENT_VOLUME_CLAIM.kind, PERSISTENT_VOLUME.kind])
@pytest.mark.parametrize("kind", [DATASET_PIN.kind, EXPERIMENT.kind])
def test_a_cache_that_is_wanted_while_a_list_is_read_is_kept(during: str, kind: str) -> None:
    cluster = Cluster()
    newcomer = {DATASET_PIN.kind: pin(), EXPERIMENT.kind: experiment()}[kind]
    cluster.happens[during] = lambda: cluster.known[kind].append(newcomer)
    assert cluster.sweep() == []


@pytest.mark.parametrize(
    ("kind", "known", "kept", "why"),
    [
        (DATASET_PIN, pin(), True, "its pin is there"),
        (DATASET_PIN, pin(digest="sha256:" + "b" * 64), False, "another pin"),
        (DATASET_PIN, pin(namespace="team-b"), False, "a pin of another team"),
        (EXPERIMENT, experiment(), True, "a run waits for it, whatever became of the pin"),
        (EXPERIMENT, experiment(run={"jobUid": "j"}), True, "the run has not ended"),
        (EXPERIMENT, experiment(run={"completionTime": "2026-01-01T00:00:00Z"}), False, "over"),
        (EXPERIMENT, experiment(seal={"uri": "s3://a/b/"}), False, "sealed"),
    ],
)
def test_who_keeps_a_cache(kind: Kind, known: Json, *, kept: bool, why: str) -> None:
    cluster = Cluster()
    cluster.known[kind.kind] = [known]
    assert (cluster.sweep() == []) is kept, why


def test_a_cache_that_a_volume_is_a_copy_of_is_kept() -> None:
    cluster = Cluster()
    cluster.lists[PERSISTENT_VOLUME.kind] = [{"metadata": {"name": "gbx-copy"}}]
    assert cluster.sweep() == []


def test_one_that_was_made_again_meanwhile_keeps_no_other_from_being_freed() -> None:
    cluster = Cluster()
    cluster.lists[PERSISTENT_VOLUME_CLAIM.kind] = [claim("u1"), claim("u2")]
    cluster.refusal = Conflict("Conflict", "another object has the name now")
    assert cluster.sweep() == [("gbx-cache-a", "u1"), ("gbx-cache-a", "u2")]


@pytest.mark.parametrize(
    ("caches", "freed"), [(1, 1), (5, 1), (10, 1), (11, 2), (40, 4)], ids="of {}".format
)
def test_no_more_than_a_tenth_of_all_caches_goes_in_one_round(caches: int, freed: int) -> None:
    cluster = Cluster()
    cluster.lists[PERSISTENT_VOLUME_CLAIM.kind] = [
        claim(f"u{number}", f"gbx-cache-{number}") for number in range(caches)
    ]
    assert len(cluster.sweep()) == freed


def test_a_cache_is_kept_while_a_pin_of_the_team_is_not_resolved() -> None:
    cluster = Cluster()
    created_again: Json = {"metadata": {"namespace": TEAM, "name": "set"}}
    cluster.known[DATASET_PIN.kind].append(created_again)
    assert cluster.sweep() == []
    created_again["status"] = {"pinDigest": "sha256:" + "b" * 64}
    assert cluster.sweep() == [("gbx-cache-a", "u1")]


def credentials(minutes: int) -> Json:
    """Return credentials that end in so many minutes."""
    data = {"primary.credentials": "aGVsbG8="}
    notes = session_annotations(data, NOW + timedelta(minutes=minutes))
    return {"metadata": {"uid": "s1", "annotations": notes}, "data": data}


def job(*ends: str) -> Json:
    return {"status": {"conditions": [{"type": end, "status": "True"} for end in ends]}}


@pytest.mark.parametrize(
    ("minutes", "there", "kept", "why"),
    [
        (5, job(), True, "a Job reads with them"),
        (-5, job(), False, "they have expired: whoever renews them makes others"),
        (5, job("Complete"), False, "the volume is full, and whoever waited for it is gone"),
        (5, job("Failed"), False, "it could not be filled, and nobody wants it any more"),
        (5, None, False, "the Job is gone"),
    ],
)
def test_no_credentials_stay_that_nothing_is_filled_with(
    minutes: int,
    there: Json | None,
    kept: bool,  # noqa: FBT001 - a column of the table
    why: str,
) -> None:
    """Those of a cache that is kept, and whose Experiment may be gone."""
    cluster = Cluster()
    cluster.known[DATASET_PIN.kind] = [pin()]
    cluster.own = {SECRET.kind: credentials(minutes)} | ({JOB.kind: there} if there else {})
    assert cluster.sweep() == ([] if kept else [("gbx-cache-a", "s1")]), why


def test_credentials_that_somebody_changed_do_not_stay() -> None:
    cluster = Cluster()
    cluster.known[DATASET_PIN.kind] = [pin()]
    changed = credentials(5) | {"data": {"primary.credentials": "b3RoZXI="}}
    cluster.own = {SECRET.kind: changed, JOB.kind: job()}
    assert cluster.sweep() == [("gbx-cache-a", "s1")]
