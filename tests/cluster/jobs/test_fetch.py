"""The fetcher as the program that a pod runs, against a real store."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from glovebox.data.delivery import (
    EXIT_INTEGRITY,
    EXIT_PLAN,
    EXIT_UNAVAILABLE,
    InputPlan,
    PlannedDataset,
    PlannedFeatures,
    PlannedManifest,
    PlannedStore,
    document_digest,
    features_document,
    render_plan,
)
from glovebox.local.seaweedfs import Keys
from glovebox.store.connection import Credentials, Stores, StoreSettings
from glovebox.store.pins import BuiltPin, PrefixSource, build_pin
from support.cluster import Cluster
from support.waiting import eventually

FILES = {"a.csv": b"1,2\n", "deep/er/b.bin": os.urandom(3 << 20), "empty": b""}


@dataclass(frozen=True)
class Pinned:
    """A bucket of its own with a pin over it."""

    cluster: Cluster
    bucket: str
    plan: InputPlan

    @property
    def s3(self) -> Any:
        return self.cluster.store.client()

    def changed(self, **changes: Any) -> InputPlan:
        """Return the plan with its one dataset changed."""
        return self.plan.model_copy(update={"datasets": (self.plan.datasets[0].model_copy(update=changes),)})


async def pinned(cluster: Cluster, files: dict[str, bytes]) -> Pinned:
    bucket = f"fetch-{uuid.uuid4().hex[:10]}"
    s3 = cluster.store.client()
    for name in (bucket, f"{bucket}-manifests"):
        s3.create_bucket(Bucket=name)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for path, body in files.items():
        s3.put_object(Bucket=bucket, Key=f"train/{path}", Body=body)
    access = cluster.store.access
    keys = Credentials(access.loader.access_key_id, access.loader.secret_access_key)
    stores = Stores()
    try:
        built = await build_pin(
            stores.open(StoreSettings(access.endpoint, access.region, credentials=keys)),
            PrefixSource(bucket, "train/"),
            artifacts_bucket=f"{bucket}-manifests",
            lock=None,
        )
    finally:
        await stores.close()
    return Pinned(cluster, bucket, plan_of(cluster, built))


def plan_of(cluster: Cluster, built: BuiltPin) -> InputPlan:
    access, manifest, roots = cluster.store.access, built.manifest, built.roots
    return InputPlan(
        datasets=(
            PlannedDataset(
                name="train",
                digest=roots.content,
                pin_digest=roots.pin,
                objects=roots.objects,
                bytes=roots.bytes,
                manifest=PlannedManifest(bucket=manifest.bucket, key=manifest.key, version_id=manifest.version_id, digest=manifest.digest),
                store="primary",
            ),
        ),
        stores=(PlannedStore(name="primary", endpoint=access.endpoint, region=access.region, path_style=True),),
    )


class Fetcher:
    """One pod's volume, and the program over it."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.inputs = folder / "inputs"
        self.inputs.mkdir()
        self.log = folder / "log"
        self._folder = folder
        (folder / "credentials").mkdir()
        self.give(keys)

    def give(self, keys: Keys) -> None:
        text = f"[default]\naws_access_key_id = {keys.access_key_id}\naws_secret_access_key = {keys.secret_access_key}\n"
        (self._folder / "credentials" / "primary.credentials").write_text(text)

    def start(self, plan: InputPlan | str, *, deadline: float = 20.0) -> subprocess.Popen[bytes]:
        text = plan if isinstance(plan, str) else render_plan(plan)
        (self._folder / "inputs.json").write_text(text)
        environment = {
            **os.environ,
            "GLOVEBOX_INPUTS_PLAN": str(self._folder / "inputs.json"),
            "GLOVEBOX_INPUTS_CREDENTIALS": str(self._folder / "credentials"),
            "GLOVEBOX_INPUTS": str(self.inputs),
            "GLOVEBOX_TERMINATION_LOG": str(self._folder / "last-words"),
            "GLOVEBOX_FETCH_DEADLINE_SECONDS": str(deadline),
        }
        with self.log.open("wb") as log:
            return subprocess.Popen([sys.executable, "-m", "glovebox.jobs.fetch"], env=environment, stderr=log)

    def run(self, plan: InputPlan | str, *, deadline: float = 20.0) -> tuple[int, dict[str, Any]]:
        """Run it to its end; return the exit code and its last words."""
        with self.start(plan, deadline=deadline) as process:
            code = process.wait(timeout=90)
        words: dict[str, Any] = json.loads((self._folder / "last-words").read_bytes())
        return code, words

    def files(self) -> dict[str, bytes]:
        root = self.inputs / "train"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def fetcher(cluster: Cluster, tmp_path: Path) -> Fetcher:
    return Fetcher(tmp_path, cluster.store.access.loader)


async def test_everything_arrives_as_pinned_and_cannot_be_written(cluster: Cluster, fetcher: Fetcher) -> None:
    data = await pinned(cluster, FILES)
    code, words = fetcher.run(data.plan)
    assert (code, words["reason"]) == (0, "Verified")
    assert fetcher.files() == FILES
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (fetcher.inputs / "train").rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in (fetcher.inputs / "train").rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o444}, {0o555})
    proof = json.loads((fetcher.inputs / ".glovebox" / "train.json").read_bytes())
    assert (proof["digest"], proof["objects"]) == (data.plan.datasets[0].digest, len(FILES))


async def test_what_was_written_over_a_pinned_object_later_does_not_matter(cluster: Cluster, fetcher: Fetcher) -> None:
    data = await pinned(cluster, FILES)
    data.s3.put_object(Bucket=data.bucket, Key="train/a.csv", Body=b"forged\n")
    data.s3.delete_object(Bucket=data.bucket, Key="train/empty")
    assert fetcher.run(data.plan)[0] == 0
    assert fetcher.files() == FILES


