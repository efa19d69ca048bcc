"""A key that a service keeps: a stand-in of the signer's interface, and of a service's API."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.signer._signature import Signature
from securesystemslib.signer._signer import SIGNER_FOR_URI_SCHEME, Signer

from glovebox.errors import InvalidInput, Unavailable
from glovebox.evidence.envelope import opened, sign
from glovebox.evidence.keys import read_bundle
from glovebox.store.kms_signer import KmsSigner

SCHEME = "standin"
KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("ours", "other")}


def pem(name: str) -> str:
    key = KEYS[name].public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class StandIn(Signer):
    """A service that keeps `KEYS`, or is down."""

    def __init__(self, name: str, key: Any) -> None:
        self._name, self._key = name, key

    @property
    def public_key(self) -> Any:
        return self._key

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri: str, public_key: Any, *_: Any) -> StandIn:
        return cls(priv_key_uri.partition(":")[2], public_key)

    def sign(self, payload: bytes) -> Signature:
        if self._name == "down":
            raise ConnectionError("https://kms.example/?token=secret")
        made = KEYS[self._name].sign(payload, ec.ECDSA(SHA256()))
        return Signature(self._key.keyid, made.hex())


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIGNER_FOR_URI_SCHEME, SCHEME, StandIn)


def test_a_service_signs_what_its_public_key_verifies() -> None:
    signer = KmsSigner.of(f"{SCHEME}:ours", pem("ours"))
    found = opened(sign(b"{}", signer), read_bundle(pem("ours")))
    assert (found.payload, found.keys[0].key_id) == (b"{}", signer.key_id)


def test_a_service_that_signs_with_another_key_is_found_before_its_signature_is_used() -> None:
    signer = KmsSigner.of(f"{SCHEME}:other", pem("ours"))
    with pytest.raises(Unavailable, match="another key"):
        signer.sign(b"x")


def test_a_service_that_is_down_is_tried_again_and_its_words_are_not_repeated() -> None:
    signer = KmsSigner.of(f"{SCHEME}:down", pem("ours"))
    with pytest.raises(Unavailable, match="did not sign: ConnectionError") as failed:
        signer.sign(b"x")
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    ("uri", "public"),
    [("unknown:x", pem("ours")), ("nothing", pem("ours")), (f"{SCHEME}:ours", "no key")],
)
def test_what_nothing_signs_for_is_no_signing_key(uri: str, public: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        KmsSigner.of(uri, public)
    assert refused.value.reason == "SigningKeyInvalid"


class _Kms(BaseHTTPRequestHandler):
    """The two calls of AWS KMS that its signer makes, over HTTP."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        call = self.headers["X-Amz-Target"].partition(".")[2]
        if call == "GetPublicKey":
            der = KEYS["ours"].public_key()
            answer: dict[str, Any] = {
                "PublicKey": base64.b64encode(
                    der.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
                ).decode(),
                "SigningAlgorithms": ["ECDSA_SHA_256"],
            }
        else:
            digest = base64.b64decode(asked["Message"])
            made = KEYS["ours"].sign(digest, ec.ECDSA(utils.Prehashed(SHA256())))
            answer = {"Signature": base64.b64encode(made).decode()}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def _kms() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Kms)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_signer_of_aws_kms_signs_through_its_api(monkeypatch: pytest.MonkeyPatch) -> None:
    with _kms() as endpoint:
        for name, value in {
            "AWS_ENDPOINT_URL_KMS": endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
        }.items():
            monkeypatch.setenv(name, value)
        signer = KmsSigner.of("awskms:alias/glovebox", pem("ours"))
        found = opened(sign(b"{}", signer), read_bundle(pem("ours")))
    assert found.keys[0].key_id == signer.key_id
