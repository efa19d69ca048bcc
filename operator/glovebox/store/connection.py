"""Connections to object stores: settings, shared clients, and bounded pools for blocking work.

Three pools of named threads, each bounded: *control* for single short requests, *jobs* for whole
listings and pins, *reads* for the bytes of objects. A job waits for reads, and a read waits for
nobody, so the pools cannot block one another.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials

from glovebox.store.answers import as_sts_says
from glovebox.store.authorities import authorities_file
from glovebox.store.encryption import ask_with_each_write
from glovebox.store.errors import translated
from glovebox.store.loop_first import LoopFirst
from glovebox.store.wire import CONNECT_SECONDS, READ_SECONDS, Wire, proxies_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

    from glovebox.store.encryption import Encryption

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS: Final = 3
_LOOK_SECONDS: Final = 1.0
_START_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Credentials:
    """Keys of one user or session of a store; printing them shows the key's id alone.

    Args:
        access_key_id: Names the key; no secret.
        secret_access_key: Signs.
        session_token: Only with credentials of a session.
        expire_time: When a session ends; None for a user's keys.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expire_time: datetime | None = None


@dataclass(frozen=True)
class StoreSettings:
    """How to reach one store.

    Args:
        endpoint: URL of the S3 API.
        region: To sign for.
        path_style: `endpoint/bucket/key` rather than `bucket.endpoint/key`.
        credentials: None for those of the environment (instance profile, web identity, AWS_*
            variables).
        sts_endpoint: URL of the STS API; None for the same as `endpoint`.
        ca_bundle: The authorities that alone are trusted, in PEM; empty for the SDK's own.
        encryption: What each write asks for; None leaves it to the bucket.
        proxy: URL of the proxy before the S3 API; empty reaches it directly, None is for what the
            environment says.
        sts_proxy: The same of the STS API; None for the same as `proxy`.
    """

    endpoint: str
    region: str = "us-east-1"
    path_style: bool = True
    credentials: Credentials | None = None
    sts_endpoint: str | None = None
    ca_bundle: str = field(default="", repr=False)
    encryption: Encryption | None = None
    proxy: str | None = None
    sts_proxy: str | None = None


def _at_once() -> None:
    """Give way to nobody."""