async def test_a_version_that_is_gone_fails_closed(cluster: Cluster, fetcher: Fetcher) -> None:
    data = await pinned(cluster, FILES)
    version = data.s3.list_object_versions(Bucket=data.bucket, Prefix="train/a.csv")["Versions"][0]["VersionId"]
    data.s3.delete_object(Bucket=data.bucket, Key="train/a.csv", VersionId=version)
    code, words = fetcher.run(data.plan, deadline=2)
    assert (code, words["input"]) == (EXIT_INTEGRITY, "train")
    assert not (fetcher.inputs / ".glovebox" / "train.json").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"digest": "sha256:" + "0" * 64}, "DigestMismatch"),
        ({"pin_digest": "sha256:" + "0" * 64}, "DigestMismatch"),
        ({"objects": 2}, "DigestMismatch"),
        ({"store": "elsewhere"}, "ManifestInvalid"),
    ],
    ids=["another content", "other versions", "another count", "a store that the plan does not know"],
)
async def test_a_plan_that_does_not_fit_the_manifest_delivers_nothing(
    cluster: Cluster, fetcher: Fetcher, change: dict[str, Any], reason: str
) -> None:
    data = await pinned(cluster, {"a.csv": b"1,2\n"})
    code, words = fetcher.run(data.changed(**change))
    assert (code, words["reason"]) == (EXIT_INTEGRITY, reason)
    assert not (fetcher.inputs / "train").exists()


async def test_a_manifest_with_another_digest_delivers_nothing(cluster: Cluster, fetcher: Fetcher) -> None:
    data = await pinned(cluster, {"a.csv": b"1,2\n"})
    other = data.plan.datasets[0].manifest.model_copy(update={"digest": "sha256:" + "0" * 64})
    assert fetcher.run(data.changed(manifest=other))[0] == EXIT_INTEGRITY
    assert not (fetcher.inputs / "train").exists()


async def test_a_file_that_somebody_added_is_refused_and_one_that_was_changed_is_fetched_anew(cluster: Cluster, fetcher: Fetcher) -> None:
    data = await pinned(cluster, FILES)
    assert fetcher.run(data.plan)[0] == 0
    changed = fetcher.inputs / "train" / "a.csv"
    changed.chmod(0o644)
    changed.write_bytes(b"9,9\n")
    assert fetcher.run(data.plan)[0] == 0
    assert fetcher.files() == FILES
    (fetcher.inputs / "train" / "extra").write_bytes(b"x")
    code, words = fetcher.run(data.plan)
    assert (code, words["reason"]) == (EXIT_INTEGRITY, "ObjectsExtra")


async def test_killed_in_the_middle_it_goes_on_where_it_was(cluster: Cluster, fetcher: Fetcher) -> None:
    files = {f"part-{index}": os.urandom(4 << 20) for index in range(24)}
    data = await pinned(cluster, files)
    with fetcher.start(data.plan) as process:
        eventually(lambda: len(list((fetcher.inputs / "train").glob("part-*"))) >= 2 or None, what="some files are there", timeout=30)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    assert fetcher.run(data.plan)[0] == 0
    assert fetcher.files() == files
    proof = json.loads((fetcher.inputs / ".glovebox" / "train.json").read_bytes())
    assert proof["fetchedBytes"] < proof["bytes"], "what was there is not fetched again"


async def test_a_store_that_answers_to_nobody_ends_it_for_another_try(cluster: Cluster, fetcher: Fetcher) -> None:
    data = await pinned(cluster, {"a.csv": b"1,2\n"})
    closed = data.plan.stores[0].model_copy(update={"endpoint": "http://127.0.0.1:1"})
    code, words = fetcher.run(data.plan.model_copy(update={"stores": (closed,)}), deadline=1)
    assert (code, words["reason"]) == (EXIT_UNAVAILABLE, "StoreUnreachable")


async def test_credentials_that_are_renewed_in_place_are_taken_up(cluster: Cluster, fetcher: Fetcher) -> None:
    data = await pinned(cluster, FILES)
    right = cluster.store.access.loader
    fetcher.give(replace(right, secret_access_key="ended"))
    with fetcher.start(data.plan, deadline=60) as process:
        eventually(lambda: "trying again" in fetcher.log.read_text() or None, what="it was turned away", timeout=30)
        fetcher.give(right)
        assert process.wait(timeout=60) == 0
    assert fetcher.files() == FILES


def test_features_are_delivered_when_their_digest_fits(fetcher: Fetcher) -> None:
    features: list[dict[str, Any]] = [{"name": "hour", "dtype": "int8", "recipe": {"expression": "t / 100"}, "inputs": []}]
    document = features_document(features, inputs={}, schema_version="1.0.0", validity=None)
    plan = InputPlan(features=(PlannedFeatures(name="base", digest=document_digest(document), document=document),))
    assert fetcher.run(plan)[0] == 0
    assert json.loads((fetcher.inputs / "base" / "features.json").read_bytes()) == document
    forged = plan.features[0].model_copy(update={"digest": "sha256:" + "0" * 64})
    assert fetcher.run(InputPlan(features=(forged,)))[0] == EXIT_INTEGRITY


@pytest.mark.parametrize("text", ["", "{}x", '{"format":"other"}', '{"format":"glovebox.dev/inputs/v1","more":1}'])
def test_a_plan_that_cannot_be_read_is_final(fetcher: Fetcher, text: str) -> None:
    code, words = fetcher.run(text)
    assert code == EXIT_PLAN
    assert "plan of inputs" in words["message"]
