"""What commands print of seals and ledgers, letter by letter: pairs in `golden/evidence/`.

`GLOVEBOX_GOLDEN=write` writes what is printed now; then read what changed as if it were code.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner

from glovebox.cli.main import app
from glovebox.evidence.signer import LocalSigner
from glovebox.jobs.ledger_folder import export_whole
from glovebox.ledger.entry import Kind, StatedObject
from support.ledger_logs import LOG_KEY, event, ledger_of, pem_of
from unit.cli.test_verify import bundle
from unit.evidence.test_verification import ARTIFACTS, artifact

Json = dict[str, Any]
FOLDER: Final = Path(__file__).parent / "golden" / "evidence"
WRITE: Final = os.environ.get("GLOVEBOX_GOLDEN") == "write"
CASES: Final[list[Json]] = yaml.safe_load((FOLDER / "cases.yaml").read_text(encoding="utf-8"))
KEY: Final = pem_of(7)
STATED: Final = StatedObject(".glovebox/seals/uid-3/attestation.dsse.json", "v1", "cd" * 32)
HIDDEN: Final = [
    artifact("archived.bin", sha256="", unreadable="Archived"),
    artifact("open.txt", lock_mode="", retain_until_time=""),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seals and ledgers, whole and not, below one folder."""
    folder = tmp_path_factory.mktemp("evidence")
    _seal(folder / "seal", ARTIFACTS)
    _seal(folder / "doubtful", [*ARTIFACTS, *HIDDEN])
    _seal(folder / "edited", ARTIFACTS)
    shutil.copy(folder / "doubtful" / "artifacts.jsonl", folder / "edited" / "artifacts.jsonl")
    ledger = ledger_of(3, 2, 3)
    ledger.append(event(3, Kind.SEALED, objects=(STATED,)))
    ledger.publish()
    export_whole(ledger, folder / "ledger")
    (folder / "policy").write_text(f"log {LOG_KEY.text}\nquorum none\n")
    shutil.copytree(folder / "ledger", folder / "cut")
    entries = folder / "cut" / "tile" / "entries" / "000.p" / "4"
    entries.write_bytes(entries.read_bytes().replace(b"Requested", b"Repeatedd"))
    return folder


def _seal(folder: Path, artifacts: list[Any]) -> None:
    folder.mkdir()
    bundle(folder, artifacts, pair_private=KEY)
    (folder / "keys.pem").write_text(LocalSigner.of(KEY).public)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_command_prints_what_it_printed(
    case: Json, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    done = CliRunner().invoke(app, case["typed"].split(), color=False)
    assert done.exit_code == case["code"], done.output
    path = FOLDER / f"{case['name']}.txt"
    if WRITE:
        path.write_text(done.output, encoding="utf-8")
    assert done.output == path.read_text(encoding="utf-8")


def test_each_file_is_of_a_case() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {case["name"] for case in CASES}
