"""One operator process in the simulation: the real composition, fed as kopf would feed it."""

from __future__ import annotations

import asyncio
import contextvars
import random
import ssl
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import Any, Final, Literal

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from glovebox.controllers.assembly import operator
from glovebox.controllers.operator import Operator
from glovebox.controllers.process import process_registry
from glovebox.evidence.keys import public_pem
from glovebox.evidence.signer import KeyPair
from glovebox.kube.client import Client
from glovebox.kube.kinds import CUSTOM_KINDS, Kind
from glovebox.kube.lease import LeaseLostError
from glovebox.kube.transport import TransportError
from glovebox.settings import Lineage, Settings
from simulation.api_server import ApiServer, Asked
from simulation.api_transport import Faults, NoFaults, SimTransport, StreamFault
from simulation.faults import FeedFaults, SeededFaults
from simulation.loop import PROCESS, WallClock
from simulation.object_store import ObjectStoreServer
from simulation.object_store_faces import SimStores
from simulation.sink import Sink
from simulation.story import Story

Json = dict[str, Any]
OPERATOR: Final = "system:serviceaccount:glovebox-system:glovebox"
# Shorter than in life, so that a run needs fewer virtual hours.
RESYNC_SECONDS: Final = 120.0
PLATFORM_IMAGE: Final = "registry.example/glovebox@sha256:" + "e" * 64


class Login:
    """Credentials that open nothing."""

    server = "https://api.invalid"

    def as_http_headers(self) -> dict[str, str]:
        """There are none."""
        return {}

    def as_ssl_context(self) -> ssl.SSLContext:
        """Never asked for."""
        raise NotImplementedError


def key_pair(whose: str) -> KeyPair:
    """Return a pair of keys for signing: the same one each time that a story is told."""
    key = Ed25519PrivateKey.from_private_bytes(sha256(whose.encode()).digest())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(private.decode(), public_pem(key.public_key()))


