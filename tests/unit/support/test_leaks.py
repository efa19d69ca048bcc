"""The search for secrets finds each, however it is put out, and nothing else."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
from urllib.parse import quote

import pytest

from support.leaks import PIECE, Output, SecretsInPlay, find_leaks

KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYq2tB8x0ZkL"
SIGNATURE = "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
CLAIMS = (
    base64.urlsafe_b64encode(b'{"role":"arn:aws:iam::000000000000:role/x"}').decode().rstrip("=")
)
TOKEN = f"eyJhbGciOiJIUzI1NiJ9.{CLAIMS}.{SIGNATURE}"
PHRASE = 'a "pass phrase"'


def envelope(text: str) -> bytes:
    """Return a statement as it is signed: its payload is base64."""
    return json.dumps({"payload": base64.b64encode(text.encode()).decode()}).encode()


SPELT = {
    "as it is": KEY.encode(),
    "in a line of JSON": json.dumps({"a": 1, "message": f"denied: {KEY}."}).encode(),
    "in an address": f"GET /?token={quote(KEY, safe='')}&x=1".encode(),
    "as base64": base64.b64encode(KEY.encode()),
    "in base64, wherever it begins": base64.b64encode(f"ab{KEY}c".encode()),
    "in a statement": envelope(json.dumps({"subject": KEY})),
    "in a statement in a statement": envelope(envelope(KEY).decode()),
    "compressed": gzip.compress(f"log: {KEY}".encode()),
    "its beginning, where a text was cut": f"denied: {KEY[:PIECE]}".encode(),
    "its end, where a text was cut": f"{KEY[-PIECE:]} is wrong".encode(),
    "beside bytes that are no text": b"\xff\x00" + KEY.encode() + b"\xff",
}


def in_play() -> SecretsInPlay:
    found = SecretsInPlay()
    found.add("the key", KEY)
    found.add("the token", TOKEN)
    found.add("the phrase", PHRASE)
    return found


@pytest.mark.parametrize("how", SPELT)
def test_a_secret_is_found_however_it_is_put_out(how: str) -> None:
    (leak,) = find_leaks(in_play(), [Output("log", b"before"), Output("log", SPELT[how])])
    assert (leak.where, leak.secret) == ("log", "the key")
    assert KEY[:PIECE] not in leak.around
    assert KEY[-PIECE:] not in leak.around


@pytest.mark.parametrize("text", [TOKEN, f"signed {SIGNATURE}", f"{TOKEN[:-4]}"])
def test_a_web_token_is_found_by_what_makes_it_valid(text: str) -> None:
    (leak,) = find_leaks(in_play(), [Output("log", text.encode())])
    assert leak.secret == "the token"


def test_a_web_token_that_nobody_knew_is_found_by_its_shape() -> None:
    unknown = f"eyJhbGciOiJIUzI1NiJ9.{CLAIMS}.{secrets.token_urlsafe(32)}"
    (leak,) = find_leaks(SecretsInPlay(), [Output("log", f"sent {unknown}".encode())])
    assert leak.secret == "a web token that is in no Secret"


def test_what_is_no_word_is_found_as_a_whole() -> None:
    for text in (PHRASE, json.dumps({"a": PHRASE})):
        (leak,) = find_leaks(in_play(), [Output("log", text.encode())])
        assert leak.secret == "the phrase"


def test_each_secret_is_told_once_for_each_output() -> None:
    outputs = [Output("one", f"{KEY} {KEY} {PHRASE}".encode()), Output("two", KEY.encode())]
    found = {(leak.where, leak.secret) for leak in find_leaks(in_play(), outputs)}
    assert found == {("one", "the key"), ("one", "the phrase"), ("two", "the key")}


@pytest.mark.parametrize(
    "text",
    [
        "sha256:" + "0123456789abcdef" * 4,
        f"{KEY[: PIECE - 1]} is no piece that says much",
        f"claims that others have: {CLAIMS}",
        "eyJhbGciOiJIUzI1NiJ9 is how every web token begins",
        "",
    ],
)
def test_what_is_no_secret_is_not_found(text: str) -> None:
    assert find_leaks(in_play(), [Output("log", text.encode())]) == []


def secret(kind: str = "Opaque", **data: str) -> dict[str, object]:
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {"type": kind, "metadata": {"namespace": "a", "name": "b"}, "data": encoded}


HELD = {
    "a file of credentials": (
        secret(credentials=f"[default]\naws_access_key_id = AKIA\naws_secret_access_key = {KEY}\n"),
        [KEY],
    ),
    "a session": (
        secret(session=json.dumps({"SecretAccessKey": KEY, "Token": TOKEN, "Expiration": "2026"})),
        [KEY, TOKEN],
    ),
    "the keys of a store": (secret(accessKeyId="AKIAAAAAAAAA", secretAccessKey=KEY), [KEY]),
    "a private key": (
        secret(private=f"-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n"),
        [KEY],
    ),
    "something else": (secret(anything=KEY), [KEY]),
    "a release of helm": (secret("helm.sh/release.v1", release=KEY), []),
    "what is too short to be one": (secret(a="b"), []),
    "a configuration": (secret(config="[default]\nregion = us-east-1\n"), []),
}


@pytest.mark.parametrize("what", HELD)
def test_what_is_secret_in_a_secret_of_the_cluster(what: str) -> None:
    obj, expected = HELD[what]
    found = SecretsInPlay()
    found.add_object(obj)
    assert len(found) == len(expected)
    for value in expected:
        assert find_leaks(found, [Output("log", value.encode())])
