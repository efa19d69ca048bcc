"""Which tenant's key is next: start-time fair queueing over namespaces, with room for repairs.

Each tenant has a virtual start time. It is charged a guess when a key is handed out and corrected
by the measured time when the work ends (as API Priority and Fairness does); the lowest start is
served next. A tenant that had nothing waiting joins at the present: it saves nothing up. What it
owes is bounded, because one reconcile of minutes must not lock its tenant out while fifty others
are busy.

Repairs of isolation come before all others, in at most half of the workers while others wait, and
at least one worker can be kept free for them.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from glovebox.engine.lazy_heap import LazyHeap

K = TypeVar("K", bound=Hashable)

# More than this a tenant never owes, in seconds of one worker.
MOST_DEBT_SECONDS: Final = 10.0
# Charged for what has only begun; what it really took is known at its end.
_GUESS_SECONDS: Final = 0.05


@dataclass(slots=True, eq=False)
class Tenant(Generic[K]):
    """The ready keys of one namespace, and what it used."""

    name: str
    start: float
    running: int = 0
    repairs: LazyHeap[K] = field(default_factory=LazyHeap)
    others: LazyHeap[K] = field(default_factory=LazyHeap)

    @property
    def waiting(self) -> int:
        """How many keys are ready."""
        return len(self.repairs) + len(self.others)


@dataclass(frozen=True, slots=True)
class Chosen(Generic[K]):
    """A key that was handed out; `finished` takes it back.

    Attributes:
        repair: Whether it counts against the room for repairs.
    """

    key: K
    tenant: Tenant[K]
    repair: bool


class FairShare(Generic[K]):
    """Ready keys by tenant, and who of them is next.

    Args:
        workers: How many keys may be out at once.
        reserved: How many of the workers only repairs may use.
    """

    def __init__(self, workers: int, reserved: int) -> None:
        if not 0 <= reserved < workers:
            msg = f"of {workers} workers {reserved} cannot be reserved for repairs"
            raise ValueError(msg)
        self._workers = workers
        self._reserved = reserved
        self._half = max(1, workers // 2)
        self._now = 0.0
        self._tenants: dict[str, Tenant[K]] = {}
        self._with_repairs: LazyHeap[Tenant[K]] = LazyHeap()
        self._with_others: LazyHeap[Tenant[K]] = LazyHeap()
        self._in_debt: LazyHeap[Tenant[K]] = LazyHeap()
        self._repairs_out = 0
        self._others_out = 0

    @property
    def tenants(self) -> int:
        """How many tenants are remembered."""
        return len(self._tenants)

    def put(self, key: K, tenant_name: str, rank: float, *, repair: bool) -> None:
        """Make a key ready, or give a ready key another rank; it becomes a repair, never less."""
        tenant = self._tenants.get(tenant_name)
        if tenant is None:
            tenant = self._tenants[tenant_name] = Tenant(tenant_name, self._now)
        if not tenant.waiting:
            self._in_debt.remove(tenant)
            tenant.start = max(tenant.start, self._now)
        if repair:
            tenant.others.remove(key)
            tenant.repairs.put(key, rank)
        else:
            tenant.others.put(key, rank)
        self._rank(tenant)

    def choose(self) -> Chosen[K] | None:
        """Hand out the next key, or None when nothing may start now."""
        if self._repairs_out + self._others_out >= self._workers:
            return None
        repairing = self._with_repairs.first()
        if repairing is not None and self._repairs_out < self._half:
            return self._hand_out(repairing, repairing.repairs, repair=True)
        if self._others_out < self._workers - self._reserved:
            tenant = self._next_of_others()
            if tenant is not None:
                self._now = max(self._now, tenant.start)
                self._forgive()
                return self._hand_out(tenant, tenant.others, repair=False)
        if repairing is not None and not len(self._with_others):
            return self._hand_out(repairing, repairing.repairs, repair=True)
        return None

    def finished(self, chosen: Chosen[K], seconds: float) -> None:
        """Take note that the work on a key ended, and how long it took."""
        tenant = chosen.tenant
        tenant.running -= 1
        if chosen.repair:
            self._repairs_out -= 1
        else:
            self._others_out -= 1
        self._move_on(seconds)
        owed = tenant.start + seconds - _GUESS_SECONDS
        tenant.start = min(owed, self._now + MOST_DEBT_SECONDS)
        self._settle(tenant)
        self._forgive()

    def clear(self) -> None:
        """Take back all ready keys."""
        for tenant in tuple(self._tenants.values()):
            tenant.repairs.clear()
            tenant.others.clear()
            self._settle(tenant)

    def _next_of_others(self) -> Tenant[K] | None:
        """Return the lowest start below the half, or the lowest start if all are at the half."""
        skipped: list[Tenant[K]] = []
        tenant = self._with_others.first()
        while tenant is not None and tenant.running >= self._half:
            # There are two or three of these at most: all that is out is shared among them.
            self._with_others.remove(tenant)
            skipped.append(tenant)
            tenant = self._with_others.first()
        for one in skipped:
            self._with_others.put(one, one.start)
        return tenant if tenant is not None or not skipped else skipped[0]

    def _hand_out(self, tenant: Tenant[K], keys: LazyHeap[K], *, repair: bool) -> Chosen[K]:
        key = keys.first()
        if key is None:
            msg = f"the tenant {tenant.name!r} is listed as waiting and has no ready key"
            raise RuntimeError(msg)
        keys.remove(key)
        tenant.running += 1
        if repair:
            self._repairs_out += 1
        else:
            self._others_out += 1
        tenant.start += _GUESS_SECONDS
        self._rank(tenant)
        return Chosen(key, tenant, repair)

    def _rank(self, tenant: Tenant[K]) -> None:
        for keys, tenants in (
            (tenant.repairs, self._with_repairs),
            (tenant.others, self._with_others),
        ):
            if len(keys):
                tenants.put(tenant, tenant.start)
            else:
                tenants.remove(tenant)

    def _settle(self, tenant: Tenant[K]) -> None:
        self._rank(tenant)
        if tenant.waiting or tenant.running:
            return
        if tenant.start <= self._now:
            del self._tenants[tenant.name]
        else:
            self._in_debt.put(tenant, tenant.start)

    def _move_on(self, seconds: float) -> None:
        """Move the present on by what each active tenant would have got of this time.

        Never while somebody waits: then it moves with who is served next. Work of hours is noticed
        when it ends, and must not put all who waited meanwhile before everybody who comes next.
        """
        if not len(self._with_others):
            self._now += seconds / max(1, len(self._tenants) - len(self._in_debt))

    def _forgive(self) -> None:
        """Forget idle tenants whose debt is paid by now."""
        while (tenant := self._in_debt.first()) is not None and tenant.start <= self._now:
            self._in_debt.remove(tenant)
            del self._tenants[tenant.name]
