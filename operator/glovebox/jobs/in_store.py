"""Work on a store that is found as every S3 tool finds its own: by AWS_ENDPOINT_URL and so on."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, TypeVar

from glovebox.store.connection import Stores, StoreSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from glovebox.store.connection import Stop, Store

T = TypeVar("T")


def seal_place(uri: str) -> tuple[str, str]:
    """Return bucket and folder of a seal: of `s3://bucket/.glovebox/seals/<uid>/`."""
    bucket, _, rest = uri.removeprefix("s3://").partition("/")
    return bucket, f"{rest.rstrip('/')}/"


def in_store(job: Callable[[Store, Stop], T]) -> T:
    """Do work on the store of the environment, and wait for it.

    Raises:
        GloveboxError: Whatever the work raises.
    """
    return asyncio.run(_in_store(job))


async def _in_store(job: Callable[[Store, Stop], T]) -> T:
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    stores = Stores()
    try:
        store = stores.open(StoreSettings(endpoint or f"https://s3.{region}.amazonaws.com", region))
        return await store.run_job(lambda stop: job(store, stop))
    finally:
        await stores.close()
