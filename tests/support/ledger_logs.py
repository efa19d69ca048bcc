"""A ledger in memory: made as the writer makes it, and open to every kind of tampering."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from glovebox.errors import InvalidInput
from glovebox.evidence.signer import LocalSigner
from glovebox.ledger.checkpoint import Checkpoint, Head, sign_checkpoint
from glovebox.ledger.commitments import Person
from glovebox.ledger.cosignatures import Said
from glovebox.ledger.entry import Event, Kind, Subject, digest_of_bytes, encode_entry
from glovebox.ledger.findings import LedgerReport
from glovebox.ledger.genesis import Genesis, encode_genesis
from glovebox.ledger.note import vkey_of
from glovebox.ledger.policy import Policy, logs_alone
from glovebox.ledger.source import Lock, Stored
from glovebox.ledger.tiles import Edge, Tile
from glovebox.ledger.timestamps import StampedHead
from glovebox.ledger.tree import leaf_hash
from glovebox.ledger.verification import LedgerDemand, verify_ledger

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ORIGIN = "ledger.example.com/acme/1"
ACTOR = Person("alice@example.com", bytes(32)).commitment


def pem_of(number: int) -> str:
    """Return a private key that is the same in every run."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


SIGNER = LocalSigner.of(pem_of(1))
OTHER = LocalSigner.of(pem_of(2))
WITNESS = LocalSigner.of(pem_of(3))
LOG_KEY = vkey_of(ORIGIN, SIGNER.public)
POLICY = logs_alone(LOG_KEY)


def event(number: int, kind: Kind = Kind.BIND, **changes: object) -> Event:
    """Return an event that differs from others by its number alone."""
    made = Event(
        id=str(UUID(int=number)),
        kind=kind,
        time=NOW + timedelta(seconds=number),
        actor=ACTOR,
        subject=Subject("Experiment", f"uid-{number}", digest_of_bytes(str(number).encode())),
        details={"reason": "Requested"},
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]  # a test's own fields


def refused(reason: str, call: Callable[[], object]) -> InvalidInput:
    """Return the error that a call is refused with; fail with the reason why it has to be."""
    try:
        call()
    except InvalidInput as error:
        return error
    pytest.fail(f"it was taken: {reason}")


class MemoryLedger:
    """The objects of one epoch, as `Source` has them; every part may be changed.

    Args:
        signer: Of the log.
        origin: Its name.
        lock_days: As the genesis states it; 0 for objects of which no lock is known.
        created: When it was made, as the genesis says.
    """

    def __init__(
        self,
        signer: LocalSigner = SIGNER,
        origin: str = ORIGIN,
        lock_days: int = 0,
        created: datetime = NOW,
    ) -> None:
        self.signer, self.origin = signer, origin
        self.lock: Lock | None = None
        if lock_days:
            self.lock = Lock("Compliance", f"{NOW + timedelta(days=400):%Y-%m-%dT%H:%M:%SZ}")
        key = vkey_of(origin, signer.public)
        made = Genesis("acme", 1, origin, key.text, created, lock_days)
        self.first: Stored | None = Stored(encode_genesis(made, signer), lock=self.lock)
        self.stored: dict[int, Stored] = {}
        self.heads: dict[int, Stored] = {}
        self.tiles: dict[str, bytes] = {}
        self.others: list[str] = []
        self.said: list[Said] = []
        self.stamps: list[StampedHead] = []
        self.edge = Edge()
        self.where = "memory"

    def append(self, *events: Event) -> None:
        """Append events."""
        for each in events:
            index = len(self.stored)
            assert self.first is not None
            before = self.stored[index - 1].body if index else self.first.body
            body = encode_entry(each, index, digest_of_bytes(before), each.time)
            self.stored[index] = Stored(body, lock=self.lock)

    def publish(self) -> bytes:
        """Sign the present head, with its tiles; return the checkpoint."""
        for index in range(self.edge.size, len(self.stored)):
            self._keep(self.edge.add(leaf_hash(self.stored[index].body)))
        self._keep(list(self.edge.partial()))
        head = Head(self.edge.size, self.edge.root())
        raw = sign_checkpoint(Checkpoint(self.origin, head), self.signer)
        self.heads[head.size] = Stored(raw, lock=self.lock)
        return raw

    def replace(self, index: int, body: bytes) -> None:
        """Put other bytes in an entry's place."""
        self.stored[index] = dataclasses.replace(self.stored[index], body=body)

    def copy(self) -> MemoryLedger:
        """Return a ledger that is changed on its own."""
        return copy.deepcopy(self)

    def verify(
        self, *remembered: bytes, policy: Policy = POLICY, now: datetime = NOW
    ) -> LedgerReport:
        """Verify it."""
        return verify_ledger(self, LedgerDemand(policy, now, remembered))

    def found(self, *remembered: bytes) -> list[tuple[str, str]]:
        """Return what is found, and where."""
        return [(each.what, each.where) for each in self.verify(*remembered).findings]

    def _keep(self, tiles: list[tuple[Tile, bytes]]) -> None:
        self.tiles |= {tile.path: body for tile, body in tiles}

    # -- as a source

    def genesis(self) -> Stored | None:
        """See `Source`."""
        return self.first

    def entries(self) -> Iterator[tuple[int, Stored]]:
        """See `Source`."""
        return iter(sorted(self.stored.items()))

    def checkpoints(self) -> list[tuple[int, Stored]]:
        """See `Source`."""
        return list(self.heads.items())

    def said_of_heads(self) -> list[Said]:
        """See `Source`."""
        return self.said

    def stamped_heads(self) -> list[StampedHead]:
        """See `Source`."""
        return self.stamps

    def tile(self, tile: Tile) -> bytes | None:
        """See `Source`."""
        return self.tiles.get(tile.path) or self.tiles.get(tile.full.path)

    def strangers(self) -> list[str]:
        """See `Source`."""
        return self.others


def ledger_of(count: int, *published: int, lock_days: int = 0) -> MemoryLedger:
    """Return a ledger with so many entries, and checkpoints at these sizes and at its end."""
    made = MemoryLedger(lock_days=lock_days)
    for number in range(count):
        made.append(event(number))
        if number + 1 in (*published, count):
            made.publish()
    return made
