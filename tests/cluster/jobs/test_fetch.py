"""The fetcher as a real process before a real store.

What arrives, what is refused, and what survives a broken line or a kill.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import random
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from glovebox.data.delivery import FeatureDelivery
from glovebox.data.features import feature_set_digest, feature_set_document
from glovebox.data.manifest import (
    FORMAT,
    DigestSource,
    Entry,
    ManifestWriter,
    encode_entry,
    encode_footer,
)
from glovebox.data.roots import RootBuilder
from glovebox.store.connection import Credentials, Stop
from glovebox.store.manifests import ManifestLocation, fetch_manifest, store_manifest
from glovebox.store.pins import BuiltPin, ManifestLock, PrefixSource, build_pin
from support.cutting_proxy import cutting
from support.fetching import POD_USER, Pod, as_pod_user, dataset, relocated
from support.own_store import ADMIN
from support.tls_front import tls_front
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from glovebox.store.connection import Store
    from support.own_store import RunningStore

MEBIBYTE = 1 << 20
SMALL = {"a.csv": b"1,2\n", "deep/er/b.csv": b"3,4\n", "empty": b"", "x y+%25&<ä": b"odd"}


@pytest.fixture
def pod(tmp_path: Path, seaweed: RunningStore) -> Pod:
    return Pod(tmp_path / "pod", seaweed.endpoint)


def put(store: Store, bucket: str, files: dict[str, bytes], prefix: str = "set/") -> None:
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda name: store.s3.put_object(
                    Bucket=bucket, Key=prefix + name, Body=files[name]
                ),
                files,
            )
        )


async def pinned(store: Store, data: str, artifacts: str, files: dict[str, bytes]) -> BuiltPin:
    put(store, data, files)
    return await build_pin(
        store, PrefixSource(data, "set/"), artifacts_bucket=artifacts, lock=ManifestLock()
    )


def noise(mebibytes: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(mebibytes * MEBIBYTE)  # noqa: S311 - the same in every run


def delivered(pod: Pod, name: str = "train") -> dict[str, bytes]:
    top = pod.inputs / name
    return {
        str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()
    }


def forged(store: Store, artifacts: str, entries: list[Entry]) -> BuiltPin:
    """Return a pin with a well-formed manifest of entries that are not true."""
    file = BytesIO()
    writer = ManifestWriter(file.write)
    for entry in entries:
        writer.add(entry)
    roots = writer.finish()
    file.seek(0)
    return BuiltPin(
        roots, store_manifest(store, artifacts, file, writer.digest, ManifestLock(), Stop())
    )


def with_path(entry: Entry, path: str) -> Entry:
    return Entry(
        path, entry.size, entry.sha256, entry.bucket, entry.key, entry.version_id, entry.source
    )


async def test_a_store_is_trusted_by_the_authorities_that_lie_beside_its_credentials(
    store: Store, data_bucket: str, locked_bucket: str, seaweed: RunningStore, tmp_path: Path
) -> None:
    built = await pinned(store, data_bucket, locked_bucket, SMALL)
    keys = tmp_path / "front"
    keys.mkdir()
    with tls_front(seaweed.endpoint, ADMIN, keys) as front:
        pod = Pod(
            tmp_path / "pod", front.endpoint, settings={"GLOVEBOX_FETCH_DEADLINE_SECONDS": "4"}
        )
        pod.plan(dataset(built))
        beside = pod.base / "keys" / "primary.pem"
        refused = pod.fetch()
        assert refused.code == 75, refused
        assert "certificate" in refused.message["message"], refused
        beside.write_text(front.others)
        assert pod.fetch().code == 75
        beside.write_text(front.others + front.authorities)
        ended = pod.fetch()
        assert (ended.reason, delivered(pod)) == ((0, "Delivered"), SMALL), ended


async def test_files_arrive_read_only_and_proven(
    store: Store, data_bucket: str, locked_bucket: str, pod: Pod
) -> None:
    built = await pinned(store, data_bucket, locked_bucket, SMALL)
    put(store, data_bucket, dict.fromkeys(SMALL, b"newer"))
    store.s3.delete_object(Bucket=data_bucket, Key="set/a.csv")
    pod.plan(dataset(built))
    ended = pod.fetch()
    assert (ended.reason, delivered(pod)) == ((0, "Delivered"), SMALL), ended
    for path in (pod.inputs / "train").rglob("*"):
        assert path.stat().st_mode & 0o7777 == (0o555 if path.is_dir() else 0o444)
    if as_pod_user():
        assert {path.stat().st_uid for path in pod.inputs.rglob("*")} == {POD_USER}
    proof = pod.proof("train")
    assert proof is not None
    assert {**proof, "seconds": 0} == {
        "format": "glovebox.dev/delivery/v1",
        "name": "train",
        "digest": built.roots.content,
        "pinDigest": built.roots.pin,
        "objects": 4,
        "bytes": 11,
        "seconds": 0,
        "fetched": 4,
        "kept": 0,
        "transferred": 11,
    }
    assert [path.name for path in (pod.inputs / ".glovebox").iterdir()] == ["train.json"]
    assert '"bytesPerSecond":' in ended.output


@pytest.mark.slow
async def test_a_second_attempt_hashes_again_and_transfers_nothing(
    store: Store, data_bucket: str, locked_bucket: str, pod: Pod
) -> None:
    pod.plan(dataset(await pinned(store, data_bucket, locked_bucket, SMALL)))
    assert pod.fetch().code == 0
    assert pod.fetch().code == 0
    proof = pod.proof("train")
    assert proof is not None
    assert (proof["kept"], proof["fetched"], proof["transferred"]) == (4, 0, 0)


async def test_a_file_with_wrong_bytes_is_fetched_anew(
    store: Store, data_bucket: str, locked_bucket: str, pod: Pod
) -> None:
    pod.plan(dataset(await pinned(store, data_bucket, locked_bucket, SMALL)))
    assert pod.fetch().code == 0
    tampered = pod.file("train", "a.csv")
    owner = tampered.stat().st_uid
    tampered.chmod(0o644)
    tampered.write_bytes(b"9,9\n")
    os.chown(tampered, owner, -1)
    assert pod.fetch().code == 0
    assert delivered(pod) == SMALL
    assert (pod.proof("train") or {})["fetched"] == 1


@pytest.mark.slow
async def test_a_thousand_small_files_arrive(
    store: Store, data_bucket: str, locked_bucket: str, pod: Pod
) -> None:
    files = {f"{number % 10}/{number:04d}": str(number).encode() for number in range(1000)}
    pod.plan(dataset(await pinned(store, data_bucket, locked_bucket, files)))
    assert pod.fetch().code == 0
    assert delivered(pod) == files


def features(**changes: Any) -> FeatureDelivery:
    definitions = [
        {
            "name": "late",
            "recipe": {"expression": "delay > 15"},
            "dtype": "bool",
            "inputs": ["f"],
            "description": "words",
        }
    ]
    inputs = {"f": "sha256:" + "1" * 64}
    digest = feature_set_digest(definitions, inputs=inputs, schema_version="1")
    document = feature_set_document(definitions, inputs=inputs, schema_version="1")
    return FeatureDelivery(name="base", digest=digest, document=document | changes)


def test_features_arrive_as_the_document_of_their_digest(pod: Pod) -> None:
    pod.plan(features=[features()])
    assert pod.fetch().code == 0
    written = orjson.loads(pod.file("base", "features.json").read_bytes())
    assert written == features().document
    assert (pod.proof("base") or {})["digest"] == features().digest


def test_features_that_differ_from_their_digest_are_refused(pod: Pod) -> None:
    pod.plan(features=[features(schemaVersion="2")])
    ended = pod.fetch()
    assert ended.reason == (42, "DigestMismatch")
    assert (ended.message["input"], ended.message["path"]) == ("base", "features.json")
    assert pod.proof("base") is None


def _other_bytes(entries: list[Entry]) -> list[Entry]:
    first = entries[0]
    lie = Entry(
        first.path,
        first.size,
        "0" * 64,
        first.bucket,
        first.key,
        first.version_id,
        DigestSource.COMPUTED,
    )
    return [lie, *entries[1:]]


def _swapped_objects(entries: list[Entry]) -> list[Entry]:
    one, two, *rest = entries
    return [
        Entry(one.path, one.size, one.sha256, two.bucket, two.key, two.version_id, one.source),
        Entry(two.path, two.size, two.sha256, one.bucket, one.key, one.version_id, two.source),
        *rest,
    ]


def _swapped_versions(entries: list[Entry]) -> list[Entry]:
    one, two, *rest = entries
    return [
        Entry(one.path, one.size, one.sha256, one.bucket, one.key, two.version_id, one.source),
        two,
        *rest,
    ]


def _other_size(entries: list[Entry]) -> list[Entry]:
    first = entries[0]
    return [
        Entry(
            first.path,
            first.size + 1,
            first.sha256,
            first.bucket,
            first.key,
            first.version_id,
            first.source,
        ),
        *entries[1:],
    ]


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        pytest.param(_other_bytes, "DigestMismatch", id="the pinned version never had these bytes"),
        pytest.param(
            _swapped_objects, "DigestMismatch", id="two objects of one size changed places"
        ),
        pytest.param(_swapped_versions, "ObjectNotFound", id="a version id of another key"),
        pytest.param(_other_size, "SizeMismatch", id="another size"),
    ],
)
async def test_a_manifest_that_is_not_true_ends_the_delivery(
    lie: Callable[[list[Entry]], list[Entry]],
    reason: str,
    store: Store,
    data_bucket: str,
    locked_bucket: str,
    pod: Pod,
) -> None:
    built = await pinned(store, data_bucket, locked_bucket, SMALL)
    pod.plan(
        dataset(
            forged(store, locked_bucket, lie(list(fetch_manifest(store, built.manifest, Stop()))))
        ),
        features=[features()],
    )
    ended = pod.fetch()
    assert ended.reason == (42, reason), ended
    assert (ended.message["input"], ended.message["path"]) == ("train", "a.csv")
    assert pod.proof("train") is None
    assert pod.proof("base") is None


async def test_a_failure_takes_back_an_older_proof(
    store: Store, data_bucket: str, locked_bucket: str, pod: Pod
) -> None:
    built = await pinned(store, data_bucket, locked_bucket, SMALL)
    pod.plan(dataset(built))
    assert pod.fetch().code == 0
    pod.plan(dataset(built, digest="sha256:" + "0" * 64))
    assert pod.fetch().reason == (42, "ManifestDiffers")
    assert pod.proof("train") is None


async def test_a_version_that_is_gone_is_named(
    store: Store, data_bucket: str, locked_bucket: str, pod: Pod
) -> None:
    built = await pinned(store, data_bucket, locked_bucket, SMALL)
    gone = next(
        entry
        for entry in fetch_manifest(store, built.manifest, Stop())
        if entry.path == "deep/er/b.csv"
    )
    store.s3.delete_object(Bucket=data_bucket, Key=gone.key, VersionId=gone.version_id)
    pod.plan(dataset(built))
    ended = pod.fetch()
    assert ended.reason == (42, "ObjectNotFound")
    assert ended.message["path"] == "deep/er/b.csv"


@pytest.mark.parametrize("field", ["digest", "pin_digest", "objects", "bytes"])
async def test_a_plan_that_pins_something_else_than_the_manifest_is_refused(
    field: str, store: Store, data_bucket: str, locked_bucket: str, pod: Pod
) -> None:
    built = await pinned(store, data_bucket, locked_bucket, SMALL)
    changes: dict[str, Any] = {field: 5 if field in ("objects", "bytes") else "sha256:" + "0" * 64}
    pod.plan(dataset(built, **changes))
    assert pod.fetch().reason == (42, "ManifestDiffers")
    assert delivered(pod) == {}


def _edited(text: bytes) -> bytes:
    return text.replace(b"a.csv", b"b.csv")


def _cut(text: bytes) -> bytes:
    return b"".join(text.splitlines(keepends=True)[:-1])


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        pytest.param(_edited, "ManifestDiffers", id="edited"),
        pytest.param(_cut, "ManifestInvalid", id="cut short"),
    ],
)
async def test_a_manifest_that_was_edited_is_refused_before_any_byte(
    edit: Callable[[bytes], bytes],
    reason: str,
    store: Store,
    data_bucket: str,
    locked_bucket: str,
    pod: Pod,
) -> None:
    built = await pinned(store, data_bucket, locked_bucket, SMALL)
    where = built.manifest
    whole = store.s3.get_object(Bucket=where.bucket, Key=where.key, VersionId=where.version_id)[
        "Body"
    ].read()
    answer = store.s3.put_object(
        Bucket=where.bucket, Key=where.key, Body=gzip.compress(edit(gzip.decompress(whole)))
    )
    pod.plan(dataset(relocated(built, answer["VersionId"])))
    assert pod.fetch().reason == (42, reason)
    assert delivered(pod) == {}


async def test_a_manifest_that_is_gone_is_told(
    store: Store, data_bucket: str, locked_bucket: str, pod: Pod
) -> None:
    built = await pinned(store, data_bucket, locked_bucket, SMALL)
    pod.plan(
        dataset(
            relocated(
                built, built.manifest.version_id, key=".glovebox/manifests/sha256/none.jsonl.gz"
            )
        )
    )
    assert pod.fetch().reason == (42, "ObjectNotFound")


@pytest.mark.parametrize("path", ["../escaped", "a/../../escaped", "/escaped", "a//b", "./a"])
async def test_a_path_that_leads_out_of_the_volume_is_refused(
    path: str, store: Store, data_bucket: str, locked_bucket: str, pod: Pod
) -> None:
    built = await pinned(store, data_bucket, locked_bucket, {"a": b"1"})
    entry = with_path(next(iter(fetch_manifest(store, built.manifest, Stop()))), path)
    roots = RootBuilder()
    roots.add(entry)
    found = roots.finish()
    lines = orjson.dumps({"format": FORMAT}) + b"\n" + encode_entry(entry) + encode_footer(found)
    key = ".glovebox/manifests/forged"
    version = store.s3.put_object(Bucket=locked_bucket, Key=key, Body=gzip.compress(lines))[
        "VersionId"
    ]
    where = ManifestLocation(
        locked_bucket, key, version, "sha256:" + hashlib.sha256(lines).hexdigest(), 0
    )
    pod.plan(dataset(BuiltPin(found, where)))
    assert pod.fetch().reason == (42, "KeyRefused")
    assert not any(each.name == "escaped" for each in pod.base.rglob("*"))


async def test_nothing_but_pinned_files_may_lie_there(
    store: Store, data_bucket: str, locked_bucket: str, pod: Pod
) -> None:
    pod.plan(dataset(await pinned(store, data_bucket, locked_bucket, SMALL)))
    assert pod.fetch().code == 0
    foreign = pod.file("train", "deep/foreign")
    folder = foreign.parent
    folder.chmod(0o777)
    foreign.write_bytes(b"!")
    ended = pod.fetch()
    assert ended.reason == (42, "ForeignFile")
    assert "deep/foreign" in ended.message["message"]
    foreign.unlink()
    foreign.symlink_to(pod.base)
    assert pod.fetch().reason == (42, "ForeignFile")
    foreign.unlink()
    assert pod.fetch().code == 0


async def test_cut_connections_are_taken_up_where_they_broke(
    store: Store, data_bucket: str, locked_bucket: str, tmp_path: Path, seaweed: RunningStore
) -> None:
    files = {"big": noise(8), "small": b"1"}
    built = await pinned(store, data_bucket, locked_bucket, files)
    with cutting(seaweed.endpoint) as proxy:
        pod = Pod(tmp_path / "pod", proxy.endpoint)
        pod.plan(dataset(built))
        # The manifest's connection too is lost once.
        proxy.cuts.extend([100, 3 * MEBIBYTE, 3 * MEBIBYTE, MEBIBYTE, 4 * MEBIBYTE])
        assert pod.fetch().code == 0
        assert proxy.connections >= 4
        # What was in the fetcher's hand at each cut comes again; begun again each time it would be
        # 19 MiB.
        assert proxy.down < 10 * MEBIBYTE
    assert delivered(pod) == files
    assert (pod.proof("train") or {})["transferred"] == 8 * MEBIBYTE + 1


async def test_a_killed_fetcher_goes_on_where_it_was(
    store: Store, data_bucket: str, locked_bucket: str, tmp_path: Path, seaweed: RunningStore
) -> None:
    files = {f"{number}": noise(4, number) for number in range(4)}
    built = await pinned(store, data_bucket, locked_bucket, files)
    with cutting(seaweed.endpoint) as proxy:
        pod = Pod(tmp_path / "pod", proxy.endpoint, settings={"GLOVEBOX_FETCH_PARALLEL": "2"})
        pod.plan(dataset(built))
        proxy.hold_after = 11 * MEBIBYTE
        with pod.fetching() as process:
            assert proxy.held.wait(60)
            arrived = eventually(
                lambda: _bytes_below(pod.inputs) >= 10 * MEBIBYTE,
                what="what came down is in the volume",
            )
            assert arrived
            process.kill()
            process.wait()
        assert process.returncode == -9
        assert pod.proof("train") is None
        proxy.release()
        before = proxy.down
        assert pod.fetch().code == 0
    proof = pod.proof("train")
    assert proof is not None
    assert proof["transferred"] <= 6 * MEBIBYTE
    assert proxy.down - before < 8 * MEBIBYTE
    assert proof["kept"] >= 1
    assert delivered(pod) == files


def _bytes_below(top: Path) -> int:
    return sum(path.stat().st_size for path in top.rglob("*") if path.is_file())


async def test_a_torn_partial_file_is_begun_anew(
    store: Store, data_bucket: str, locked_bucket: str, tmp_path: Path, seaweed: RunningStore
) -> None:
    built = await pinned(store, data_bucket, locked_bucket, {"big": noise(4)})
    with cutting(seaweed.endpoint) as proxy:
        pod = Pod(tmp_path / "pod", proxy.endpoint)
        pod.plan(dataset(built))
        proxy.hold_after = 2 * MEBIBYTE
        with pod.fetching() as process:
            assert proxy.held.wait(60)
            partial = eventually(
                lambda: next((pod.inputs / ".glovebox/partial").glob("*"), None),
                what="a partial file",
            )
            eventually(lambda: partial.stat().st_size > MEBIBYTE, what="bytes in it")
            process.kill()
            process.wait()
        with partial.open("r+b") as file:
            file.write(b"torn")
        proxy.release()
        assert pod.fetch().code == 0
    assert delivered(pod) == {"big": noise(4)}


async def test_a_store_that_is_away_is_waited_for(
    store: Store, data_bucket: str, locked_bucket: str, tmp_path: Path, seaweed: RunningStore
) -> None:
    built = await pinned(store, data_bucket, locked_bucket, {"big": noise(4)})
    with cutting(seaweed.endpoint) as proxy:
        pod = Pod(tmp_path / "pod", proxy.endpoint)
        pod.plan(dataset(built))
        proxy.hold_after = MEBIBYTE
        with pod.fetching() as process:
            assert proxy.held.wait(60)
            proxy.go_away()
            proxy.release()
            assert process.poll() is None
            proxy.listen()
            output, _ = process.communicate(timeout=60)
        assert pod.ended(process, output).code == 0
    assert delivered(pod) == {"big": noise(4)}


async def test_a_store_that_stays_away_is_given_up_for_now(
    store: Store, data_bucket: str, locked_bucket: str, tmp_path: Path
) -> None:
    built = await pinned(store, data_bucket, locked_bucket, SMALL)
    pod = Pod(
        tmp_path / "pod", "http://127.0.0.1:9", settings={"GLOVEBOX_FETCH_DEADLINE_SECONDS": "1"}
    )
    pod.plan(dataset(built))
    assert pod.fetch().reason == (75, "StoreUnreachable")
    assert pod.proof("train") is None


async def test_credentials_that_were_replaced_are_read_again(
    store: Store, data_bucket: str, locked_bucket: str, tmp_path: Path, seaweed: RunningStore
) -> None:
    built = await pinned(store, data_bucket, locked_bucket, SMALL)
    with cutting(seaweed.endpoint) as proxy:
        pod = Pod(
            tmp_path / "pod",
            proxy.endpoint,
            Credentials("nobody", "nothing-of-this-is-valid", "no-token"),
        )
        pod.plan(dataset(built))
        with pod.fetching() as process:
            eventually(lambda: proxy.connections > 0, what="a first request", timeout=30)
            pod.write_credentials(Pod.credentials)
            output, _ = process.communicate(timeout=60)
        assert pod.ended(process, output).code == 0, output


@pytest.mark.parametrize(
    "text", [b"{}", b"not json", b'{"format":"glovebox.dev/inputs/v1","more":1}']
)
def test_a_plan_that_is_none_is_a_usage_error(text: bytes, pod: Pod) -> None:
    (pod.base / "inputs.json").write_bytes(text)
    assert pod.fetch().reason == (64, "PlanInvalid")


def test_a_volume_that_cannot_be_written_is_told(pod: Pod) -> None:
    pod.plan(features=[features()])
    pod.inputs.chmod(0o555)
    assert pod.fetch().reason == (74, "VolumeFailed")
