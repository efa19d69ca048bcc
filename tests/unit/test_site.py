"""The documentation as a site: each page has its place, each link leads somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("how-to", "reference", "explanation", "runbooks", "decisions")


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_page_of_a_folder_lists_each_of_its_pages(folder: str) -> None:
    pages = {path.name for path in (ROOT / "docs" / folder).glob("*.md")} - {"README.md"}
    text = (ROOT / "docs" / folder / "README.md").read_text(encoding="utf-8")

    assert pages - set(re.findall(r"\]\(([^)#/]+\.md)", text)) == set()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_site_is_built_without_a_warning_and_lists_its_pages(tmp_path: Path) -> None:
    built = tmp_path / "site"
    done = subprocess.run(
        ["make", "site", f"SITE={built}", "ARGS=-D repository_url=https://git.example/main"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    listed = set(re.findall(r"^- \[.*?\]\((.*?)\)", (built / "llms.txt").read_text(), re.MULTILINE))
    assert listed >= {
        f"docs/{path.relative_to(ROOT / 'docs').with_suffix('.html')}"
        for path in (ROOT / "docs").rglob("*.md")
        if "examples" not in path.parts
    }
    assert (built / "index.html").exists()
    assert "https://git.example/main/operator/glovebox/store/probes.py" in (
        built / "docs/explanation/stores.html"
    ).read_text(encoding="utf-8")
    assert "runoutofrang" in (built / "searchindex.js").read_text(encoding="utf-8")
