"""Secrets that are printed by accident stay out of a log; whatever else is in it stays as it is."""

from __future__ import annotations

import time

import pytest

from glovebox.data.redaction import REDACTED, redact, redact_log

SECRETS = {
    "an access key of a session": "using ASIAABCDEFGHIJKLMNOP for s3",
    "a secret key by its name": "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "a session token by its name": "'SessionToken': 'abcdefghijklmnop1234'",
    "a token in a query": "GET /x?X-Amz-Security-Token=abcdefghijkl&X-Amz-Date=20261126",
    "a token of STS": "token IQoJb3JpZ2luX2VjEPT//////////wEaCXVzLWVhc3Qt",
    "a JSON web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3In0.abc-def_g",
    "a private key": "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\nafter",
    "a private key that was cut": "-----BEGIN EC PRIVATE KEY-----\nMC4CAQAw",
    "a bearer token": "Authorization: Bearer abcdefghijklmnopqrstu",
    "a password in a URL": "postgres://me:hunter2hunter2@db/flights",
    "a password by its name": 'PASSWORD="correct horse"',
    "a token of a forge": "ghp_" + "a1B2" * 9,
}


@pytest.mark.parametrize("why", SECRETS)
def test_what_has_the_shape_of_a_secret_is_taken_out(why: str) -> None:
    text, found = redact(SECRETS[why])
    assert found >= 1
    assert REDACTED in text
    for part in ("hunter2", "wJalr", "MC4C", "abcdefghijkl", "IQoJ", "eyJzdWIi", "ASIA", "a1B2"):
        assert part not in text
    if why == "a private key":
        assert text == f"{REDACTED}\nafter"


PLAIN = (
    "epoch 3 loss=0.0123 maxTokens: 4096 tokenizer=bert pad_token=<pad>",
    "commit 3f2c9d0e1a2b3c4d5e6f708192a3b4c5d6e7f809",
    "s3://bucket/team/exp/0b1c/model.bin sha256:" + "0" * 64,
    "see https://docs.example/a:b/c@d",
)


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_none_stays_as_it_is(text: str) -> None:
    assert redact(text) == (text, 0)


def test_a_secret_that_is_known_is_found_however_a_url_spells_it() -> None:
    text, found = redact("one k/ey+value= two k%2Fey%2Bvalue%3D", ["k/ey+value=", "short"])
    assert (text, found) == (f"one {REDACTED} two {REDACTED}", 2)


def test_the_end_is_kept_from_a_whole_line_on_and_every_byte_of_it() -> None:
    raw = b"first\n" + b"second \xff\x00\n" + b"third\n"
    assert redact_log(raw, (), 1000) == (raw, 0, False)
    assert redact_log(raw, (), 12) == (b"third\n", 0, True)


def test_no_half_of_a_secret_is_left_where_a_log_is_cut() -> None:
    raw = b"x" * 50 + b"\n" + b"aws_secret_access_key=" + b"s" * 40 + b"\n" + b"y" * 30
    for most in range(20, len(raw)):
        body, _, _ = redact_log(raw, (), most)
        assert b"sssss" not in body


HOSTILE = (
    "eyJ" * 300_000,
    "password" * 120_000,
    "token=" * 160_000,
    "bearer " * 140_000,
    "-----BEGIN PRIVATE KEY-----" * 35_000,
    "://a" * 250_000,
    "://" + "a" * 1_000_000,
    "a-" * 500_000,
    "secret" + " " * 1_000_000,
    "IQoJb3JpZ2lu" * 80_000,
    "hf_" * 300_000,
)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12])
def test_no_log_takes_long_whatever_its_author_writes(text: str) -> None:
    began = time.process_time()
    redact(text)
    assert time.process_time() - began < 5
