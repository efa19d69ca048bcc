"""A mounted dataset counts only as a whole: every name, size and byte as pinned, and no more.

The program is the pod's own.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from glovebox.data.delivery import FeatureDelivery, MountedDataset
from glovebox.data.features import feature_set_digest, feature_set_document
from glovebox.data.manifest import DigestSource, Entry
from glovebox.data.roots import RootBuilder
from support.deep_folders import folders_below
from support.fetching import Pod

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# In the order of bytes a folder sorts behind `-` and `.`: a walk that forgets it finds another
# root.
FILES = {
    "a-b": b"1",
    "a.csv": b"2",
    "a/b.csv": b"3\n",
    "a/c/d": b"",
    "a0": b"4" * 300_000,
    "ä y+%": b"5",
}


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    made = Pod(tmp_path / "pod", "http://127.0.0.1:9")
    for path, body in FILES.items():
        file = made.base / "datasets" / "train" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    made.plan(mounted=[pinned(FILES)])
    return made


def pinned(files: dict[str, bytes], name: str = "train") -> MountedDataset:
    roots = RootBuilder()
    for path, body in sorted(files.items(), key=lambda item: item[0].encode()):
        # As a pin has them: the places are no part of the content root.
        roots.add(
            Entry(
                path,
                len(body),
                hashlib.sha256(body).hexdigest(),
                "bucket",
                f"set/{path}",
                "v1",
                DigestSource.COMPUTED,
            )
        )
    found = roots.finish()
    return MountedDataset(name=name, digest=found.content, objects=found.objects, bytes=found.bytes)


def test_the_pinned_files_pass_without_store_and_credentials(pod: Pod) -> None:
    for file in (pod.base / "keys").iterdir():
        file.unlink()
    ended = pod.fetch()
    assert ended.reason == (0, "Delivered"), ended
    proof = pod.proof("train")
    assert proof is not None
    assert (proof["digest"], proof["kept"], proof["fetched"], proof["transferred"]) == (
        pinned(FILES).digest,
        len(FILES),
        0,
        0,
    )
    # Where the run's container will mount it.
    assert (pod.inputs / "train").is_dir()
    assert list((pod.inputs / "train").iterdir()) == []


def changed(top: Path) -> None:
    (top / "a.csv").write_bytes(b"3")


def longer(top: Path) -> None:
    (top / "a.csv").write_bytes(b"22")


def renamed(top: Path) -> None:
    (top / "a.csv").rename(top / "b.csv")


def swapped(top: Path) -> None:
    """The same files with the same bytes, under each other's names."""
    one, other = (top / "a-b").read_bytes(), (top / "a.csv").read_bytes()
    (top / "a-b").write_bytes(other)
    (top / "a.csv").write_bytes(one)


def missing(top: Path) -> None:
    (top / "a/c/d").unlink()
    (top / "a/c").rmdir()


def added(top: Path) -> None:
    (top / "zz").write_bytes(b"")


def hidden(top: Path) -> None:
    (top / ".hidden").write_bytes(b"")


def linked(top: Path) -> None:
    (top / "a.csv").unlink()
    (top / "a.csv").symlink_to("a-b")


def linked_folder(top: Path) -> None:
    (top / "a").rename(top.parent / "elsewhere")
    (top / "a").symlink_to("../elsewhere")


def pipe(top: Path) -> None:
    os.mkfifo(top / "pipe")


def empty_folder(top: Path) -> None:
    (top / "nothing").mkdir()


def not_utf8(top: Path) -> None:
    (top / "a.csv").rename(os.fsdecode(os.fsencode(top) + b"/\xff"))


def empty(top: Path) -> None:
    top.rename(top.parent / "elsewhere")
    top.mkdir()


def gone(top: Path) -> None:
    top.rename(top.parent / "elsewhere")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (changed, "DigestMismatch"),
        (longer, "SizeMismatch"),
        (renamed, "DigestMismatch"),
        (swapped, "DigestMismatch"),
        (missing, "SizeMismatch"),
        (added, "SizeMismatch"),
        (hidden, "SizeMismatch"),
        (linked, "ForeignFile"),
        (linked_folder, "ForeignFile"),
        (pipe, "ForeignFile"),
        (empty_folder, "ForeignFile"),
        (not_utf8, "ForeignFile"),
        (empty, "SizeMismatch"),
        (gone, "VolumeUnreadable"),
    ],
)
def test_anything_else_ends_as_a_fetch_of_wrong_bytes_does(
    pod: Pod, change: Callable[[Path], None], reason: str
) -> None:
    change(pod.base / "datasets" / "train")
    ended = pod.fetch()
    assert ended.reason == (42, reason), ended
    assert ended.message["input"] == "train"
    assert pod.proof("train") is None


def test_features_are_delivered_beside_it_and_only_when_it_is_right(pod: Pod) -> None:
    definitions = [
        {
            "name": "late",
            "recipe": {"expression": "delay > 15"},
            "dtype": "bool",
            "inputs": [],
            "description": "words",
        }
    ]
    digest = feature_set_digest(definitions, inputs={}, schema_version="1")
    document = feature_set_document(definitions, inputs={}, schema_version="1")
    features = FeatureDelivery(name="base", digest=digest, document=document)
    pod.plan(features=[features], mounted=[pinned(FILES)])
    assert pod.fetch().code == 0
    assert (pod.inputs / "base" / "features.json").is_file()
    changed(pod.base / "datasets" / "train")
    assert pod.fetch().code == 42
    assert (pod.proof("base"), pod.proof("train")) == (None, None)


def test_one_wrong_dataset_among_several_stops_all(pod: Pod) -> None:
    (pod.base / "datasets" / "test").mkdir()
    (pod.base / "datasets" / "test" / "x").write_bytes(b"x")
    pod.plan(mounted=[pinned(FILES), pinned({"x": b"y"}, "test")])
    ended = pod.fetch()
    assert (ended.reason, ended.message["input"]) == ((42, "DigestMismatch"), "test")
    assert pod.proof("train") is None


def test_a_volume_that_is_too_deep_is_foreign_and_no_error_of_ours(pod: Pod) -> None:
    """An error would be tried again for ever; what is foreign ends the run."""
    folders_below(pod.base / "datasets" / "train", 600)
    ended = pod.fetch()
    assert ended.reason == (42, "ForeignFile"), ended
    assert "longer name than any path has" in str(ended.message)
