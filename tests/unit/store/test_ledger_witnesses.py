"""A witness that is asked may be hostile: what it sends must not harm the ledger that asks it."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from glovebox.errors import InvalidInput
from glovebox.ledger.checkpoint import cosign
from glovebox.ledger.note import COSIGNATURE, Signature, vkey_of
from glovebox.ledger.policy import Policy, Witness, parse_policy
from glovebox.ledger.witness import SIZE_TYPE
from glovebox.store.connection import Stop
from glovebox.store.ledger_witnesses import ask_witness
from support.ledger_logs import NOW, SIGNER, WITNESS
from support.ledger_stores import BASE, FIRST, Ledgers, locks_below, stand_in

NAME = "witness.example.com/w1"
KEY = vkey_of(NAME, WITNESS.public, COSIGNATURE)
LOG = vkey_of(f"{BASE}/1", SIGNER.public)
# Given to the checkpoint's text; the body of its answer.
Lines = Callable[[str], bytes]


class Asking:
    """A ledger with one head, and a witness that answers whatever a test wants."""

    def __init__(self) -> None:
        self.ledgers = Ledgers(*stand_in(lambda: NOW)[1:])
        self.ledgers.init()
        writer = self.ledgers.writer()
        self.ledgers.append(writer, 0, 1, 2)
        writer.publish(Stop())

    def ask(self, lines: Lines, *, status: int = 200, kind: str = "text/plain") -> datetime:
        with serving(lines, status, kind) as url:
            known = Witness(KEY, url)
            return ask_witness(self.ledgers.place, FIRST, 3, LOG, known, Stop(), now=NOW)

    def ask_locked(self, until: datetime) -> None:
        with serving(signed, 200, "text/plain") as url:
            known = Witness(KEY, url)
            ask_witness(self.ledgers.place, FIRST, 3, LOG, known, Stop(), until, now=NOW)

    def kept(self) -> list[bytes]:
        below = f"{FIRST.prefix}cosignatures/"
        rows = self.ledgers.store.s3.list_objects_v2(Bucket="artifacts", Prefix=below)
        return [
            self.ledgers.store.s3.get_object(Bucket="artifacts", Key=row["Key"])["Body"].read()
            for row in rows.get("Contents", [])
        ]

    def findings(self) -> list[str]:
        text = f"log {LOG.text}\nwitness w1 {KEY.text}\nquorum w1\n"
        policy: Policy = parse_policy(text.encode())
        return [each.what for each in self.ledgers.verify(policy=policy).findings]


@pytest.fixture
def asking() -> Asking:
    return Asking()


@contextmanager
def serving(lines: Lines, status: int, kind: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"])).decode()
            text = request.partition("\n\n")[2].rpartition("\n\n")[0] + "\n"
            body = lines(text)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def signed(text: str, moment: datetime = NOW) -> bytes:
    return cosign(text, NAME, WITNESS, moment).line.encode()


def forged(name: str, key_id: bytes, length: int) -> bytes:
    return Signature(name, key_id, bytes(length)).line.encode()


@pytest.mark.parametrize(
    "beside",
    [
        forged(f"{BASE}/1", LOG.key_id, 64),  # condemns a note whose log it names
        b"".join(forged("x", number.to_bytes(4, "big"), 8) for number in range(1, 64)),
        forged("x", b"xxxx", 40000),
    ],
    ids=["a signature of the log that fails", "as many as a note may have", "a long one"],
)
def test_what_a_witness_sends_beside_its_signature_is_not_kept(
    asking: Asking, beside: bytes
) -> None:
    assert asking.ask(lambda text: beside + signed(text)) == NOW
    (kept,) = asking.kept()
    assert (kept.count(b"\n"), kept.startswith(f"\u2014 {NAME} ".encode())) == (1, True)
    assert asking.findings() == []


def test_a_signature_over_more_than_the_checkpoint_is_none(asking: Asking) -> None:
    """It holds for a note that ends elsewhere: the log's signature would be part of its text."""

    def longer(text: str) -> bytes:
        raw = SIGNER.sign(text.encode())
        line = f"\u2014 {BASE}/1 {base64.b64encode(LOG.key_id + raw).decode()}\n"
        return b"more\n\n" + signed(f"{text}\n{line}more\n")

    with pytest.raises(InvalidInput, match="does not hold"):
        asking.ask(longer)
    assert asking.kept() == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (lambda _: b"", "signature"),
        (lambda _: b"\xff\xfe\n", "not UTF-8"),
        (lambda text: signed(text)[:-1], "without signatures"),
        (lambda text: signed(text + "x\n"), "does not hold"),
        (lambda _: forged(NAME, KEY.key_id, 3), "does not hold"),
        (lambda _: forged("x", b"xxxx", 64), "does not sign with its key"),
        (lambda text: signed(text, NOW + timedelta(days=36500)), "correct the clock"),
        (lambda text: signed(text, NOW - timedelta(days=1)), "correct the clock"),
    ],
)
def test_what_is_no_signature_of_now_is_not_kept(asking: Asking, lines: Lines, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        asking.ask(lines)
    assert (refused.value.reason, asking.kept()) == ("LedgerNotWitnessed", [])
    assert NAME in refused.value.message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"9" * 60000, "no size that it knows"),
        (b"-1", "no size that it knows"),
        (b"\x1b[2J\xff", "no size that it knows"),
        (b"4", "it knows 4 entries, and this head has 3"),
        (b"1", "it answers 409"),  # again and again
    ],
)
def test_a_size_that_cannot_be_is_refused_in_plain_words(
    asking: Asking, body: bytes, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        asking.ask(lambda _: body, status=409, kind=SIZE_TYPE)
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 300


def test_a_signature_is_locked_like_the_rest(asking: Asking) -> None:
    until = NOW + timedelta(days=900)
    asking.ask_locked(until)
    locks = locks_below(asking.ledgers.place, f"{FIRST.prefix}cosignatures/")
    assert locks == [("Compliance", until)]


def test_asked_again_the_first_answer_stands(asking: Asking) -> None:
    """As after a crash: the signature that is kept says when the head was known."""
    asking.ask(signed)
    later = NOW + timedelta(minutes=5)
    assert asking.ask(lambda text: signed(text, later)) == NOW
    assert asking.kept()[0] in signed(checkpoint_text(asking))


def checkpoint_text(asking: Asking) -> str:
    raw = asking.ledgers.store.s3.get_object(Bucket="artifacts", Key=FIRST.checkpoint(3))
    return str(raw["Body"].read().decode().rpartition("\n\n")[0]) + "\n"
