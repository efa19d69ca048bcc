"""Notes, checkpoints, cosignatures: the specifications' own examples, and what must be refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from glovebox.errors import InvalidInput
from glovebox.evidence.signer import new_key_pair
from glovebox.ledger.checkpoint import (
    Checkpoint,
    Head,
    cosign,
    cosigned_times,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from glovebox.ledger.note import (
    COSIGNATURE,
    Note,
    matching,
    parse_note,
    parse_signatures,
    parse_vkey,
    vkey_of,
)
from support.ledger_logs import LOG_KEY, ORIGIN, OTHER, SIGNER, WITNESS, refused

# c2sp.org/signed-note, "Example".
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = """\
This is an example message.

\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKu\
wHjG1Yu72IneyaQM=
""".encode()
# golang.org/x/mod/sumdb/note, the documentation of the package.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_EXAMPLE = """\
If you think cryptography is the answer to your problem,
then you don't know what your problem is.

\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotp\
RZb6KE6RyyBwJnAM=
""".encode()
HEAD = Head(43, bytes(range(32)))
CHECKPOINT = Checkpoint(ORIGIN, HEAD)
SIGNED = sign_checkpoint(CHECKPOINT, SIGNER)
WITNESS_KEY = vkey_of("witness.example.com/w1", WITNESS.public, COSIGNATURE)
MOMENT = datetime(2026, 11, 25, 12, 0, 7, tzinfo=UTC)


@pytest.mark.parametrize(("vkey", "raw"), [(VKEY, EXAMPLE), (PETER, GO_EXAMPLE)])
def test_the_examples_of_others_verify_and_no_edited_one_does(vkey: str, raw: bytes) -> None:
    key, note = parse_vkey(vkey), parse_note(raw)
    ((found, signature),) = matching(note, [key])
    assert found.text == vkey
    assert key.is_signature(signature.signature, note.text.encode())
    assert not key.is_signature(signature.signature, note.text.encode() + b"!")
    assert note.encode() == raw


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"text\n", "no signatures"),
        (b"text\n\n", "no signatures either"),
        (b"text\n\n- a AAAAAAA=\n", "a hyphen is no dash"),
        ("text\n\n\u2014 a AAAAAAA=".encode(), "no line feed at the end"),
        ("text\n\n\u2014 a b AAAAAAA=\n".encode(), "a name with a space"),
        ("text\n\n\u2014 a+b AAAAAAA=\n".encode(), "a name with a plus"),
        ("text\n\n\u2014 a AAAA\n".encode(), "shorter than a key id"),
        ("text\n\n\u2014 a AAAAAAB=\n".encode(), "loose bits: another spelling"),
        ("te\txt\n\n\u2014 a AAAAAAA=\n".encode(), "a control character"),
        ("te\rxt\n\n\u2014 a AAAAAAA=\n".encode(), "a carriage return"),
        (b"\xff\n\n\xe2\x80\x94 a AAAAAAA=\n", "no UTF-8"),
        (b"text\n\n" + "\u2014 a AAAAAAA=\n".encode() * 65, "too many signatures"),
        (b"x" * (1 << 20) + b"\n", "too long"),
    ],
)
def test_what_is_not_written_as_a_note_is_refused(raw: bytes, reason: str) -> None:
    refused(reason, lambda: parse_note(raw))


def test_sixteen_signatures_of_strangers_are_no_hindrance() -> None:
    line = "\u2014 stranger.example AAAAAAAAAAAA\n".encode()
    assert open_checkpoint(SIGNED + line * 16, [LOG_KEY]).head == HEAD


@pytest.mark.parametrize(
    "text",
    [
        "name",
        "name+00000000+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        VKEY.replace("foo", "bar"),
        VKEY.replace("example.com/foo", "exa mple"),
        "example.com/foo+530d903a+",
        "example.com/foo+530d903a+AgkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_what_is_no_vkey_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_vkey(text)


def test_a_signed_checkpoint_opens_with_its_key_and_is_the_same_bytes_each_time() -> None:
    opened = open_checkpoint(SIGNED, [LOG_KEY])
    assert (opened.checkpoint, opened.key) == (CHECKPOINT, LOG_KEY)
    assert sign_checkpoint(CHECKPOINT, SIGNER) == SIGNED


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (SIGNED.replace(b"\n43\n", b"\n44\n"), "another size"),
        (SIGNED.replace(b"/acme/1\n43", b"/acme/2\n43"), "another origin"),
        (sign_checkpoint(CHECKPOINT, OTHER), "another key"),
        (SIGNED.split(b"\n\n")[0] + b"\n\n" + EXAMPLE.split(b"\n\n")[1], "a stranger's signature"),
    ],
)
def test_a_checkpoint_that_the_log_did_not_sign_is_refused(raw: bytes, reason: str) -> None:
    error = refused(reason, lambda: open_checkpoint(raw, [LOG_KEY]))
    assert "cannot be believed" in error.message


def test_one_failing_signature_of_a_known_key_condemns_the_note() -> None:
    note = parse_note(SIGNED)
    (good,) = note.signatures
    bad = type(good)(good.name, good.key_id, bytes(64))
    for signatures in ((good, bad), (bad, good)):
        with pytest.raises(InvalidInput, match="does not hold"):
            open_checkpoint(Note(note.text, signatures).encode(), [LOG_KEY])


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n43\n",
        f"{ORIGIN}\n043\n{HEAD.root_text}\n",
        f"{ORIGIN}\n-1\n{HEAD.root_text}\n",
        f"{ORIGIN}\n\u0664\n{HEAD.root_text}\n",
        f"{ORIGIN}\n99999999999999999999\n{HEAD.root_text}\n",
        f"{ORIGIN}\n43\n{HEAD.root_text[:-4]}\n",
        f"\n43\n{HEAD.root_text}\n",
        f"{ORIGIN}\n43\n{HEAD.root_text}",
        f"{ORIGIN}\n43\n{HEAD.root_text}\n\nmore\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_checkpoint(text)


def test_a_witness_signs_with_a_time_that_cannot_be_changed() -> None:
    line = cosign(CHECKPOINT.text, WITNESS_KEY.name, WITNESS, MOMENT).line.encode()
    opened = open_checkpoint(SIGNED + line, [LOG_KEY])
    assert cosigned_times(opened.note, [WITNESS_KEY]) == {WITNESS_KEY: MOMENT}
    assert cosigned_times(opened.note, []) == {}
    (signature,) = parse_signatures(line)
    later = type(signature)(
        signature.name, signature.key_id, bytes(7) + b"\x09" + signature.signature[8:]
    )
    with pytest.raises(InvalidInput, match="witness"):
        cosigned_times(Note(CHECKPOINT.text, (later,)), [WITNESS_KEY])


def test_a_key_that_is_not_ed25519_signs_no_ledger() -> None:
    with pytest.raises(InvalidInput, match="cannot name a key"):
        vkey_of("with space", new_key_pair().public)