class Process:
    """One operator process, which can be started, killed and started again.

    Args:
        name: In the story.
        server: The stand-in for the API server.
        store: The stand-in for the store.
        story: Told of what happens.
        faults: Of its requests.
        chance: Of the time that they take.
        clock: The time of day on its machine.
        elects: Whether it is one of several, of which one leads.
        relist_seconds: After this long everything is listed again.
        resync_seconds: After this long our own kinds are listed and compared.
        lease_seconds: How long one that leads is waited for once it is gone.
        tasks: Where it does tasks on data.
        lineage: Whether it writes and delivers lineage.
        sink: Whom it delivers it to.
    """

    def __init__(
        self,
        name: str,
        server: ApiServer,
        store: ObjectStoreServer,
        story: Story,
        faults: Faults,
        chance: random.Random,
        clock: WallClock,
        *,
        elects: bool = False,
        relist_seconds: float = RESYNC_SECONDS,
        resync_seconds: float = RESYNC_SECONDS,
        lease_seconds: int = 15,
        tasks: Literal["InProcess", "Jobs"] = "InProcess",
        lineage: Lineage | None = None,
        sink: Sink | None = None,
    ) -> None:
        self.name = name
        self._tasks = tasks
        self._lineage, self._sink = lineage or Lineage(), sink or Sink()
        self._relist_seconds, self._resync_seconds = relist_seconds, resync_seconds
        self._lease_seconds = lease_seconds
        # Called when a write is made on an older version than the last answer to an own write.
        self.on_stale: Callable[[Asked, int, int], None] = lambda *_: None
        self._server, self._store, self._story = server, store, story
        self._faults, self._chance, self._clock = faults, chance, clock
        self._elects = elects
        self._transports: list[SimTransport] = []
        self._task: asyncio.Task[None] | None = None
        self.operator: Operator | None = None
        self.starts = self._keys = 0
        # What ended it although nobody killed it.
        self.died_of: BaseException | None = None

    def start(self) -> None:
        """Start it."""
        self.starts += 1
        self._story.tell(self.name, f"STARTS ({self.starts})")
        context = contextvars.copy_context()
        context.run(PROCESS.set, self.name)
        self._task = asyncio.get_running_loop().create_task(
            self._run(), name=self.name, context=context
        )

    @property
    def identity(self) -> str:
        """What it calls itself in the Lease."""
        return f"{self.name}-{self.starts}"

    async def kill(self) -> None:
        """End it as kill -9 does: nothing that it has not sent yet is sent, no answer arrives."""
        self._story.tell(self.name, "IS KILLED")
        for transport in self._transports:
            transport.is_dead = True
        self._transports.clear()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,), timeout=60)
        self.operator = None

    def _new_keys(self) -> KeyPair:
        """Make a key that is the same each time that the story is told."""
        self._keys += 1
        return key_pair(f"{self.identity} {self._keys}")

    def _new_names_key(self) -> bytes:
        return sha256(self.identity.encode()).digest()

    async def _run(self) -> None:
        settings = Settings(
            image=PLATFORM_IMAGE,
            tasks=self._tasks,
            resync_seconds=self._resync_seconds,
            relist_seconds=self._relist_seconds,
            leader_election=self._elects,
            lease_seconds=self._lease_seconds,
            identity=self.identity,
            lineage=self._lineage.model_dump_json(by_alias=True),
            experiment_series=100,
        )
        registry, metrics = process_registry()
        try:
            async with (
                Client(
                    Login, metrics.observe_api, transport=lambda _: self._transport(self._faults)
                ) as client,
                operator(
                    settings,
                    client,
                    metrics,
                    registry,
                    stores=SimStores(self._store),
                    now=self._clock.now,
                    jitter=self._chance.random,
                    new_keys=self._new_keys,
                    new_names_key=self._new_names_key,
                    sender=self._sink,
                ) as running,
            ):
                self.operator = running
                async with asyncio.TaskGroup() as group:
                    for kind in CUSTOM_KINDS:
                        group.create_task(self._feed(running, kind))
                    group.create_task(running.run())
        except asyncio.CancelledError:
            raise
        except BaseExceptionGroup as group:
            _, others = group.split(LeaseLostError)
            if others is not None:
                self._died(others)
                return
            # As it must: the kubelet starts it again.
            self._story.tell(self.name, "ENDS: it lost the lease")
            self._story.faults["lease lost"] += 1
            for transport in self._transports:
                transport.is_dead = True
            self._transports.clear()
            asyncio.get_running_loop().call_later(
                self._chance.uniform(0.5, 5), self._start_again, context=contextvars.Context()
            )
        except BaseException as error:  # noqa: BLE001 - reported by an invariant
            self._died(error)

    def _start_again(self) -> None:
        if self._task is not None:
            self.start()

    def _died(self, error: BaseException) -> None:
        self.died_of = error
        self._story.tell(self.name, f"DIES: {_causes(error)}")

    def _transport(self, faults: Faults) -> SimTransport:
        made = SimTransport(
            self._server,
            user=OPERATOR,
            process=self.name,
            identity=self.identity,
            story=self._story,
            faults=faults,
            chance=self._chance,
        )
        made.on_stale = self.on_stale
        self._transports.append(made)
        return made

    async def _feed(self, running: Operator, kind: Kind) -> None:
        """Do what kopf does: list, watch, list again after a gap; no deletion in a gap is told."""
        faults = self._faults
        late = FeedFaults(faults) if isinstance(faults, SeededFaults) else _Watches(faults)
        transport = self._transport(late)
        while True:
            try:
                answer = await transport.request(
                    "GET", kind.path(), params={}, body=None, content_type="", timeout_seconds=30
                )
            except TransportError:
                await asyncio.sleep(1.0)
                continue
            page = orjson.loads(answer.body)
            for item in page["items"]:
                running.on_event(None, item)
            params = {
                "resourceVersion": page["metadata"]["resourceVersion"],
                "timeoutSeconds": "600",
            }
            try:
                async with transport.stream(
                    kind.path(), params=params, silence_seconds=3600
                ) as stream:
                    async for event in _events(stream.chunks()):
                        if event["type"] == "ERROR":
                            break
                        running.on_event(event["type"], event["object"])
            except TransportError:
                # It backs off, and what was deleted meanwhile is in no list.
                await asyncio.sleep(self._chance.uniform(0.1, 8.0))


class _Watches(NoFaults):
    """What happens to watches, and nothing to requests."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def stream(self, asked: Asked) -> StreamFault:
        return self._faults.stream(asked)


async def _events(chunks: AsyncIterator[bytes]) -> AsyncIterator[Json]:
    async for chunk in chunks:
        for line in chunk.splitlines():
            yield orjson.loads(line)


def _causes(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_causes(each) for each in error.exceptions)
    return f"{type(error).__name__}: {error}"
