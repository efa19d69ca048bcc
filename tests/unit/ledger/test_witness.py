"""A witness signs what continues what it signed before, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from glovebox.ledger.checkpoint import Checkpoint, Head, cosigned_times, sign_checkpoint
from glovebox.ledger.note import COSIGNATURE, Note, parse_note, vkey_of
from glovebox.ledger.tree import consistency_proof, leaf_hash, nodes_of
from glovebox.ledger.witness import Answer, Witness, request_of
from support.ledger_logs import LOG_KEY, NOW, ORIGIN, OTHER, SIGNER, WITNESS, ledger_of

NAME = "witness.example.com/w1"
KEY = vkey_of(NAME, WITNESS.public, COSIGNATURE)
LEDGER = ledger_of(8, 3, 5)
NODES = nodes_of(leaf_hash(LEDGER.stored[index].body) for index in range(8))


class Remembering:
    """A witness with its state in memory."""

    def __init__(self) -> None:
        self.state: dict[str, bytes] = {}
        self.witness = Witness(NAME, WITNESS, [LOG_KEY], lambda: NOW)

    def ask(self, body: bytes) -> Answer:
        answer = self.witness.add_checkpoint(body, self.state.get)
        if answer.kept is not None:
            self.state[answer.origin] = answer.kept
        return answer

    def grow(self, old: int, new: int) -> Answer:
        return self.ask(asked(old, new))


def asked(old: int, new: int, raw: bytes | None = None) -> bytes:
    proof = consistency_proof(old, new, NODES) if old <= new else []
    return request_of(old, proof, raw or LEDGER.heads[new].body)


def test_a_log_that_grows_is_signed_and_each_signature_has_the_time() -> None:
    witness = Remembering()
    for old, new in ((0, 3), (3, 5), (5, 5), (5, 8)):
        answer = witness.grow(old, new)
        assert (answer.status, answer.content_type) == (200, "text/plain")
        note = parse_note(LEDGER.heads[new].body + answer.body.encode())
        assert cosigned_times(note, [KEY]) == {KEY: NOW}
    assert witness.state[ORIGIN].startswith(f"{ORIGIN}\n8\n".encode())


def test_what_is_kept_has_the_logs_signature_and_the_witness_own_and_no_strangers() -> None:
    witness = Remembering()
    stranger = "\u2014 stranger.example AAAAAAAAAAAA\n".encode()
    witness.ask(asked(0, 3, LEDGER.heads[3].body + stranger))
    names = [each.name for each in parse_note(witness.state[ORIGIN]).signatures]
    assert names == [ORIGIN, NAME]


def test_the_known_size_is_told_where_another_one_is_asked_from() -> None:
    witness = Remembering()
    assert witness.grow(3, 5).body == "0\n"
    witness.grow(0, 5)
    for old in (0, 3):
        answer = witness.grow(old, 8)
        told = (answer.status, answer.body, answer.content_type)
        assert told == (409, "5\n", "text/x.tlog.size")
    assert witness.grow(0, 3).status == 409, "a rollback is no growth"


def other_history(size: int) -> bytes:
    head = Head(size, bytes(32))
    return sign_checkpoint(Checkpoint(ORIGIN, head), SIGNER)


def broken_signature() -> bytes:
    note = parse_note(LEDGER.heads[8].body)
    (good,) = note.signatures
    return Note(note.text, (good, type(good)(good.name, good.key_id, bytes(64)))).encode()


@pytest.mark.parametrize(
    ("make", "status", "reason"),
    [
        (lambda: asked(5, 8, other_history(8)), 422, "the log's own key, and another history"),
        (lambda: asked(5, 5, other_history(5)), 422, "another root at the same size"),
        (lambda: request_of(5, [bytes(32)], LEDGER.heads[8].body), 422, "a wrong proof"),
        (lambda: request_of(5, [], LEDGER.heads[8].body), 422, "no proof"),
        (lambda: request_of(5, [bytes(32)], LEDGER.heads[5].body), 422, "a proof of nothing"),
        (lambda: request_of(8, [], LEDGER.heads[5].body), 400, "an old size beyond the new one"),
        (lambda: b"old 05\n\n" + LEDGER.heads[8].body, 400, "a leading zero"),
        (lambda: b"new 5\n\n" + LEDGER.heads[8].body, 400, "no old size"),
        (lambda: b"5\n\n" + LEDGER.heads[8].body, 400, "a size that does not say of what"),
        (lambda: request_of(5, [bytes(32)] * 63, LEDGER.heads[8].body), 422, "63 wrong hashes"),
        (lambda: request_of(5, [bytes(32)] * 64, LEDGER.heads[8].body), 400, "64 hashes"),
        (lambda: b"old 5\nnothing\n\n" + LEDGER.heads[8].body, 400, "a line that is no hash"),
        (lambda: b"", 400, "nothing"),
        (lambda: b"old 5\n\nno note", 400, "no note"),
        (lambda: b"\xff\n\n", 400, "no text"),
        (
            lambda: asked(5, 8, sign_checkpoint(Checkpoint("other/1", Head(8, bytes(32))), SIGNER)),
            404,
            "a log that it does not know",
        ),
        (
            lambda: asked(5, 8, sign_checkpoint(Checkpoint(ORIGIN, Head(8, bytes(32))), OTHER)),
            403,
            "another key under the log's name",
        ),
        (lambda: asked(5, 8, broken_signature()), 403, "one failing signature among good ones"),
    ],
)
def test_nothing_else_is_signed_or_kept(
    make: Callable[[], bytes], status: int, reason: str
) -> None:
    witness = Remembering()
    witness.grow(0, 5)
    before = dict(witness.state)
    answer = witness.ask(make())
    assert (answer.status, answer.kept, witness.state) == (status, None, before), reason
    assert "\u2014" not in answer.body
    assert witness.grow(5, 8).status == 200, "and it goes on with what is right"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (request_of(0, [bytes(32)], LEDGER.heads[3].body), 422, "from size 0 has to be empty"),
        (b"old 0", 400, "an empty line, and a checkpoint"),
    ],
    ids=["a proof of what needs none", "no empty line"],
)
def test_who_asks_is_answered_what_is_wrong(body: bytes, status: int, said: str) -> None:
    answer = Remembering().ask(body)
    assert (answer.status, said in answer.body) == (status, True)


@pytest.mark.parametrize(("root", "status"), [(bytes(32), 422), (None, 200)])
def test_a_checkpoint_of_nothing_has_the_root_of_nothing(root: bytes | None, status: int) -> None:
    raw = ledger_of(0).publish() if root is None else other_history(0)
    assert Remembering().ask(request_of(0, [], raw)).status == status
