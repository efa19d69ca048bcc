"""Datasets from caches: real operator, API server, Job controller, binder; played kubelet."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.operator.delivering import (
    OWN,
    cache_of,
    cached,
    claim,
    declare,
    fill,
    filler,
    give_volume,
    jobs,
    pin,
    volumes_of,
)
from glovebox.controllers.experiment.caches import free_caches
from glovebox.controllers.process import open_operator
from glovebox.kube.login import log_in
from glovebox.settings import Settings
from glovebox_local.operator_process import OPERATOR_USER
from support.api import Api, path_of
from support.cluster import Cluster
from support.kubelet import end_pod, run_pod
from support.operator_process import CACHE_FOLDER, PLATFORM_IMAGE, Operator, Team
from support.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("profiles")]


def test_a_cache_is_filled_once_and_read_by_many(team: Team) -> None:
    pin(team)
    declare(team, "one", "cached")
    declare(team, "two", "cached")
    cache = cache_of(team)
    give_volume(team, cache)
    made = [
        team.expect("Experiment", name, "Succeeded", "Unknown", "RunPending")
        for name in ("one", "two")
    ]
    pod = filler(team, cache)
    # Neither is served half of it.
    assert [volumes_of(team, name) for name in ("one", "two")] == [[], []]
    assert (
        team.api.list(path_of("batch/v1", "jobs", namespace=made[0]["status"]["namespace"])) == []
    )
    (container,) = pod["spec"]["containers"]
    assert container["image"] == PLATFORM_IMAGE

    end_pod(team.api, pod, 0, container="fetch")
    runs = [run_pod(team.api, each["status"]["namespace"]) for each in made]
    assert len(jobs(team, cache)) == 1
    assert team.api.find(path_of("v1", "secrets", namespace=OWN, name=cache)) is None, (
        "credentials go when the volume is full"
    )
    for name, each, run in zip(("one", "two"), made, runs, strict=True):
        namespace = each["status"]["namespace"]
        (volume,) = volumes_of(team, name)
        assert volume["spec"]["hostPath"]["path"] == f"{CACHE_FOLDER}/{cache}"
        assert volume["spec"]["accessModes"] == ["ReadOnlyMany"]
        assert volume["spec"]["claimRef"]["namespace"] == namespace

        def bound(namespace: str = namespace) -> bool:
            return bool((claim(team, namespace) or {}).get("status", {}).get("phase") == "Bound")

        eventually(bound, what="the claim is bound to it")
        fetcher, session = run["spec"]["initContainers"]
        assert [mount["name"] for mount in session["volumeMounts"]] == ["artifacts"]
        for part in (fetcher, *run["spec"]["containers"]):
            (mount,) = (
                mount for mount in part["volumeMounts"] if mount["name"] == "glovebox-input-train"
            )
            assert (mount["readOnly"], mount["recursiveReadOnly"], mount["subPath"]) == (
                True,
                "IfPossible",
                "data",
            )
        mounted = [volume for volume in run["spec"]["volumes"] if "secret" in volume]
        assert [volume["secret"]["secretName"] for volume in mounted] == [
            "glovebox-artifacts-credentials"
        ]
        assert (
            team.api.find(
                path_of("v1", "secrets", namespace=namespace, name="glovebox-inputs-credentials")
            )
            is None
        )
        assert team.read("Experiment", name)["status"]["deliveryMode"] == "Cache"


def test_a_run_over_a_changed_cache_is_refused_with_the_words_of_the_check(team: Team) -> None:
    cache = cached(team, "misled")
    fill(team, cache)
    run = run_pod(team.api, team.expect("Experiment", "misled")["status"]["namespace"])
    said = (
        '{"reason":"DigestMismatch","message":"the mounted files have another'
        ' root","input":"train"}'
    )
    end_pod(team.api, run, 42, container="fetch", init=True, message=said)
    ended = team.expect("Experiment", "misled", "Sealed")["status"]["run"]
    assert (ended["reason"], ended["attempts"]) == ("InputsRefused", 1)
    assert "input `train`: DigestMismatch" in ended["message"]


def test_the_volumes_go_with_the_experiment_and_the_cache_stays_for_the_next(team: Team) -> None:
    cache = cached(team, "first")
    fill(team, cache)
    run_pod(team.api, team.expect("Experiment", "first")["status"]["namespace"])
    (volume,) = volumes_of(team, "first")
    team.api.delete(team.path("Experiment", "first"))
    eventually(
        lambda: team.api.find(team.path("Experiment", "first")) is None,
        what="the experiment is gone",
        timeout=60,
    )
    assert (
        team.api.find(path_of("v1", "persistentvolumes", name=volume["metadata"]["name"])) is None
    )
    assert len(jobs(team, cache)) == 1
    # The next one needs no filling.
    declare(team, "next", "cached")
    run_pod(team.api, team.expect("Experiment", "next")["status"]["namespace"])
    assert len(jobs(team, cache)) == 1


def test_the_operator_s_death_while_a_cache_is_filled_leaves_one_filling(
    team: Team, operator: Operator
) -> None:
    pin(team)
    declare(team, "survivor", "cached")
    cache = cache_of(team)
    operator.kill()
    give_volume(team, cache)
    operator.start()
    pod = filler(team, cache)
    operator.kill()
    end_pod(team.api, pod, 0, container="fetch")
    operator.start()
    run_pod(team.api, team.expect("Experiment", "survivor")["status"]["namespace"])
    assert [job["status"].get("succeeded") for job in jobs(team, cache)] == [1]


def test_a_fetcher_that_is_killed_is_followed_by_another(team: Team) -> None:
    cache = cached(team, "stubborn")
    first = filler(team, cache)
    end_pod(team.api, first, 143, container="fetch")

    def second() -> dict[str, Any] | None:
        pod = filler(team, cache)
        return pod if pod["metadata"]["uid"] != first["metadata"]["uid"] else None

    end_pod(
        team.api, eventually(second, what="the Job tries again", timeout=60), 0, container="fetch"
    )
    run_pod(team.api, team.expect("Experiment", "stubborn")["status"]["namespace"])


def test_a_volume_that_was_given_to_another_claim_is_no_cache_any_more(
    team: Team, rogue: Api
) -> None:
    """Who else wrote to it since, nobody knows."""
    cache = cached(team, "robbed")
    volume = path_of("v1", "persistentvolumes", name=f"disk-{cache}")
    pod = filler(team, cache)
    # A binder that is disturbed before it has written both sides binds neither.
    eventually(
        lambda: (
            rogue.get(path_of("v1", "persistentvolumeclaims", namespace=OWN, name=cache))[
                "status"
            ].get("phase")
            == "Bound"
        ),
        what="the claim has its volume",
    )
    stranger = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": team.name,
        "name": "stranger",
        "uid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "resourceVersion": None,
    }
    rogue.patch(volume, {"spec": {"claimRef": stranger}})
    end_pod(team.api, pod, 0, container="fetch")
    eventually(
        lambda: (
            f"the volume 'disk-{cache}' is not bound to the cache"
            in team.condition("Experiment", "robbed", "Succeeded")["message"]
        ),
        what="the condition says so",
    )
    assert volumes_of(team, "robbed") == []


def test_a_cache_that_cannot_be_had_says_why_and_is_tried_again_on_request(team: Team) -> None:
    cache = cached(team, "lied")
    said = '{"reason":"DigestMismatch","message":"the data changed under the pin","input":"data"}'
    end_pod(team.api, filler(team, cache), 42, container="fetch", message=said)
    stalled = team.expect("Experiment", "lied", "Succeeded", "False", "InputsRefused")
    assert team.condition("Experiment", "lied", "Stalled")["status"] == "True"
    message = team.condition("Experiment", "lied", "Succeeded")["message"]
    assert "DigestMismatch: the data changed under the pin" in message
    assert f"delete the Job '{cache}'" in message
    assert volumes_of(team, "lied") == []
    assert "run" not in stalled["status"]

    (job,) = jobs(team, cache)
    team.api.delete(
        path_of("batch/v1", "jobs", namespace=OWN, name=cache) + "?propagationPolicy=Background"
    )
    # The sweep would look as well; this is sooner.
    team.api.patch(team.path("Experiment", "lied"), {"metadata": {"labels": {"looked": "again"}}})
    fill(team, cache)
    run_pod(team.api, stalled["status"]["namespace"])
    assert jobs(team, cache)[0]["metadata"]["uid"] != job["metadata"]["uid"]


def test_a_claim_without_a_volume_says_so(team: Team) -> None:
    pin(team)
    declare(team, "waiting", "cached")
    team.expect("Experiment", "waiting", "Succeeded", "Unknown", "RunPending")
    eventually(
        lambda: (
            "no volume is bound to it yet (class 'by-hand')"
            in team.condition("Experiment", "waiting", "Succeeded")["message"]
        ),
        what="the condition names the class",
    )


def test_two_teams_never_share_a_cache(cluster: Cluster, team: Team) -> None:
    """A pin may be declared over bytes nobody read: its digest is no proof of having them."""
    pinned = pin(team)
    other = Team(cluster, f"{team.name}-b")
    source = pinned["spec"]["source"]
    other.grant(source["prefix"]["bucket"])
    other.declare("DatasetPin", "rows", {"storeRef": {"name": "primary"}, "source": source})
    assert (
        other.expect("DatasetPin", "rows")["status"]["pinDigest"] == pinned["status"]["pinDigest"]
    )
    for each in (team, other):
        declare(each, "mine", "cached")
    assert cache_of(team) != cache_of(other)


async def test_a_cache_is_freed_when_its_pin_and_its_last_reader_are_gone(
    cluster: Cluster, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cached(team, "reader")
    fill(team, cache)
    run_pod(team.api, team.expect("Experiment", "reader")["status"]["namespace"])
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig_for(OPERATOR_USER)))

    async def swept() -> dict[str, Any] | None:
        async with open_operator(Settings(), log_in) as parts:
            await parts.resync.prime()
            await free_caches(parts.ports)
        found = team.api.find(path_of("v1", "persistentvolumeclaims", namespace=OWN, name=cache))
        return None if found is None or found["metadata"].get("deletionTimestamp") else found

    assert await swept(), "an experiment reads it, and its pin is there"
    team.api.delete(team.path("DatasetPin", "rows"))
    assert await swept(), "an experiment still reads it"
    team.api.delete(team.path("Experiment", "reader"))
    eventually(
        lambda: team.api.find(team.path("Experiment", "reader")) is None,
        what="the experiment is gone",
        timeout=60,
    )
    eventually(
        lambda: team.api.find(team.path("DatasetPin", "rows")) is None or None,
        what="nobody uses the pin any more, so it goes",
        timeout=60,
    )
    assert await swept() is None
    # What belongs to the claim goes with it, by the garbage collector.
    eventually(lambda: jobs(team, cache) == [], what="the Job is gone with it", timeout=60)


async def test_a_cache_without_a_reader_stays_while_its_pin_is_there(
    cluster: Cluster, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin(team)
    declare(team, "reader", "cached")
    cache = cache_of(team)
    team.api.delete(team.path("Experiment", "reader"))
    eventually(
        lambda: team.api.find(team.path("Experiment", "reader")) is None,
        what="the experiment is gone",
        timeout=60,
    )
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig_for(OPERATOR_USER)))
    async with open_operator(Settings(), log_in) as parts:
        await parts.resync.prime()
        await free_caches(parts.ports)
    found = team.api.get(path_of("v1", "persistentvolumeclaims", namespace=OWN, name=cache))
    assert "deletionTimestamp" not in found["metadata"]


async def test_credentials_of_a_cache_go_although_nobody_waits_for_it_any_more(
    cluster: Cluster, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin(team)
    declare(team, "reader", "cached")
    cache = cache_of(team)
    give_volume(team, cache)
    pod = filler(team, cache)
    secret = path_of("v1", "secrets", namespace=OWN, name=cache)
    eventually(lambda: team.api.find(secret), what="the Job has credentials")
    team.api.delete(team.path("Experiment", "reader"))
    eventually(
        lambda: team.api.find(team.path("Experiment", "reader")) is None or None,
        what="the experiment is gone",
        timeout=60,
    )
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig_for(OPERATOR_USER)))

    async def swept() -> dict[str, Any] | None:
        async with open_operator(Settings(), log_in) as parts:
            await parts.resync.prime()
            await free_caches(parts.ports)
        return team.api.find(secret)

    assert await swept(), "the Job still reads with them"
    end_pod(team.api, pod, 0, container="fetch")
    eventually(
        lambda: [job for job in jobs(team, cache) if job["status"].get("conditions")] or None,
        what="the Job has ended",
        timeout=60,
    )
    assert await swept() is None
