"""Searches what was put out for secrets that were in play: whole, in pieces, plain or encoded.

A piece is sixteen characters in a row, so that a message that was cut in the middle of a token is
found as well. What is encoded by base64 (the payload of a statement, a Secret's data), by gzip or
for a URL is decoded and searched, and what is encoded inside of that.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import gzip
import json
import re
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from glovebox.data.redaction import spellings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PIECE = 16
# Which letters keys and tokens are made of; a secret with others is searched for as a whole.
_WORD = re.compile(r"[A-Za-z0-9+/=_.~%-]{16,}")
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_WEB_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}")
# A shorter value of a Secret is in ordinary words.
_SHORTEST = 8
# Encoded in what was encoded in what was put out.
_DEPTH = 3
# In the files of a Secret: `name = value`, JSON, and the values that have a key of their own.
_NAMED = re.compile(
    r"(?:aws_secret_access_key|aws_session_token) *= *(\S+)"
    r'|"(?:SecretAccessKey|SessionToken|Token)": *"([^"]+)"'
)
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n(.*?)-----END", re.DOTALL)
_NO_SECRETS = frozenset({"helm.sh/release.v1"})


class Output(NamedTuple):
    """Something that somebody can read."""

    where: str
    body: bytes


class Leak(NamedTuple):
    """A secret in an output; it does not say the secret itself."""

    where: str
    secret: str
    around: str


class SecretsInPlay:
    """Every secret of a test run, by what it is."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def add(self, name: str, value: str) -> None:
        """Remember a secret."""
        self._names.setdefault(value, name)

    def add_object(self, secret: Mapping[str, Any]) -> None:
        """Remember what is secret in a Secret of the cluster."""
        if secret.get("type") in _NO_SECRETS:
            return
        name = f"Secret {secret['metadata']['namespace']}/{secret['metadata']['name']}"
        for key, encoded in (secret.get("data") or {}).items():
            for value in _values(key, base64.b64decode(encoded).decode("utf-8", "replace")):
                self.add(f"{name} {key}", value)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._names)

    def pieces(self) -> dict[str, str]:
        """Return what to look for in words, and which secret it is of."""
        found: dict[str, str] = {}
        for value, name in list(self._names.items()):
            secret = _secret_part(value)
            for spelt in spellings(secret) if _WORD.fullmatch(secret) else ():
                for start in range(len(spelt) - PIECE + 1):
                    found.setdefault(spelt[start : start + PIECE], name)
        return found

    def wholes(self) -> dict[str, str]:
        """Return what to look for as a whole: it is short, or no word."""
        return {
            spelt: name
            for value, name in list(self._names.items())
            if not _WORD.fullmatch(value)
            for spelt in spellings(value)
        }


def find_leaks(secrets: SecretsInPlay, outputs: Iterable[Output]) -> list[Leak]:
    """Return each output that holds a secret, once for each secret."""
    pieces, wholes = secrets.pieces(), secrets.wholes()
    clean: set[int] = set()
    found: dict[tuple[str, str], Leak] = {}
    for output in outputs:
        whole_text = _text(output.body)
        for text, word in _words(whole_text, clean, _DEPTH):
            start, name = _piece_in(word, pieces)
            if name is None:
                clean.add(hash(word))
            else:
                around = _around(text, text.find(word) + start)
                found.setdefault((output.where, name), Leak(output.where, name, around))
        for whole, name in wholes.items():
            if whole in whole_text:
                around = _around(whole_text, whole_text.find(whole), len(whole))
                found.setdefault((output.where, name), Leak(output.where, name, around))
    return list(found.values())


def _values(key: str, text: str) -> list[str]:
    if "-----BEGIN CERTIFICATE-----" in text:
        return []
    if pem := _PEM.search(text):
        return [line for line in pem[1].split("\n") if line]
    if named := [first or second for first, second in _NAMED.findall(text)]:
        return named
    # An identifier, a certificate, and where a session comes from are no secrets.
    public = key in {"accessKeyId", "ca.crt", "namespace", "public.pem"} or key.startswith("config")
    return [text.strip()] if len(text.strip()) >= _SHORTEST and not public else []


def _secret_part(value: str) -> str:
    """Of a web token everybody can make header and claims: without its signature it opens nothing.

    They hold names of buckets and roles, which are in other outputs by right.
    """
    return value.rpartition(".")[2] if _WEB_TOKEN.fullmatch(value) else value


def _words(text: str, clean: set[int], depth: int) -> Iterator[tuple[str, str]]:
    """Yield words that were not found clean before, and where they stand, decoded ones as well."""
    for word in set(_WORD.findall(text)):
        if hash(word) in clean:
            continue
        yield text, word
        if not depth:
            continue
        if "%" in word and (plain := unquote(word)) != word:
            yield from _words(plain, clean, depth - 1)
        for encoded in _ENCODED.findall(word):
            for decoded in _decoded(encoded):
                yield from _words(decoded, clean, depth - 1)


def _decoded(word: str) -> Iterator[str]:
    bare = word.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        yield _text(base64.b64decode(bare + "=" * (-len(bare) % 4)))
    except (binascii.Error, ValueError):
        return


def _text(body: bytes) -> str:
    if body[:2] == b"\x1f\x8b":
        with contextlib.suppress(OSError, EOFError, zlib.error):
            body = gzip.decompress(body)
    return body.decode("latin-1")


def _piece_in(word: str, pieces: Mapping[str, str]) -> tuple[int, str | None]:
    for start in range(len(word) - PIECE + 1):
        name = pieces.get(word[start : start + PIECE])
        if name is not None:
            return start, name
    token = _WEB_TOKEN.search(word)
    if token is not None:
        # A session that was never in a Secret: the store's own are such tokens.
        return token.start(), "a web token that is in no Secret"
    return 0, None


def _around(text: str, start: int, length: int = PIECE) -> str:
    """Return some letters before and after, in which no letter of the secret is."""
    before = text[max(0, start - 60) : start]
    after = re.sub(r"^[A-Za-z0-9+/=_.~%-]*", "", text[start + length :][:400])[:30]
    return json.dumps(f"{before}***{after}")
