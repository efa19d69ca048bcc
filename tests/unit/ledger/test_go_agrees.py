"""The Go project's own packages (golang.org/x/mod/sumdb/tlog and note) agree with what we write.

The program in `support/ledger_check` reads an exported ledger and a proof with them alone.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from glovebox.jobs.ledger_folder import export_whole, proof_from
from glovebox.ledger.checkpoint import cosign
from glovebox.ledger.note import COSIGNATURE, parse_note, vkey_of
from glovebox.ledger.source import Stored
from support.go_program import built
from support.ledger_logs import LOG_KEY, NOW, WITNESS, ledger_of

WITNESS_KEY = vkey_of("witness.example.com/w1", WITNESS.public, COSIGNATURE)
SIZE, PROVEN = 777, 300

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("ledger_check", "1.25.0", tmp_path_factory.mktemp("ledger_check"))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    ledger = ledger_of(SIZE, 1, 2, 255, 256, 257, 512, 600)
    raw = ledger.heads[SIZE].body
    line = cosign(parse_note(raw).text, WITNESS_KEY.name, WITNESS, NOW).line.encode()
    ledger.heads[SIZE] = Stored(raw + line)
    export_whole(ledger, folder / "ledger")
    proof = proof_from(ledger, raw + line, PROVEN, ledger.stored[PROVEN].body)
    (folder / "proof").write_bytes(proof.encode())
    return folder


def checked(program: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    places = (folder / "ledger", LOG_KEY.text, WITNESS_KEY.text, folder / "proof")
    command = [str(each) for each in (program, *places)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_go_reads_checkpoints_tiles_bundles_proofs_and_cosignatures(
    program: Path, exported: Path
) -> None:
    done = checked(program, exported)
    assert done.stdout.splitlines() == [
        "checkpoint of 777 entries, 2 signatures",
        "root over 777 entries",
        "tiles of 777 entries",
        "8 checkpoints are consistent",
        "proof of entry 300",
    ], done.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ledger/tile/entries/001", "another root"),
        ("ledger/tile/0/001", "tile"),
        ("ledger/checkpoint", "invalid signature"),
        ("ledger/checkpoints/000/000/000/512", "invalid signature"),
        ("proof", ""),
    ],
)
def test_go_refuses_what_was_changed(
    program: Path, exported: Path, tmp_path: Path, name: str, said: str
) -> None:
    shutil.copytree(exported, tmp_path / "copy")
    path = tmp_path / "copy" / name
    raw = bytearray(path.read_bytes())
    raw[100 if name.endswith("001") else 30] ^= 1
    path.write_bytes(raw)
    done = checked(program, tmp_path / "copy")
    assert done.returncode != 0
    assert said in done.stderr
