"""The seal as programs see it that are not ours: openssl, and securesystemslib's DSSE."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer._key import SSlibKey

from glovebox.evidence.envelope import pre_authentication_encoding
from glovebox.evidence.keys import trusted
from glovebox.evidence.signer import new_key_pair
from unit.evidence.test_verification import ARTIFACTS, PAIR, SNAPSHOT, sealed


def _key_of_theirs(pem: str) -> SSlibKey:
    return SSlibKey.from_crypto(load_pem_public_key(pem.encode()), keyid=trusted(pem).key_id)


def test_securesystemslib_agrees_with_the_envelope() -> None:
    envelope = Envelope.from_dict(json.loads(sealed(ARTIFACTS)[0]))
    key = _key_of_theirs(PAIR.public)
    assert envelope.verify([key], 1) == {key.keyid: key}
    statement = json.loads(envelope.payload)
    snapshot = statement["predicate"]["buildDefinition"]["resolvedDependencies"][0]
    assert snapshot["digest"] == {"sha256": hashlib.sha256(SNAPSHOT).hexdigest()}


def test_securesystemslib_refuses_what_was_tampered_with() -> None:
    document = json.loads(sealed(ARTIFACTS)[0])
    payload = base64.b64decode(document["payload"]).replace(b"Succeeded", b"Succeedee")
    document["payload"] = base64.b64encode(payload).decode()
    with pytest.raises(VerificationError):
        Envelope.from_dict(document).verify([_key_of_theirs(PAIR.public)], 1)


def test_securesystemslib_refuses_another_key() -> None:
    envelope = Envelope.from_dict(json.loads(sealed(ARTIFACTS)[0]))
    with pytest.raises(VerificationError):
        envelope.verify([_key_of_theirs(new_key_pair().public)], 1)


def _openssl(folder: Path, envelope: bytes) -> str:
    document = json.loads(envelope)
    payload = base64.b64decode(document["payload"])
    (folder / "key.pem").write_text(PAIR.public)
    (folder / "signature").write_bytes(base64.b64decode(document["signatures"][0]["sig"]))
    (folder / "signed").write_bytes(pre_authentication_encoding(document["payloadType"], payload))
    arguments = "-verify -pubin -inkey key.pem -rawin -in signed -sigfile signature"
    done = subprocess.run(
        ["openssl", "pkeyutl", *arguments.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.skipif(
    shutil.which("openssl") is None,
    reason="NOT TESTED: no openssl: as root, `glovebox local packages` brings it",
)
def test_openssl_agrees_with_the_signature(tmp_path: Path) -> None:
    assert "Signature Verified Successfully" in _openssl(tmp_path, sealed(ARTIFACTS)[0])
    other = sealed(ARTIFACTS, new_key_pair().private)[0]
    assert "Signature Verified Successfully" not in _openssl(tmp_path, other)
