"""Policies and proofs: what is enough, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from glovebox.errors import InvalidInput
from glovebox.evidence.signer import LocalSigner
from glovebox.ledger.checkpoint import cosign
from glovebox.ledger.note import COSIGNATURE, vkey_of
from glovebox.ledger.policy import judge, parse_policy
from glovebox.ledger.proof import Proof, check_proof, parse_proof
from glovebox.ledger.tree import inclusion_proof, leaf_hash, nodes_of
from support.ledger_logs import LOG_KEY, POLICY, ledger_of, pem_of

WITNESSES = {f"w{n}": LocalSigner.of(pem_of(10 + n)) for n in range(1, 6)}
KEYS = {name: vkey_of(f"example/{name}", s.public, COSIGNATURE) for name, s in WITNESSES.items()}
LINES = "".join(f"witness {name} {key.text}\n" for name, key in KEYS.items())
TWO_OF_THREE = f"""\
# a comment, and an empty line

\tlog {LOG_KEY.text} https://ledger.example.com
{LINES}
group X 2 w1 w2 w3
group Y any w4 w5
group both all X Y
quorum both
""".encode()
LEDGER = ledger_of(8)
RAW = LEDGER.heads[8].body
LEAVES = [leaf_hash(LEDGER.stored[index].body) for index in range(8)]


def cosigned(*names: str) -> bytes:
    text = RAW.decode().rpartition("\n\n")[0] + "\n"
    moment = datetime(2026, 11, 25, tzinfo=UTC)
    lines = [cosign(text, f"example/{name}", WITNESSES[name], moment).line for name in names]
    return RAW + "".join(lines).encode()


@pytest.mark.parametrize(
    ("names", "is_met"),
    [
        ((), False),
        (("w1", "w2"), False),
        (("w1", "w4"), False),
        (("w4", "w5"), False),
        (("w1", "w3", "w5"), True),
        (("w1", "w2", "w3", "w4", "w5"), True),
        (("w1", "w1", "w4"), False),
    ],
)
def test_a_quorum_of_groups_counts_each_witness_once(names: tuple[str, ...], is_met: bool) -> None:  # noqa: FBT001 - a column of the table
    accepted = judge(cosigned(*names), parse_policy(TWO_OF_THREE))
    assert (accepted.is_met, set(accepted.cosigned)) == (is_met, set(names))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"", "no quorum"),
        (b"quorum a\n", "line 1"),
        (b"quorum none\nquorum none\n", "line 2"),
        (f"log {KEYS['w1'].text}\nquorum none\n".encode(), "line 1"),
        (f"witness a {LOG_KEY.text}\nquorum none\n".encode(), "line 1"),
        (f"log {LOG_KEY.text}\nlog {LOG_KEY.text}\nquorum none\n".encode(), "line 2"),
        (f"{LINES}witness w1 {KEYS['w1'].text}\nquorum none\n".encode(), "line 6"),
        (f"{LINES}group none any w1\nquorum none\n".encode(), "line 6"),
        (f"{LINES}group g 3 w1 w2\nquorum g\n".encode(), "line 6"),
        (f"{LINES}group g 0 w1 w2\nquorum g\n".encode(), "line 6"),
        (f"{LINES}group g any\nquorum g\n".encode(), "line 6"),
        (f"{LINES}group g any later\nquorum g\n".encode(), "line 6"),
        (f"{LINES}group g any w1\ngroup h any w1\nquorum h\n".encode(), "line 7"),
        (f"{LINES}group g any g\nquorum g\n".encode(), "line 6"),
        (b"quorum none\r\n", "line 1"),
        (b"quorum none extra\n", "line 1"),
        (b"trust everybody\n", "line 1"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_line(text: bytes, place: str) -> None:
    with pytest.raises(InvalidInput, match=place):
        parse_policy(text)


def test_names_are_octets_and_need_not_be_unicode() -> None:
    text = LINES.encode().replace(b"witness w1 ", b"witness \xff ") + b"quorum \xff\n"
    assert not parse_policy(text).is_met(["w2"])


def proof_of(index: int) -> Proof:
    path = inclusion_proof(index, 8, nodes_of(LEAVES))
    return Proof(index, tuple(path), RAW, LEDGER.stored[index].body)


@pytest.mark.parametrize("index", range(8))
def test_a_proof_is_read_back_and_holds_for_its_entry_alone(index: int) -> None:
    proof = parse_proof(proof_of(index).encode())
    assert proof == proof_of(index)
    assert check_proof(proof, proof.extra, POLICY).opened.head.size == 8
    other = LEDGER.stored[(index + 1) % 8].body
    with pytest.raises(InvalidInput, match="does not lead"):
        check_proof(proof, other, POLICY)


def test_a_proof_without_enough_witnesses_is_refused() -> None:
    proof = proof_of(3)
    with pytest.raises(InvalidInput, match="asks for both") as refused:
        check_proof(proof, proof.extra, parse_policy(TWO_OF_THREE))
    assert refused.value.reason == "LedgerNotWitnessed"
    enough = Proof(3, proof.hashes, cosigned("w1", "w2", "w5"), proof.extra)
    assert check_proof(enough, proof.extra, parse_policy(TWO_OF_THREE)).is_met


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"c2sp.org/tlog-proof@v1", b"c2sp.org/tlog-proof@v2"),
        (b"index 3", b"index 03"),
        (b"index 3\n", b""),
        (b"extra ", b"extra !"),
        (b"\n\n", b"\nnot base64\n\n"),
        (b"\n\n", b"\n"),
    ],
)
def test_what_is_no_proof_is_refused(old: bytes, new: bytes) -> None:
    raw = proof_of(3).encode()
    with pytest.raises(InvalidInput):
        check_proof(parse_proof(raw.replace(old, new, 1).replace(b"\n\n", new, 0)), b"", POLICY)
    assert old in raw
