"""Which stores have keys that a pod can mount."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from glovebox.api.object_store import ObjectStore
from glovebox.controllers.task_jobs import secrets_of
from glovebox.store.connection import Pools, Store, StoreSettings


@pytest.fixture
def pools() -> Iterator[Pools]:
    pools = Pools(control=1, jobs=1, reads=1)
    yield pools
    pools.close()


def store(name: str, pools: Pools, **spec: Any) -> tuple[ObjectStore, Store]:
    endpoint = f"http://192.0.2.{len(name)}:8333"
    obj = {
        "metadata": {"name": name},
        "spec": {"endpoint": endpoint, "artifacts": {"bucket": "artifacts"}, **spec},
    }
    return ObjectStore.model_validate(obj), Store(StoreSettings(endpoint), pools)


def test_each_store_has_the_secret_that_it_names(pools: Pools) -> None:
    one = store("one", pools, credentialsSecretRef={"name": "keys-1"})
    other = store("other", pools, credentialsSecretRef={"name": "keys-2"})
    assert secrets_of([one, other]) == {one[1]: "keys-1", other[1]: "keys-2"}


def test_what_needs_the_keys_of_the_operator_s_own_pod_is_no_job(pools: Pools) -> None:
    one = store("one", pools, credentialsSecretRef={"name": "keys-1"})
    assert secrets_of([one, store("ambient", pools)]) is None
