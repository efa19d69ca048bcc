"""A witness that is asked may be hostile: what it sends must not harm the ledger that asks it."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from glovebox.errors import InvalidInput
from glovebox.jobs.ledger_folder import FolderSource, export_whole
from glovebox.ledger.checkpoint import cosign
from glovebox.ledger.cosignatures import MOST_BYTES
from glovebox.ledger.note import COSIGNATURE, Signature, vkey_of
from glovebox.ledger.policy import Policy, Witness, parse_policy
from glovebox.ledger.verification import LedgerDemand, verify_ledger
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

    @property
    def policy(self) -> Policy:
        return parse_policy(f"log {LOG.text}\nwitness w1 {KEY.text}\nquorum w1\n".encode())

    def found(self) -> list[tuple[str, str]]:
        report = self.ledgers.verify(policy=self.policy)
        return [(each.what, each.where) for each in report.findings]

    def findings(self) -> list[str]:
        return [what for what, _ in self.found()]


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


# -- what others put where a witness's signature has to be


def put(asking: Asking, path: str, body: bytes) -> str:
    asking.ledgers.store.s3.put_object(Bucket="artifacts", Key=FIRST.prefix + path, Body=body)
    return path


OTHER_ID = b"\xab\xcd\xef\x01"


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"junk",
        b"\xff\xfe\n",
        forged("x", b"xxxx", 64),
        forged("x", OTHER_ID, 64) + forged("y", OTHER_ID, 64),
        b"more\n\n" + forged("x", OTHER_ID, 64),
        forged("x", OTHER_ID, 9000),
        b"\0" * (3 << 20),
    ],
    ids=[
        "nothing",
        "no signature",
        "no text",
        "of another key than its place",
        "two of them",
        "a text before it",
        "longer than any",
        "megabytes",
    ],
)
def test_what_is_no_signature_condemns_no_checkpoint_and_is_told(
    asking: Asking, junk: bytes, tmp_path: Path
) -> None:
    asking.ask(signed)
    path = put(asking, f"cosignatures/000/000/000/003/{OTHER_ID.hex()}", junk)
    assert asking.found() == [("CosignatureInvalid", path)]
    # An export of it is as good as one without.
    export_whole(asking.ledgers.source(), tmp_path / "out")
    report = verify_ledger(FolderSource(tmp_path / "out"), LedgerDemand(asking.policy, NOW))
    assert report.findings == []
    assert report.newest is not None
    assert set(report.newest.cosigned) == {"w1"}


def test_a_false_signature_in_a_witness_s_place_condemns_no_checkpoint_and_is_told(
    asking: Asking, tmp_path: Path
) -> None:
    """It names the witness's key, and was there first."""
    own = KEY.key_id.hex()
    path = put(asking, f"cosignatures/000/000/000/003/{own}", forged(NAME, KEY.key_id, 72))
    with pytest.raises(InvalidInput, match="does not hold"):
        asking.ask(signed)
    # It is not witnessed; that it lost entries, or that its log signed nothing, is not said.
    assert asking.found() == [
        ("CosignatureInvalid", path),
        ("NotWitnessed", "checkpoints/000/000/000/003"),
    ]
    export_whole(asking.ledgers.source(), tmp_path / "out")
    report = verify_ledger(FolderSource(tmp_path / "out"), LedgerDemand(asking.policy, NOW))
    assert [each.what for each in report.findings] == ["CosignatureInvalid", "NotWitnessed"]


def test_no_more_than_the_beginning_of_such_an_object_is_read(asking: Asking) -> None:
    put(asking, f"cosignatures/000/000/000/003/{OTHER_ID.hex()}", b"\0" * (3 << 20))
    (said,) = asking.ledgers.source().said_of_heads()
    assert len(said.raw) == MOST_BYTES + 1


def test_more_signatures_than_a_note_may_have_keep_no_witness_s_from_counting(
    asking: Asking,
) -> None:
    asking.ask(signed)
    for number in range(80):
        key_id = number.to_bytes(4, "big")
        put(asking, f"cosignatures/000/000/000/003/{key_id.hex()}", forged("x", key_id, 72))
    assert asking.found() == []
