"""Which of several replicas leads: a Lease in the operator's namespace, with a fence.

No library fits (docs/decisions/0012-leader-election.md): the asyncio electors of the official
client count deadlines by the wall clock, send requests without a timeout, and leave the work
running when they fail.

- Times are those of the event loop's monotonic clock alone. How old a rival's record is, is
  measured here: from when it was last seen to change. Clocks of other machines do not matter.
- The lease is held until `lease - margin` after the *start* of the last renewal that is known to
  have succeeded. `remaining_seconds` is the fence: the client asks it before each write, and a
  write takes no longer than what is left. So a replica that was paused, or cut off, writes nothing
  once another one may lead.
- Each change of the holder is a new term (`leaseTransitions`).
- A Lease that somebody deletes gives nothing away: whoever saw it held waits as long as for a
  holder that is gone.
- The lease is given back only after the work has ended; the next replica takes it within seconds.

What it does not protect against: a process that stops between the fence and the kernel's send, and
a machine whose monotonic clock stops. There the API server decides: every write but a creation
names the version or UID it was made for, and creations have names derived from UIDs.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

import structlog

from glovebox.api import reasons
from glovebox.errors import Conflict, Fenced, GloveboxError, NotFound
from glovebox.kube.client import Client
from glovebox.kube.kinds import LEASE

log = structlog.get_logger(__name__)


class LeaseLostError(Exception):
    """Another replica leads, or may lead soon: the work must end at once."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things take, in seconds.

    Attributes:
        lease: A rival that has not renewed for so long is gone.
        renew: Between two renewals, and between two looks of a follower.
        request: What one request may take.
        deadline: Without a renewal for so long the work is ended.
        margin: Of the lease, what is left unused: for requests that are on their way.
    """

    lease: float = 15.0
    renew: float = 2.0
    request: float = 3.0
    deadline: float = 10.0
    margin: float = 2.0

    @classmethod
    def of(cls, lease: float) -> Timing:
        """Return what a lease of another length takes, everything in the same proportion."""
        usual = cls()
        share = lease / usual.lease
        return cls(
            lease,
            usual.renew * share,
            usual.request * share,
            usual.deadline * share,
            usual.margin * share,
        )


def _nobody(leads: bool) -> None:  # noqa: FBT001 - the fact itself
    """Tell nobody."""


def _unwatched(version: int) -> None:
    """Await nothing."""


def _now() -> datetime:
    return datetime.now(UTC)


class Elector:
    """One replica's part in the election.

    Args:
        client: The connection; its requests on Leases pass the fence and wait for nobody.
        namespace: Where the Lease is.
        name: Its name.
        identity: Who this replica is: no other process that may run at the same time has it. One
            that is started again in the same pod has, and leads at once: the former one is dead.
        timing: How long things take.
        confirmed: Called with each version of the Lease that the API server has answered with.
        changed: Called with True when this replica begins to lead and with False when it ends.
        now: The time that people read in the Lease.
        jitter: Returns a number from 0 to 1.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        *,
        timing: Timing = Timing(),
        confirmed: Callable[[int], None] = _unwatched,
        changed: Callable[[bool], None] = _nobody,
        now: Callable[[], datetime] = _now,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._timing = timing
        self._confirmed = confirmed
        self._changed = changed
        self._now = now
        self._jitter = jitter
        self.identity = identity
        self.term = 0
        self._held: dict[str, Any] | None = None
        self._renewed_at = -math.inf
        self._seen_version = ""
        self._seen_at = 0.0
        # Until when somebody else may lead, by what was last seen of the Lease.
        self._rival_until = -math.inf

    @property
    def leads(self) -> bool:
        """Whether this replica may write now."""
        return self._held is not None and _clock() < self._held_until

    @property
    def _held_until(self) -> float:
        return self._renewed_at + self._timing.lease - self._timing.margin

    def remaining_seconds(self) -> float:
        """Return for how long this replica may still write: the fence.

        Raises:
            Fenced: Another replica may lead by now.
        """
        if not self.leads:
            raise Fenced(
                reasons.API_UNAVAILABLE,
                f"replica `{self.identity}` does not hold the lease `{self._name}`; the replica"
                " that holds it does the work",
            )
        return self._held_until - _clock()

    async def acquire(self) -> None:
        """Wait until this replica leads."""
        while not await self._within(self._try):  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(self._timing.renew * (0.8 + 0.4 * self._jitter()))
        log.info("this replica leads", identity=self.identity, term=self.term)
        self._changed(True)  # noqa: FBT003 - the fact itself

    async def hold(self) -> None:
        """Renew the lease for as long as it can be held.

        Raises:
            LeaseLostError: It cannot any more.
        """
        while True:
            await asyncio.sleep(self._timing.renew)
            await self._within(self._renew)
            if self._held is None:
                self._lose("another replica took the lease")
            if _clock() >= self._renewed_at + self._timing.deadline:
                self._lose(f"it was not renewed for {self._timing.deadline:.3g} s")

    async def release(self) -> None:
        """Give the lease back, once all work has ended. A lease that was lost is left alone."""
        held, self._held = self._held, None
        if held is None:
            return
        self._changed(False)  # noqa: FBT003 - leads or not
        spec = {**held["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}

        async def give_back() -> bool:
            await self._client.replace(LEASE, {**held, "spec": spec})
            return True

        if await self._within(give_back):
            log.info("this replica gave the lease back", identity=self.identity, term=self.term)

    def _lose(self, why: str) -> NoReturn:
        self._held = None
        self._changed(False)  # noqa: FBT003 - leads or not
        log.error("this replica leads no longer", identity=self.identity, term=self.term, why=why)
        raise LeaseLostError(why)

    async def _within(self, attempt: Callable[[], Any]) -> bool:
        """Try once, within the time of one request; a failure is logged and is a no."""
        try:
            async with asyncio.timeout(self._timing.request):
                return bool(await attempt())
        except (GloveboxError, TimeoutError) as error:
            log.warning(
                "the lease could not be read or written, trying again",
                error=str(error) or type(error).__name__,
            )
            return False

    async def _try(self) -> bool:
        """Look at the lease, and take it if nobody holds it."""
        started = _clock()
        try:
            lease = await self._client.get(LEASE, self._namespace, self._name)
        except NotFound:
            if _clock() < self._rival_until:
                # Deleted under whoever holds it, who may write until then without having noticed.
                return False
            lease = {
                "apiVersion": LEASE.api_version,
                "kind": LEASE.kind,
                "metadata": {"namespace": self._namespace, "name": self._name},
            }
            self._take(await self._client.create(LEASE, self._record(lease)), started)
            return True
        if not self._is_free(lease):
            return False
        self._take(await self._client.replace(LEASE, self._record(lease)), started)
        return True

    def _is_free(self, lease: dict[str, Any]) -> bool:
        version = lease["metadata"]["resourceVersion"]
        self._confirmed(int(version))
        if version != self._seen_version:
            self._seen_version, self._seen_at = version, _clock()
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        # Ours without our knowing: the answer to our own write was lost, or this process was killed
        # and started again.
        if holder in ("", self.identity):
            self._rival_until = -math.inf
            return True
        seconds = spec.get("leaseDurationSeconds") or self._timing.lease
        self._rival_until = self._seen_at + max(seconds, self._timing.lease)
        return _clock() >= self._rival_until

    async def _renew(self) -> bool:
        """Renew what is held; when somebody else wrote, look whose it is."""
        assert self._held is not None  # noqa: S101 - only called while it is held
        started = _clock()
        try:
            answer = await self._client.replace(LEASE, self._record(self._held, renewal=True))
        except NotFound:
            self._held = None  # deleted: whoever creates it leads
            return False
        except Conflict:
            lease = await self._client.get(LEASE, self._namespace, self._name)
            if (lease.get("spec") or {}).get("holderIdentity") != self.identity:
                self._held = None
                return False
            started = _clock()
            answer = await self._client.replace(LEASE, self._record(lease, renewal=True))
        self._take(answer, started)
        return True

    def _take(self, answer: dict[str, Any], started: float) -> None:
        self._confirmed(int(answer["metadata"]["resourceVersion"]))
        self._held = answer
        self._renewed_at = started
        self.term = answer["spec"].get("leaseTransitions", 0)

    def _record(self, lease: dict[str, Any], *, renewal: bool = False) -> dict[str, Any]:
        before = lease.get("spec") or {}
        now = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        term = before.get("leaseTransitions") or 0
        spec = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": round(self._timing.lease),
            "acquireTime": before.get("acquireTime", now) if renewal else now,
            "renewTime": now,
            "leaseTransitions": term if renewal else term + 1,
        }
        return {**lease, "spec": spec}


def _clock() -> float:
    return asyncio.get_running_loop().time()
