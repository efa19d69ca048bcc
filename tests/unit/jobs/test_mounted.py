"""A mounted dataset counts only as a whole: every name, size and byte as pinned, and no more.

The program is the pod's own.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from glovebox.data.delivery import Delivered, FeatureDelivery, MountedDataset
from glovebox.data.features import feature_set_digest, feature_set_document
from glovebox.data.manifest import DigestSource, Entry
from glovebox.data.roots import RootBuilder
from glovebox.jobs import mounted
from glovebox.jobs.delivering import DeliveryError
from glovebox.jobs.mounted import check_mounted
from glovebox.store.connection import JobStoppedError, Stop
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


# -- the same in this process


def check(top: Path, files: dict[str, bytes] = FILES, stop: Stop | None = None) -> Delivered:
    return check_mounted(pinned(files), top, 2, stop or Stop())


def laid(top: Path, files: dict[str, bytes]) -> Path:
    for path, body in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(body)
    return top


def test_what_was_compared_is_what_is_reported(tmp_path: Path) -> None:
    found = check(laid(tmp_path / "top", FILES))
    size = sum(map(len, FILES.values()))
    assert (found.digest, found.objects, found.bytes) == (pinned(FILES).digest, len(FILES), size)


@pytest.mark.parametrize(
    ("change", "reason", "path"),
    [
        (changed, "DigestMismatch", None),
        (longer, "SizeMismatch", None),
        (missing, "SizeMismatch", None),
        (added, "SizeMismatch", None),
        (linked, "ForeignFile", None),
        (pipe, "ForeignFile", None),
        (empty_folder, "ForeignFile", None),
        (not_utf8, "ForeignFile", None),
        (gone, "VolumeUnreadable", "."),
    ],
)
def test_each_difference_is_named_for_what_it_is(
    change: Callable[[Path], None], reason: str, path: str | None, tmp_path: Path
) -> None:
    top = laid(tmp_path / "top", FILES)
    change(top)
    with pytest.raises(DeliveryError) as raised:
        check(top)
    assert (raised.value.cause.reason, raised.value.path) == (reason, path)


def test_more_files_than_are_pinned_are_refused_before_all_of_them_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = laid(tmp_path, {f"{number:04}": b"" for number in range(400)})
    hashed: list[bytes] = []
    plain = mounted._hash

    def counted(path: bytes, stop: Stop) -> tuple[str, int]:
        hashed.append(path)
        return plain(path, stop)

    monkeypatch.setattr(mounted, "_hash", counted)
    with pytest.raises(DeliveryError, match="'0001' is one too many"):
        check(top, {"0000": b""})
    assert len(hashed) <= mounted._WINDOW + 2


def test_what_is_too_long_is_refused_and_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="'a' is one too many or too long"):
        check(laid(tmp_path, {"a": b"xx", "b": b""}), {"a": b"x", "b": b"", "c": b""})


def test_a_file_that_became_a_link_since_it_was_listed_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(OSError, match="symbolic links"):
        mounted._hash(os.fsencode(tmp_path / "link"), Stop())


def test_who_stopped_reads_on_in_no_file(tmp_path: Path) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(JobStoppedError):
        check(laid(tmp_path, FILES), stop=stop)


def test_the_first_difference_stops_what_is_being_read(tmp_path: Path) -> None:
    stop = Stop()
    with pytest.raises(DeliveryError):
        check(laid(tmp_path, {"a": b"x", "b": b"x"}), {"a": b"x"}, stop)
    assert stop.is_set()


def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: bytes, stop: Stop) -> tuple[str, int]:
        del stop
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr(mounted, "_hash", broken)
    with pytest.raises(DeliveryError, match="cannot be read: Input/output error") as raised:
        check(laid(tmp_path, {"b/c": b"x"}), {"b/c": b"x"})
    assert (raised.value.cause.reason, raised.value.path) == ("VolumeUnreadable", "b/c")


def test_a_volume_without_a_file_has_no_folder_that_would_be_foreign(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError) as raised:
        check(tmp_path, {"a": b""})
    assert raised.value.cause.reason == "SizeMismatch"


def test_folders_are_looked_into_no_deeper_than_any_path_is_long(tmp_path: Path) -> None:
    folders_below(tmp_path / "top", 600)
    with pytest.raises(DeliveryError, match="a longer name than any path has"):
        check(tmp_path / "top")
