"""A seal as cosign sees it, which is nobody of ours: from the public key and the bytes alone."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from cluster.store.test_seals import PAIR, evidence
from cluster.store.test_verifying import sealed
from glovebox.evidence.signer import new_key_pair
from glovebox.evidence.statement import LIST_NAME, STATEMENT_NAME
from glovebox_local.programs import COSIGN, program_folder
from stores.test_seals import put

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from glovebox.store.connection import Store

pytestmark = pytest.mark.parametrize("running", ["seaweedfs"], indirect=True)
MODEL = b"weights"
# It fetches Sigstore's own roots, in vain here, and goes on: a key that is given needs none.
NO_NETWORK = "http://127.0.0.1:9"


class Cosign:
    """The program, with what it is given in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def verify(self, statement: bytes, blob: bytes, key: str = PAIR.public) -> str:
        """Verify that a statement is of a blob and signed with a key; return what cosign says."""
        given = {"statement": statement, "blob": blob, "key": key.encode()}
        for name, body in given.items():
            (self._folder / name).write_bytes(body)
        options = "--type slsaprovenance1 --insecure-ignore-tlog"
        command = f"verify-blob-attestation --key key --signature statement {options} blob"
        done = subprocess.run(
            [program_folder(COSIGN) / COSIGN.name, *command.split()],
            cwd=self._folder,
            env={**os.environ, "HOME": str(self._folder), "HTTPS_PROXY": NO_NETWORK},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        verified = "Verified OK" in done.stderr
        assert verified is (done.returncode == 0), done.stderr
        return "Verified OK" if verified else done.stderr.strip().rpartition("\n")[2]


@pytest.fixture
def cosign(tmp_path: Path) -> Cosign:
    return Cosign(tmp_path)


@pytest.fixture
async def documents(store: Store, locked_bucket: str) -> Mapping[str, bytes]:
    """What lies in the store for a real run."""
    put(store, locked_bucket, "model.bin", MODEL)
    put(store, locked_bucket, "x y+%25&<", b"odd")
    await sealed(store, locked_bucket)
    return evidence(store, locked_bucket)


def test_cosign_finds_each_artifact_and_the_list_in_what_was_signed(
    cosign: Cosign, documents: Mapping[str, bytes]
) -> None:
    for blob in (MODEL, b"odd", documents[LIST_NAME]):
        assert cosign.verify(documents[STATEMENT_NAME], blob) == "Verified OK"


def test_cosign_refuses_what_was_tampered_with(
    cosign: Cosign, documents: Mapping[str, bytes]
) -> None:
    statement = documents[STATEMENT_NAME]
    assert "no matching subject digest" in cosign.verify(statement, MODEL + b"!")
    edited = json.loads(statement)
    payload = base64.b64decode(edited["payload"])
    assert b"Succeeded" in payload
    edited["payload"] = base64.b64encode(payload.replace(b"Succeeded", b"Succeedee")).decode()
    unsigned = "accepted signatures do not match threshold"
    assert unsigned in cosign.verify(json.dumps(edited).encode(), MODEL)
    assert unsigned in cosign.verify(statement, MODEL, new_key_pair().public)
