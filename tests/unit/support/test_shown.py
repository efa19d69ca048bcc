"""What a run of the tests says at its end, and that nothing is skipped where nothing may be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.shown import Outcomes, not_shown, read_capabilities

ROOT = Path(__file__).parents[3]
PAGE = """
| A3 | nothing yet | not yet |

**A1** a namespace of its own

- `tests/unit/test_one.py`

**A2** routes closed

- `tests/node/test_two.py::test_packets`
- `tests/unit/test_one.py`
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small repository with a page and two files of tests."""
    for folder in ("unit", "node"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
    (tmp_path / "tests/unit/test_one.py").write_text(
        "def test_a() -> None: ...\nasync def test_b() -> None: ...\ndef helper() -> None: ...\n"
    )
    (tmp_path / "tests/node/test_two.py").write_text("def test_packets() -> None: ...\n")
    return tmp_path


def outcomes(**ended: str) -> Outcomes:
    """Every test passed, but for what is said."""
    found = Outcomes()
    where = {"a": "tests/unit/test_one.py", "b": "tests/unit/test_one.py"}
    for name in ("a", "b", "packets"):
        node_id = f"{where.get(name, 'tests/node/test_two.py')}::test_{name}"
        outcome = ended.get(name, "passed")
        if outcome != "not run":
            found.add(f"{node_id}[first case]", "passed")
            found.add(f"{node_id}[second case]", outcome)
    return found


@pytest.mark.parametrize(
    ("ended", "lines"),
    [
        pytest.param({}, [], id="all passed"),
        pytest.param(
            {"packets": "skipped"},
            ["A2 routes closed: 2 of 3 tests passed (tests/node/test_two.py: 1 skipped)"],
            id="one case was skipped",
        ),
        pytest.param(
            {"a": "not run", "b": "failed", "packets": "skipped"},
            [
                (
                    "A1 a namespace of its own: 0 of 2 tests passed"
                    " (tests/unit/test_one.py: 1 not run, 1 failed)"
                ),
                (
                    "A2 routes closed: 0 of 3 tests passed (tests/node/test_two.py: 1 skipped;"
                    " tests/unit/test_one.py: 1 not run, 1 failed)"
                ),
            ],
            id="one was deselected, one failed, one was skipped",
        ),
    ],
)
def test_a_capability_is_not_shown_unless_each_of_its_tests_passed(
    tree: Path, ended: dict[str, str], lines: list[str]
) -> None:
    assert not_shown(read_capabilities(PAGE, tree), outcomes(**ended)) == lines


def test_of_a_part_only_what_was_skipped_or_failed_is_missing(tree: Path) -> None:
    ended = outcomes(a="not run", b="not run", packets="skipped")
    assert not_shown(read_capabilities(PAGE, tree), ended, whole=False) == [
        "A2 routes closed: 0 of 1 tests passed (tests/node/test_two.py: 1 skipped)"
    ]


def test_the_page_has_rows_that_name_tests() -> None:
    capabilities = read_capabilities((ROOT / "docs" / "capabilities.md").read_text())
    assert len(capabilities) > 20
    assert all(capability.tests for capability in capabilities)


@pytest.mark.parametrize(("required", "code"), [("1", 1), ("0", 0)])
def test_a_skipped_test_fails_where_a_node_is_required(
    tmp_path: Path, required: str, code: int
) -> None:
    (tmp_path / "test_skips.py").write_text(
        "import pytest\n@pytest.mark.skip(reason='no node')\ndef test_it(): ...\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "support.shown",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [*command, f"--rootdir={tmp_path}", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), "GLOVEBOX_REQUIRE_NODE": required},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert ("GLOVEBOX_REQUIRE_NODE=1 says that it must run: Skipped: no node" in done.stdout) == (
        required == "1"
    )


def test_expectations_are_not_written_in_continuous_integration() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/golden/test_golden.py"],
        cwd=ROOT,
        env={**os.environ, "CI": "true", "GLOVEBOX_GOLDEN": "write"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "refused where CI is set" in done.stderr


def test_the_group_that_workers_write_behind_a_name_does_not_count() -> None:
    found = Outcomes()
    found.add("tests/node/test_two.py::test_packets@node", "passed")
    assert found.of("tests/node/test_two.py::test_packets") == "passed"
