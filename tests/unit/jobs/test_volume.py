from __future__ import annotations

import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from glovebox.data.manifest import DigestSource, Entry
from glovebox.errors import InvalidInput
from glovebox.jobs.origin import Origin
from glovebox.jobs.patience import Patience
from glovebox.jobs.transfer import Route, move
from glovebox.jobs.volume import Volume
from glovebox.store.connection import Stop
from support.deep_folders import folders_below


def volume(root: Path) -> Volume:
    root.mkdir(exist_ok=True)
    made = Volume(root)
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
    assert (tmp_path / "train/b/c").read_bytes() == b"x"
    assert (tmp_path / ".glovebox/train.json").read_bytes() == b"{}"
    volume(tmp_path)
    assert not (tmp_path / ".glovebox/train.json").exists()
    opened = {path: mode for path, mode in modes(tmp_path).items() if mode != 0o444}
    assert opened == dict.fromkeys(
        (".glovebox", ".glovebox/partial", "train", "train/b", "train/b/d"), 0o755
    )


def test_nobody_else_may_write_while_files_arrive_whatever_the_process_was_given(
    tmp_path: Path,
) -> None:
    before = os.umask(0)
    try:
        made = volume(tmp_path)
        made.write("train", "b/c", b"x")
    finally:
        os.umask(before)
    found = modes(tmp_path)
    assert {path for path, mode in found.items() if mode & 0o022} == set()


def test_a_file_has_all_its_bytes_and_a_proof_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = volume(tmp_path)
    done: list[tuple[str, bytes]] = []
    rename, fsync = os.rename, os.fsync

    def renamed(one: str, other: str) -> None:
        done.append((Path(other).name, Path(one).read_bytes()))
        rename(one, other)

    def synced(descriptor: int) -> None:
        done.append(("on the disk", Path(f"/proc/self/fd/{descriptor}").read_bytes()))
        fsync(descriptor)

    monkeypatch.setattr(os, "rename", renamed)
    monkeypatch.setattr(os, "fsync", synced)
    made.write("train", "a", b"x")
    made.finish({"train": b"{}"})
    assert done == [("a", b"x"), ("on the disk", b"{}"), ("train.json", b"{}")]


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


def test_an_input_without_files_has_an_empty_folder_and_folders_may_hold_folders_alone(
    tmp_path: Path,
) -> None:
    made = volume(tmp_path)
    made.seal("train", 0, ())
    made.prepare(["train"])
    made.write("train", "a/b/c", b"x")
    made.seal("train", 1, ("a/b/c",))
    assert modes(tmp_path)["train/a/b"] == 0o555


def test_what_an_earlier_attempt_left_of_a_small_file_or_a_proof_does_not_hang_on(
    tmp_path: Path,
) -> None:
    made = volume(tmp_path)
    made.write("train", "a", b"x")
    waits = hashlib.sha256(made.file("train", "a").encode()).hexdigest()
    for left in (f".glovebox/partial/{waits}", ".glovebox/.train.json"):
        (tmp_path / left).write_bytes(b"longer than what is written")
    made.write("train", "a", b"x")
    made.finish({"train": b"{}"})
    assert (tmp_path / "train/a").read_bytes() == b"x"
    assert (tmp_path / ".glovebox/train.json").read_bytes() == b"{}"


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


@pytest.mark.parametrize("place", ["train", ".glovebox"])
def test_a_link_to_an_empty_folder_is_refused_and_that_folder_stays_closed(
    place: str, tmp_path: Path
) -> None:
    inputs, outside = tmp_path / "inputs", tmp_path / "outside"
    inputs.mkdir()
    outside.mkdir(mode=0o700)
    (inputs / place).symlink_to(outside)
    with pytest.raises(InvalidInput, match=rf"'{place}'.* is no folder"):
        Volume(inputs).prepare(["train"])
    assert modes(tmp_path)["outside"] == 0o700
    assert list(outside.iterdir()) == []


# -- a link that somebody laid while files arrive, where the next one is written


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside of the volume, which no link may lead to."""
    made = tmp_path / "secret"
    made.write_bytes(b"0123")
    made.chmod(0o600)
    return made


def link_at(place: str, secret: Path) -> None:
    Path(place).symlink_to(secret)


def expect_untouched(secret: Path) -> None:
    assert (secret.read_bytes(), secret.stat().st_mode & 0o777) == (b"0123", 0o600)


def test_a_small_file_is_not_written_through_a_link(tmp_path: Path, secret: Path) -> None:
    made = volume(tmp_path / "inputs")
    made.write("train", "a", b"x")
    waits = hashlib.sha256(made.file("train", "a").encode()).hexdigest()
    link_at(f"{tmp_path}/inputs/.glovebox/partial/{waits}", secret)
    with pytest.raises(OSError, match="symbolic links"):
        made.write("train", "a", b"x")
    expect_untouched(secret)


def test_a_proof_is_not_written_through_a_link(tmp_path: Path, secret: Path) -> None:
    made = volume(tmp_path / "inputs")
    link_at(f"{tmp_path}/inputs/.glovebox/.train.json", secret)
    with pytest.raises(OSError, match="symbolic links"):
        made.finish({"train": b"{}"})
    expect_untouched(secret)
    assert not (tmp_path / "inputs/.glovebox/train.json").exists()


def route_of(made: Volume) -> Route:
    # Where a link is followed, the origin is asked: nobody is there, and that is another error.
    return Route("train", Mock(spec=Origin), made, Patience(1.0, time.monotonic, Stop()), Stop())


def test_the_bytes_of_a_version_are_not_written_through_a_link(
    tmp_path: Path, secret: Path
) -> None:
    made = volume(tmp_path / "inputs")
    link_at(made.partial(ENTRY), secret)
    with pytest.raises(OSError, match="symbolic links"):
        move(route_of(made), ENTRY)
    expect_untouched(secret)


def test_a_link_is_not_taken_for_the_file_that_is_pinned_although_its_bytes_are_right(
    tmp_path: Path, secret: Path
) -> None:
    made = volume(tmp_path / "inputs")
    pinned = replace(ENTRY, path="a", size=4, sha256=hashlib.sha256(b"0123").hexdigest())
    link_at(made.file("train", "a"), secret)
    with pytest.raises(OSError, match="symbolic links"):
        move(route_of(made), pinned)
    expect_untouched(secret)
