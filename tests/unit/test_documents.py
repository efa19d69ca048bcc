"""What the pages show is true of the code: declarations are valid, pictures are as described."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from glovebox import names
from glovebox.api.kinds import KINDS
from glovebox.cli.manifests import read_documents
from glovebox_local.demo.stories.script import STORIES

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
_BLOCK = re.compile(r"^```yaml\n(.*?)^```|<<YAML\n(.*?)^YAML$", re.MULTILINE | re.DOTALL)
# Where a page leaves digits out.
_LEFT_OUT = re.compile(r"sha256:[0-9a-f]*\.\.\.")
_MODELS = {kind.kind: kind.model for kind in KINDS}
_CHAPTERS = [chapter.title for story in STORIES.values() for chapter in story]


def declarations(text: str) -> list[dict[str, Any]]:
    """Return the whole resources of ours that a page shows; fragments without a name are none."""
    blocks = (
        _LEFT_OUT.sub("sha256:" + "0" * 64, each[1] or each[2]) for each in _BLOCK.finditer(text)
    )
    return [
        obj
        for block in blocks
        for obj in read_documents(Path("block"), block)  # as kubectl does
        if isinstance(obj, dict) and obj.get("apiVersion") == names.API_VERSION
    ]


SHOWN = [
    pytest.param(obj, id=f"{page.name}-{obj['kind']}-{obj['metadata']['name']}")
    for page in PAGES
    for obj in declarations(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("obj", SHOWN)
def test_a_declaration_that_a_page_shows_is_valid(obj: dict[str, Any]) -> None:
    _MODELS[obj["kind"]].model_validate(obj)


PROFILES = [each for each in SHOWN if "-IsolationProfile-" in str(each.id)]


@pytest.mark.parametrize("obj", PROFILES)
def test_a_whole_profile_that_a_page_shows_approves_an_image_and_says_how_long_is_locked(
    obj: dict[str, Any],
) -> None:
    """Without `images` none is approved; without `retention` a year, more than buckets lock."""
    assert obj["spec"].get("images")
    assert obj["spec"].get("retention")


def test_the_pages_show_declarations_and_a_wrong_one_would_be_refused() -> None:
    (shown,) = declarations(
        "```yaml\napiVersion: glovebox.dev/v1alpha1\nkind: DatasetPin\nmetadata: {name: a}\n"
        "spec: {stoerRef: {name: primary}}\n```\n"
    )

    assert len(SHOWN) >= 5
    with pytest.raises(ValidationError):
        _MODELS[shown["kind"]].model_validate(shown)


def test_the_pictures_are_drawn_from_their_descriptions() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "img" / "draw.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_the_quickstart_is_read_in_ten_minutes() -> None:
    """What is not needed for the first look belongs to a guide: it was 405 lines once."""
    assert len((ROOT / "docs" / "quickstart.md").read_text().splitlines()) <= 120


def test_the_page_of_the_stories_names_each_chapter_of_each_story() -> None:
    page = (ROOT / "docs" / "how-to" / "play-the-stories.md").read_text()
    shown = re.findall(r"^\| ([^|]+?) \|", page, re.MULTILINE)

    assert [each for each in shown if each in _CHAPTERS] == _CHAPTERS
    assert all(f'make demo ARGS="--story {story}"' in page for story in STORIES)
