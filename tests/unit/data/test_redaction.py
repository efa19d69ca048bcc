"""No secret is left in what a program said, and what a reader looks for is."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable
from unittest import mock
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data.redaction import REDACTED, last_words, redact, redact_log

KEY_ID = "ASIA" + "Q3EXAMPLE7KEYID5"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjE" + "aB3/x+Zq9" * 40 + "=="
WEB_TOKEN = "eyJhbGciOiJIUzI1NiIs.eyJzdWIiOiIxMjM0NTY3.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIH\nabc\n-----END PRIVATE KEY-----"

# What a program may say, and what must not be left of it; the secret is known to nobody.
SHAPES = {
    "an access key id": (f"denied for {KEY_ID}", KEY_ID),
    "a shared credentials file": (f"aws_secret_access_key = {SECRET}\n", SECRET),
    "a session token in that file": (f"aws_session_token = {TOKEN}\n", TOKEN),
    "an answer of STS": (f"<SecretAccessKey>{SECRET}</SecretAccessKey>", SECRET),
    "its token": (f"<SessionToken>{TOKEN}</SessionToken>", TOKEN),
    "JSON of a credential process": (json.dumps({"SessionToken": TOKEN}), TOKEN),
    "JSON inside JSON": (json.dumps(json.dumps({"SecretAccessKey": SECRET})), SECRET),
    "a Python dict": (str({"aws_session_token": TOKEN}), TOKEN),
    "bytes": (f"token={TOKEN.encode()!r}", TOKEN),
    "an environment": (f"HF_TOKEN=short-one\nDB_PASSWORD={SECRET}", "short-one"),
    "a password in an environment": ("PGPASSWORD=hunter22 psql", "hunter22"),
    "a pass phrase in quotes": ('PASSWORD="correct horse"', "horse"),
    "a name inside of what another names": (f'message="password={SECRET} is wrong"', SECRET),
    "a key alone": (f"it is {SECRET}.", SECRET),
    "a token alone": (f"ExpiredToken: {TOKEN}", TOKEN),
    "a web token": (f"sent {WEB_TOKEN}", WEB_TOKEN),
    "a private key": (f"cannot read\n{PEM}\nat line 2", "MC4CAQAwBQYDK2VwBCIEIH"),
    "a private key that was cut": (PEM[:60], "MC4CAQAwBQYDK2VwBCIEIH"),
    "a header": (f"> Authorization: AWS4-HMAC-SHA256 Credential={KEY_ID}/x, Signature=ab", "=ab"),
    "a bearer": ("curl -H 'x: Bearer abcdefghij'", "abcdefghij"),
    "a presigned address": (
        f"GET /a?X-Amz-Signature=0123ab&X-Amz-Security-Token={TOKEN}",
        "0123ab",
    ),
    "a token in an address": (f"/a?X-Amz-Security-Token={quote(TOKEN, safe='')}&b=1", "IQoJb3Jp"),
    "a password in an address": ("postgres://ml:hunter22@db:5432/x", "hunter22"),
    "a user's token in an address": ("https://ghtoken123456@github.com/x", "ghtoken123456"),
    "a token of GitHub": ("ghp_" + "a1B2" * 9, "a1B2a1B2"),
    "a token of Hugging Face": ("hf_" + "abCD" * 9, "abCDabCD"),
}
# What stays, letter by letter: these are no secrets.
LEFT = {
    "a digest": "pulled registry.example/a/b@sha256:" + "0123456789abcdef" * 4,
    "a UID": "Job 6f9b3c1e-7d1e-4f57-9d7e-2f6a4b1c0d9e failed at 2026-11-25T10:00:00Z",
    "a traceback": 'File "/usr/local/lib/python3.11/site-packages/torch/Module.py", line 3, in f',
    "a long path": "/opt/Conda3/envs/Train/lib/python3/site-packages/MyModel/data/File1",
    "words of machine learning": "max_tokens=512 tokenizer=bpe pad_token=<pad> n_tokens: 3",
    "an address": "endpoint http://store.example:8333/bucket?prefix=a/b and s3://bucket/a/b@c",
    "numbers": "loss=0.123 acc: 0.9 step=100",
}


def redacted(text: str, known: Iterable[str] = ()) -> str:
    return redact(text, known)[0]


@pytest.mark.parametrize("name", SHAPES)
def test_what_has_the_shape_of_a_secret_is_taken_out(name: str) -> None:
    text, secret = SHAPES[name]
    assert secret in text
    left = redacted(text)
    assert secret not in left
    assert REDACTED in left


@pytest.mark.parametrize("name", LEFT)
def test_what_is_no_secret_is_left(name: str) -> None:
    assert redacted(LEFT[name]) == LEFT[name]


@pytest.mark.parametrize(
    "spell",
    [
        str,
        json.dumps,
        lambda known: quote(known, safe=""),
        lambda known: base64.b64encode(known.encode()).decode(),
    ],
)
def test_a_known_secret_is_taken_out_however_it_is_spelt(spell: object) -> None:
    known = 'no shape/"at all"'
    assert callable(spell)
    spelt = spell(known)
    left = redacted(f"<{spelt}> and {spelt}", [known])
    assert known not in left
    assert spelt not in left
    assert left.count(REDACTED) == 2


def test_a_known_secret_that_was_cut_is_taken_out() -> None:
    known = "plain-words-without-any-shape-at-all"
    text = f"{known[10:]} failed, and {known[:20]}"
    assert redacted(text, [known]) == f"{REDACTED} failed, and {REDACTED}"


def test_of_two_secrets_the_longer_goes_first() -> None:
    assert redacted("abcdef-ghijkl", ["abcdef", "abcdef-ghijkl"]) == REDACTED


def test_a_value_too_short_to_be_a_secret_spoils_no_text() -> None:
    assert redacted("a run of a team", ["a", ""]) == "a run of a team"


@given(st.text(), st.text(min_size=6, alphabet=st.characters(categories=["L", "N"])), st.text())
def test_a_known_secret_is_never_left(before: str, secret: str, after: str) -> None:
    left = redacted(before + secret + after, [secret])
    assert secret not in left.replace(REDACTED, "\n") or secret in REDACTED


@given(st.lists(st.sampled_from([*LEFT.values(), *(text for text, _ in SHAPES.values())])))
def test_redacting_twice_changes_nothing(texts: list[str]) -> None:
    once = redacted("\n".join(texts))
    assert redacted(once) == once


@pytest.mark.parametrize(
    "piece",
    ["a", "a=", "://", "://a:", "eyJ", "-eyJaaaaaaaaaaaaa.", "AKIA", "x-", "-----BEGIN A-----"],
)
def test_no_text_takes_long(piece: str) -> None:
    hostile = piece * (200_000 // len(piece))
    begun = time.process_time()
    redacted(hostile, ["abcdefgh123"])
    # A search whose time grows with the square takes minutes.
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param('"%é' * 87_000, id="a long one that no two encodings spell alike"),
        pytest.param("a" * 262_143 + "b", id="one whose pieces occur everywhere in it"),
    ],
)
def test_no_secret_makes_it_take_long(secret: str) -> None:
    """Whoever writes a Secret that stages are given chooses it, and others wait meanwhile."""
    begun = time.process_time()
    redacted("a" * 262_144, [secret])
    # A search for its pieces whose time grows with the square takes a minute and more.
    assert time.process_time() - begun < 5


@given(
    st.text("ab", min_size=9, max_size=60).flatmap(
        lambda secret: st.tuples(
            st.just(secret), st.integers(8, len(secret)), st.integers(8, len(secret))
        )
    )
)
def test_no_piece_of_a_secret_is_left_at_a_cut_however_it_repeats_itself(
    cut: tuple[str, int, int],
) -> None:
    secret, end, beginning = cut
    left = redacted(f"{secret[-end:]} {secret[:beginning]}", [secret])
    assert left.startswith(REDACTED)
    assert left.endswith(REDACTED)


def test_of_a_secret_that_repeats_itself_too_much_is_taken_out_rather_than_too_little() -> None:
    secret = "ab" * 100 + "c"
    assert redacted(f"{'ab' * 60}!", [secret]).startswith(REDACTED)
    assert redacted(f"!{'ba' * 60}", [secret]).endswith(REDACTED)


@given(
    st.lists(
        st.sampled_from(
            [*LEFT.values(), *(text for text, _ in SHAPES.values()), "", "\r", "a=", '"', "Bearer "]
        )
    ),
    st.integers(1, 40),
)
def test_it_makes_no_difference_that_a_text_is_gone_through_by_lines(
    lines: list[str], block: int
) -> None:
    text = "\n".join(lines)
    whole = redact(text)
    with mock.patch("glovebox.data.redaction._BLOCK", block):
        assert redact(text) == whole


def test_each_place_that_was_taken_out_is_counted() -> None:
    text = f"{REDACTED} key={KEY_ID} and key={KEY_ID}"
    assert redact(text) == (f"{REDACTED} key={REDACTED} and key={REDACTED}", 2)
    assert redact("nothing") == ("nothing", 0)


def test_of_a_log_the_end_is_kept_from_a_whole_line_on_and_every_byte_of_it() -> None:
    raw = b"first\n" + b"second \xff\x00\n" + b"third\n"
    assert redact_log(raw, (), 1000) == (raw, 0, False)
    assert redact_log(raw, (), 12) == (b"third\n", 0, True)


def test_no_half_of_a_secret_is_left_where_a_text_is_cut() -> None:
    raw = "x" * 50 + f"\naws_secret_access_key={SECRET}\n" + "y" * 30
    for most in range(10, len(raw)):
        assert SECRET[-5:].encode() not in redact_log(raw.encode(), (), most)[0]
        assert SECRET[-5:] not in last_words(raw, most)


LAST_WORDS = {
    "the end of a traceback": ("Traceback:\n  File\nValueError: no", 16, "\u2026ValueError: no"),
    "no more than that": ("abc" * 100, 6, "\u2026bcabc"),
    "as it is": (" loss is NaN\n", 200, "loss is NaN"),
    "lines as one": ("a\n\tb\r\nc", 200, "a b c"),
    "nothing that paints a terminal": ("a\x1b[31m\u202eb\x9b", 200, "a\ufffd[31m\ufffdb\ufffd"),
}


@pytest.mark.parametrize("why", LAST_WORDS)
def test_the_last_words_of_a_program_are_short_and_plain(why: str) -> None:
    said, most, expected = LAST_WORDS[why]
    assert last_words(said, most) == expected
    assert len(expected) <= most
