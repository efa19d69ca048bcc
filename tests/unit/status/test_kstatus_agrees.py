"""The library by which Flux and Helm judge objects agrees with the rules that are written here.

The program in `support/kstatus_check` asks it, and nothing else.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from glovebox.api.kinds import KINDS
from support.go_program import built
from unit.status.test_judges import CASES
from unit.status.test_judges import built as judged

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("kstatus_check", "1.26.0", tmp_path_factory.mktemp("kstatus_check"))


def test_the_library_says_of_every_kind_what_the_table_says(program: Path) -> None:
    objects = [judged(case, kind.kind) for kind in KINDS for case in CASES]
    lines = "".join(f"{json.dumps(obj)}\n" for obj in objects)
    found = subprocess.run(
        [program], input=lines, capture_output=True, text=True, timeout=60, check=False
    )

    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.split() == [
        case.get("library", case["kstatus"]) for _ in KINDS for case in CASES
    ]
