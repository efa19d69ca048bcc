"""`glovebox witness` over HTTP: the specification's answers, and a state that outlives it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from glovebox.cli.witness_server import WitnessState, serve
from glovebox.errors import InvalidInput
from glovebox.ledger.checkpoint import Checkpoint, Head, sign_checkpoint
from glovebox.ledger.note import COSIGNATURE, vkey_of
from glovebox.ledger.policy import Witness as KnownWitness
from glovebox.ledger.policy import parse_policy
from glovebox.ledger.tree import consistency_proof, leaf_hash, nodes_of
from glovebox.ledger.witness import Witness, request_of
from glovebox.store.connection import Stop
from glovebox.store.ledger_witnesses import ask_witness
from support.ledger_logs import LOG_KEY, NOW, ORIGIN, SIGNER, WITNESS, ledger_of
from support.ledger_stores import BASE, FIRST, Ledgers, stand_in

NAME = "witness.example.com/w1"
KEY = vkey_of(NAME, WITNESS.public, COSIGNATURE)
LEDGER = ledger_of(8, 3, 5)
NODES = nodes_of(leaf_hash(LEDGER.stored[index].body) for index in range(8))
HASH = hashlib.sha256(ORIGIN.encode()).hexdigest()


class Asking:
    """A witness that listens, and one who asks it."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session, self.url = session, url

    async def post(self, body: bytes) -> tuple[int, str, str]:
        async with self.session.post(f"{self.url}/add-checkpoint", data=io.BytesIO(body)) as answer:
            return answer.status, answer.content_type, await answer.text()

    async def grow(self, old: int, new: int) -> tuple[int, str, str]:
        proof = consistency_proof(old, new, NODES)
        return await self.post(request_of(old, proof, LEDGER.heads[new].body))

    async def kept(self, name: str = HASH) -> tuple[int, str]:
        async with self.session.get(f"{self.url}/{name}/checkpoint") as answer:
            return answer.status, await answer.text()


def listening(folder: Path) -> object:
    return serve(Witness(NAME, WITNESS, [LOG_KEY], lambda: NOW), folder, "127.0.0.1", 0)


@pytest.fixture
async def asking(tmp_path: Path) -> AsyncIterator[Asking]:
    async with (
        listening(tmp_path) as port,  # type: ignore[attr-defined]
        aiohttp.ClientSession() as session,
    ):
        yield Asking(session, f"http://127.0.0.1:{port}")


async def test_it_answers_as_the_specification_says(asking: Asking) -> None:
    assert (await asking.kept())[0] == 404
    status, kind, line = await asking.grow(0, 3)
    assert (status, kind) == (200, "text/plain")
    assert line.startswith(f"\u2014 {NAME} ")
    assert await asking.grow(0, 5) == (409, "text/x.tlog.size", "3\n")
    assert (await asking.grow(3, 5))[0] == 200
    forked = sign_checkpoint(Checkpoint(ORIGIN, Head(5, bytes(32))), SIGNER)
    assert (await asking.post(request_of(5, [], forked)))[0] == 422
    assert (await asking.post(b"nonsense"))[0] == 400
    assert (await asking.post(b"x" * (2 << 20)))[0] == 413
    status, text = await asking.kept()
    assert (status, text.startswith(f"{ORIGIN}\n5\n"), NAME in text) == (200, True, True)
    assert (await asking.kept("0" * 64))[0] == 404


async def test_what_it_signed_is_known_after_a_restart(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        async with listening(tmp_path) as port:  # type: ignore[attr-defined]
            await Asking(session, f"http://127.0.0.1:{port}").grow(0, 5)
        async with listening(tmp_path) as port:  # type: ignore[attr-defined]
            again = Asking(session, f"http://127.0.0.1:{port}")
            assert await again.grow(0, 8) == (409, "text/x.tlog.size", "5\n")
            assert (await again.grow(5, 8))[0] == 200


async def test_a_signature_that_could_not_be_kept_is_not_given(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(WitnessState, "keep", full)
        status, _, text = await asking.grow(0, 3)
        assert (status, "\u2014" in text) == (500, False)
    assert (await asking.kept())[0] == 404


async def test_a_second_witness_on_the_same_state_ends(asking: Asking, tmp_path: Path) -> None:
    assert asking.url
    with pytest.raises(InvalidInput, match="another witness"):
        async with listening(tmp_path):  # type: ignore[attr-defined]
            pass


async def test_a_state_that_is_damaged_is_no_beginning(tmp_path: Path) -> None:
    (tmp_path / HASH).write_bytes(b"damaged")
    with pytest.raises(InvalidInput):
        async with listening(tmp_path):  # type: ignore[attr-defined]
            pass


async def test_a_writer_has_its_heads_signed_and_kept_beside_them(tmp_path: Path) -> None:
    ledgers = Ledgers(*stand_in(lambda: NOW)[1:])
    ledgers.init()
    writer = ledgers.writer()
    log = vkey_of(f"{BASE}/1", SIGNER.public)
    made = Witness(NAME, WITNESS, [log], lambda: NOW)
    policy = parse_policy(f"log {log.text}\nwitness w1 {KEY.text}\nquorum w1\n".encode())
    async with serve(made, tmp_path, "127.0.0.1", 0) as port:
        known = KnownWitness(KEY, f"http://127.0.0.1:{port}")

        async def ask(size: int) -> None:
            await ledgers.store_call(
                lambda: ask_witness(ledgers.place, FIRST, size, log, known, Stop(), now=NOW)
            )

        ledgers.append(writer, 0, 1, 2)
        writer.publish(Stop())
        assert [each.what for each in ledgers.verify(policy=policy).findings] == ["NotWitnessed"]
        await ask(3)
        ledgers.append(writer, 3, 4)
        writer.publish(Stop())
        await ask(5)
        report = ledgers.verify(policy=policy)
        assert report.findings == []
        assert report.newest is not None
        assert report.newest.cosigned == {"w1": NOW}
        with pytest.raises(InvalidInput, match="it knows 5 entries, and this head has 3"):
            await ask(3)


def test_what_it_signed_is_on_the_disk_before_it_is_in_its_place_and_then_the_place_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut must not bring back what it had signed more than: it would sign a fork."""
    done: list[tuple[str, str]] = []
    replaced = Path.replace

    def synced(descriptor: int) -> None:
        what = Path(f"/proc/self/fd/{descriptor}").readlink()
        body = what.read_text() if what.is_file() else "the folder"
        done.append(("synced", body))

    def replace(self: Path, target: Path) -> Path:
        done.append(("replaced", self.read_text()))
        return replaced(self, target)

    state = WitnessState(tmp_path)
    monkeypatch.setattr("os.fsync", synced)
    monkeypatch.setattr(Path, "replace", replace)
    state.keep(ORIGIN, b"head")
    assert done == [("synced", "head"), ("replaced", "head"), ("synced", "the folder")]
    state.close()


async def test_nothing_is_signed_that_could_not_be_kept(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await asking.grow(0, 3))[0] == 200
    with monkeypatch.context() as full:

        def fails(_: int) -> None:
            raise OSError(28, "No space left on device")

        full.setattr("os.fsync", fails)
        status, _, said = await asking.grow(3, 5)
        assert status == 500
        assert NAME not in said
    assert (await asking.grow(0, 5)) == (409, "text/x.tlog.size", "3\n")
    assert (await asking.grow(3, 5))[0] == 200
