"""Answers of the real API server as our errors, and lists and watches that lose nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from glovebox.apply.children import Children
from glovebox.errors import Conflict, Forbidden, InvalidInput, Unavailable
from glovebox.kube.answers import AlreadyExists, NotFound
from glovebox.kube.client import Client
from glovebox.kube.kinds import CONFIG_MAP, NETWORK_POLICY
from glovebox.kube.login import ApiCredentials, log_in
from glovebox.kube.objects import ObjectKey
from glovebox.kube.reflector import Reflector
from support.api import Api
from support.cluster import Cluster

MANAGED = {"app.kubernetes.io/managed-by": "glovebox"}


def config_map(namespace: str, name: str = "glovebox-a", **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": MANAGED}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


async def test_each_refusal_of_the_api_server_is_an_error_of_ours(
    client: Client, namespace: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAP, namespace, "nothing")
    made = await client.create(CONFIG_MAP, config_map(namespace))
    with pytest.raises(AlreadyExists):
        await client.create(CONFIG_MAP, config_map(namespace))
    await client.replace(CONFIG_MAP, {**made, "data": {"a": "1"}})
    with pytest.raises(Conflict):
        await client.replace(CONFIG_MAP, {**made, "data": {"a": "2"}})
    with pytest.raises(Conflict):
        await client.delete(
            CONFIG_MAP, namespace, "glovebox-a", uid="00000000-0000-0000-0000-000000000000"
        )
    with pytest.raises(InvalidInput, match=r"metadata\.name"):
        await client.create(CONFIG_MAP, config_map(namespace, "Not A Name"))
    await client.delete(CONFIG_MAP, namespace, "glovebox-a", uid=made["metadata"]["uid"])
    await client.delete(CONFIG_MAP, namespace, "glovebox-a", uid=made["metadata"]["uid"])
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig_for("nobody")))
    async with Client(log_in) as stranger:
        with pytest.raises(Forbidden, match="nobody"):
            await stranger.get(CONFIG_MAP, namespace, "x")


async def test_no_answer_is_told_apart_from_a_no(
    login: Callable[[], Awaitable[ApiCredentials]], namespace: str
) -> None:
    nowhere = replace(await login(), server="https://127.0.0.1:9")
    async with Client(lambda: nowhere) as lost:
        with pytest.raises(Unavailable):
            await lost.get(CONFIG_MAP, namespace, "x")


async def test_large_lists_come_in_pages(
    client: Client, namespace: str, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glovebox.kube.reading.PAGE_SIZE", 2)
    for number in range(5):
        api.create(
            f"/api/v1/namespaces/{namespace}/configmaps",
            config_map(namespace, f"glovebox-{number}"),
        )
    pages = [
        page["items"]
        async for page in client.pages(
            CONFIG_MAP, namespace=namespace, label_selector="app.kubernetes.io/managed-by=glovebox"
        )
    ]
    assert [len(page) for page in pages] == [2, 2, 1]


async def test_a_reflector_tells_what_is_there_what_comes_and_what_goes(
    client: Client, namespace: str, api: Api
) -> None:
    woken: list[str] = []
    children = Children(woken.append, time.monotonic)
    children.claim(namespace, "Experiment/team/x")
    root = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    policy = {"metadata": {"name": "early", "namespace": namespace}, "spec": {"podSelector": {}}}
    api.create(root, policy)
    task = asyncio.create_task(Reflector(client, children.table(NETWORK_POLICY)).run())
    try:
        await _until(
            lambda: children.get(ObjectKey("NetworkPolicy", namespace, "early")) is not None
        )
        api.create(root, {**policy, "metadata": {"name": "late", "namespace": namespace}})
        await _until(
            lambda: children.get(ObjectKey("NetworkPolicy", namespace, "late")) is not None
        )
        api.delete(f"{root}/early")
        await _until(lambda: children.get(ObjectKey("NetworkPolicy", namespace, "early")) is None)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert woken


async def test_a_deletion_missed_in_a_gap_is_noticed_by_the_next_list(
    client: Client, namespace: str, api: Api
) -> None:
    woken: list[str] = []
    children = Children(woken.append, time.monotonic)
    children.claim(namespace, "Experiment/team/x")
    root = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    made = api.create(
        root, {"metadata": {"name": "policy", "namespace": namespace}, "spec": {"podSelector": {}}}
    )
    children.want(ObjectKey("NetworkPolicy", namespace, "policy"), b"as intended")
    children.wrote(NETWORK_POLICY, made)
    api.delete(f"{root}/policy")  # nobody watches
    task = asyncio.create_task(Reflector(client, children.table(NETWORK_POLICY)).run())
    try:
        await _until(lambda: children.get(ObjectKey("NetworkPolicy", namespace, "policy")) is None)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert woken == ["Experiment/team/x"]


async def _until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not look():  # noqa: ASYNC110 - the cache has no signal for tests
            await asyncio.sleep(0.02)
