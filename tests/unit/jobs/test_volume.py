from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from glovebox.data.manifest import DigestSource, Entry
from glovebox.errors import InvalidInput
from glovebox.jobs.volume import Volume
from support.deep_folders import folders_below


def volume(tmp_path: Path) -> Volume:
    made = Volume(tmp_path)
    made.prepare(["train"])
    return made


def modes(top: Path) -> dict[str, int]:
    return {str(path.relative_to(top)): path.stat().st_mode & 0o777 for path in top.rglob("*")}


def test_files_and_folders_end_up_read_only_and_alone(tmp_path: Path) -> None:
    made = volume(tmp_path)
    for path in ("a", "b/c", "b/d/e"):
        made.write("train", path, b"x")
    made.seal("train", 3, ())
    made.finish({"train": b"{}"})
    assert modes(tmp_path) == {
        ".glovebox": 0o555,
        ".glovebox/train.json": 0o444,
        "train": 0o555,
        "train/a": 0o444,
        "train/b": 0o555,
        "train/b/c": 0o444,
        "train/b/d": 0o555,
        "train/b/d/e": 0o444,
    }
    volume(tmp_path)
    assert not (tmp_path / ".glovebox/train.json").exists()


ENTRY = Entry("a/b", 3, "0" * 64, "data", "rows/a/b", "v1", DigestSource.COMPUTED)


@pytest.mark.parametrize(
    "other",
    [
        {"path": "a/c"},
        {"sha256": "1" * 64},
        {"bucket": "data2"},
        {"key": "rows/a/c"},
        {"version_id": "v2"},
        {"bucket": "datar", "key": "ows/a/b"},
    ],
    ids=" and ".join,
)
def test_bytes_that_wait_are_those_of_one_version_alone(
    other: dict[str, Any], tmp_path: Path
) -> None:
    """What an earlier attempt left of another one is never gone on with."""
    made = volume(tmp_path)
    assert made.partial(replace(ENTRY, **other)) != made.partial(ENTRY)
    assert made.partial(replace(ENTRY)) == made.partial(ENTRY)


def test_one_file_too_many_is_named(tmp_path: Path) -> None:
    made = volume(tmp_path)
    made.write("train", "a", b"x")
    made.write("train", "b/foreign", b"x")
    with pytest.raises(InvalidInput, match="'b/foreign'"):
        made.seal("train", 1, ("a",))


def test_an_empty_folder_is_foreign(tmp_path: Path) -> None:
    made = volume(tmp_path)
    (tmp_path / "train/b").mkdir()
    with pytest.raises(InvalidInput, match=r"'b'.*an empty folder"):
        made.seal("train", 0, ())


def test_a_volume_that_is_too_deep_is_foreign_and_no_error_of_ours(tmp_path: Path) -> None:
    folders_below(tmp_path / "train", 600)
    with pytest.raises(InvalidInput, match="deeper than any path"):
        volume(tmp_path)


@pytest.mark.parametrize("place", ["train", ".glovebox", "train/link", "train/folder/pipe"])
def test_what_is_neither_file_nor_folder_is_refused_before_anything_is_written(
    place: str, tmp_path: Path
) -> None:
    inputs = tmp_path / "inputs"
    (inputs / place).parent.mkdir(parents=True)
    if place.endswith("pipe"):
        os.mkfifo(inputs / place)
    else:
        (inputs / place).symlink_to(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InvalidInput) as refused:
        Volume(inputs).prepare(["train"])
    assert refused.value.reason == "ForeignFile"
    assert sorted(tmp_path.iterdir()) == before