class Stop(threading.Event):
    """Set when whoever waits for a job has given up; the job looks at it between two requests.

    Attributes:
        give_way: Lets the event loop go first, where the job runs beside one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.give_way: Callable[[], None] = _at_once

    def check(self) -> None:
        """Leave the job when nobody waits for it any more; and let the event loop go first.

        Raises:
            JobStoppedError: The caller was cancelled.
        """
        self.give_way()
        if self.is_set():
            raise JobStoppedError


class JobStoppedError(Exception):
    """Unwinds a job that nobody waits for; never seen outside its thread."""


class Store:
    """One store: its clients, and the ways to use them without blocking. Made by `Stores.open`.

    Args:
        settings: How to reach it.
        pools: Where its work runs; shared with all other stores.
        issue: Issues the credentials of a session whenever the last ones are about to end; those
            of the settings are not used then.
    """

    def __init__(
        self,
        settings: StoreSettings,
        pools: Pools,
        issue: Callable[[], Credentials] | None = None,
    ) -> None:
        self.settings = settings
        self._pools = pools
        self._core = botocore.session.get_session()
        self._core.register_component("data_loader", _loader())
        if issue is None:
            self._session = _session(self._core, settings)
        else:
            self._session = _renewing(self._core, settings, issue)
        self._building = threading.Lock()

    @functools.cached_property
    def s3(self) -> S3Client:
        """The S3 client for rare calls (locks, policies); safe to share between threads.

        Bulk work goes by `wire`.
        """
        with self._building:
            client = self._session.client(
                "s3",
                endpoint_url=self.settings.endpoint,
                config=_config(self.settings, proxies_of(self.settings.proxy)),
                verify=authorities_file(self.settings.ca_bundle),
            )
            if self.settings.encryption is not None:
                ask_with_each_write(client, self.settings.encryption)
            return client

    @functools.cached_property
    def sts(self) -> STSClient:
        """The STS client."""
        endpoint = self.settings.sts_endpoint or self.settings.endpoint
        proxy = self.settings.sts_proxy
        proxies = proxies_of(proxy if proxy is not None else self.settings.proxy)
        with self._building:
            client = self._session.client(
                "sts",
                endpoint_url=endpoint,
                config=_config(self.settings, proxies),
                verify=authorities_file(self.settings.ca_bundle),
            )
            client.meta.events.register("before-parse.sts", as_sts_says)
            return client

    @functools.cached_property
    def wire(self) -> Wire:
        """Signed requests of our own, for listings and reads."""
        settings = self.settings
        return Wire(
            settings.endpoint,
            settings.region,
            path_style=settings.path_style,
            credentials=self._session.get_credentials,
            ca_bundle=authorities_file(settings.ca_bundle) or _ca_bundle(self._core),
            proxies=proxies_of(settings.proxy),
        )

    def with_credentials(self, credentials: Credentials) -> Store:
        """Return the store as another user or session sees it; not kept: forgetting closes it."""
        return Store(replace(self.settings, credentials=credentials), self._pools)

    def without_encryption(self) -> Store:
        """Return the store as a run's SDK writes to it, which asks for no encryption; not kept."""
        return Store(replace(self.settings, encryption=None), self._pools)

    def renewing(self, issue: Callable[[], Credentials]) -> Store:
        """Return the store as sessions see it that follow one another for as long as it is used.

        Args:
            issue: Returns the credentials of the next session, which has an end. Called in the
                thread of a request, and never by two at once. Blocks.
        """
        return Store(self.settings, self._pools, issue)

    async def run(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one short blocking call in the control pool."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._pools.control, functools.partial(call, *args, **kwargs)
        )

    async def call(self, doing: str, call: Callable[[], T]) -> T:
        """Run one short blocking call in the control pool, its errors translated.

        Raises:
            GloveboxError: With `doing` in its message.
        """

        def translating() -> T:
            with translated(doing):
                return call()

        return await self.run(translating)

    async def run_job(self, job: Callable[[Stop], T], stop: Stop | None = None) -> T:
        """Run a long blocking job; a cancelled caller sets its `Stop` and leaves it behind.

        Args:
            job: What to run in a thread of the pool.
            stop: Given to the job; one of its own when absent.
        """
        stop = stop if stop is not None else Stop()
        loop = asyncio.get_running_loop()
        self._pools.loop_first.serve(loop)
        stop.give_way = self._pools.loop_first.give_way
        running = loop.run_in_executor(self._pools.jobs, job, stop)
        self._pools.running.add(stop)

        def ended(done: asyncio.Future[T]) -> None:
            self._pools.running.discard(stop)
            if not done.cancelled():
                # A job that was left behind ends with an error that nobody awaits.
                done.exception()

        running.add_done_callback(ended)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            stop.set()
            raise

    @property
    def hashing(self) -> AbstractContextManager[object]:
        """Held while bytes are hashed: so few threads of the process do that at once.

        Each takes a processor whole, and the event loop and its repairs need one as well.
        """
        return self._pools.hashing

    @contextlib.contextmanager
    def alone(self, stop: Stop) -> Iterator[None]:
        """Wait until no other job of the process takes much memory beside its own. Blocks.

        Args:
            stop: Looked at while it waits.
        """
        while not self._pools.turn.acquire(timeout=_LOOK_SECONDS):
            stop.check()
        try:
            yield
        finally:
            self._pools.turn.release()

    def submit_read(self, call: Callable[[], T]) -> Future[T]:
        """Start reading in the pool of reads; for jobs, which wait for the result."""
        return self._pools.reads.submit(call)

    def at_once(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Make a few calls at the same moment, each in a thread of its own; for jobs. Blocks.

        Raises:
            threading.BrokenBarrierError: They could not begin together.
        """
        line = threading.Barrier(len(calls))

        def one(call: Callable[[], T]) -> T:
            line.wait(_START_SECONDS)
            return call()

        # In the pool of reads some would wait for others.
        with ThreadPoolExecutor(len(calls), thread_name_prefix="glovebox-race") as threads:
            return list(threads.map(one, calls))


class Pools:
    """The three pools of threads, shared by all stores of a process; and whose turn it is."""

    def __init__(self, *, control: int, jobs: int, reads: int) -> None:
        self.control = ThreadPoolExecutor(control, thread_name_prefix="glovebox-store")
        self.jobs = ThreadPoolExecutor(jobs, thread_name_prefix="glovebox-store-job")
        self.reads = ThreadPoolExecutor(reads, thread_name_prefix="glovebox-store-read")
        self.hashing = threading.BoundedSemaphore(_hashing_threads())
        self.running: set[Stop] = set()
        self.loop_first = LoopFirst()
        # Held by the one job that takes much memory beside its own.
        self.turn = threading.Lock()

    def close(self) -> None:
        """Tell all jobs to stop, and end the threads once their current request is done."""
        for stop in tuple(self.running):
            stop.set()
        for pool in (self.jobs, self.reads, self.control):
            pool.shutdown(wait=True, cancel_futures=True)


def _hashing_threads() -> int:
    """Return half of the processors that this process may use, at least one and at most four."""
    known = hasattr(os, "sched_getaffinity")  # not everywhere where `glovebox verify` runs
    processors = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    return max(1, min(4, processors // 2))


class Stores:
    """All stores of a process, opened once for each setting: clients and connections are shared.

    Args:
        threads: Bound of the pools for short requests and for reads, together.
        jobs: Bound of the listings, pins and seals that run at once; they mostly wait for reads,
            and the runner of tasks bounds them more closely.
    """

    def __init__(self, threads: int = 16, jobs: int = 16) -> None:
        half = max(1, threads // 2)
        self._pools = Pools(control=half, jobs=jobs, reads=half)
        self._open: dict[StoreSettings, Store] = {}

    def open(self, settings: StoreSettings) -> Store:
        """Return the store of these settings; costs nothing: clients are built on first use."""
        store = self._open.get(settings)
        if store is None:
            store = self._open[settings] = Store(settings, self._pools)
        return store

    def forget(self, settings: StoreSettings) -> None:
        """Drop a store whose settings are no longer used (rotated keys, a changed endpoint)."""
        self._open.pop(settings, None)

    async def close(self) -> None:
        """Stop what runs at its next request, then end all threads."""
        self._open.clear()
        await asyncio.to_thread(self._pools.close)


@functools.cache
def _loader() -> botocore.loaders.Loader:
    """Return the reader of the SDK's service descriptions.

    It is shared, because parsing them is most of what a client costs.
    """
    return botocore.loaders.create_loader()


def _session(core: botocore.session.Session, settings: StoreSettings) -> boto3.Session:
    keys = settings.credentials
    if keys is None:
        return boto3.Session(botocore_session=core, region_name=settings.region)
    return boto3.Session(
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=keys.session_token,
        region_name=settings.region,
        botocore_session=core,
    )


def _ca_bundle(core: botocore.session.Session) -> str | None:
    """Return the file of authorities that the environment names, as the SDK's clients find it."""
    return core.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")


def _renewing(
    core: botocore.session.Session, settings: StoreSettings, issue: Callable[[], Credentials]
) -> boto3.Session:
    """Return a session whose credentials the SDK renews ahead of their end."""

    def refresh() -> dict[str, str]:
        keys = issue()
        return {
            "access_key": keys.access_key_id,
            "secret_key": keys.secret_access_key,
            "token": keys.session_token or "",
            "expiry_time": keys.expire_time.isoformat() if keys.expire_time else "",
        }

    setattr(core, "_credentials", DeferredRefreshableCredentials(refresh, "assume-role"))  # noqa: B010 - the SDK has no public way
    return boto3.Session(region_name=settings.region, botocore_session=core)


def _config(settings: StoreSettings, proxies: dict[str, str] | None) -> Config:
    return Config(
        proxies=proxies,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        s3={"addressing_style": "path" if settings.path_style else "virtual"},
        # Checksums are asked for where they are wanted, not added to whatever is sent.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        user_agent_extra="glovebox",
    )
