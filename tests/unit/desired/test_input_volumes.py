"""The volume of a filled cache, given to an experiment: its source and nothing else.

It is read-only wherever the plugin knows the word.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox import names
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.desired import quantity
from glovebox.desired.delivery_modes import check_deliverable
from glovebox.desired.input_volumes import input_volumes, with_source
from glovebox.desired.inputs import ResolvedInput
from glovebox.desired.plan import desired_objects
from glovebox.desired.run import stage_jobs
from glovebox.errors import Refused
from golden.cases import inputs_from

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CACHE = {
    "kind": "IsolationProfile",
    "spec": {
        "delivery": {"mode": "Cache", "cache": {"storageClassName": "shared", "minimumSize": "1Mi"}}
    },
}
CACHED = {"kind": "Resolved", "deliveryMode": "Cache"}
# What the cluster says of a volume that is the cache's own, and nothing of another's.
OF_THE_CACHE: dict[str, Any] = {
    "accessModes": ["ReadWriteOnce"],
    "capacity": {"storage": "10Gi"},
    "claimRef": {
        "namespace": "glovebox-system",
        "name": "glovebox-cache-x",
        "uid": "u",
        "resourceVersion": "7",
    },
    "persistentVolumeReclaimPolicy": "Delete",
    "storageClassName": "shared",
    "volumeAttributesClassName": "gold",
    "volumeMode": "Filesystem",
}
AFFINITY = {
    "required": {
        "nodeSelectorTerms": [
            {
                "matchExpressions": [
                    {"key": "kubernetes.io/hostname", "operator": "In", "values": ["n1"]}
                ]
            }
        ]
    }
}


@pytest.mark.parametrize(
    ("filled", "source"),
    [
        (
            {
                "csi": {
                    "driver": "d.example",
                    "volumeHandle": "v",
                    "fsType": "ext4",
                    "volumeAttributes": {"a": "b"},
                },
                "nodeAffinity": AFFINITY,
            },
            {
                "csi": {
                    "driver": "d.example",
                    "volumeHandle": "v",
                    "fsType": "ext4",
                    "volumeAttributes": {"a": "b"},
                    "readOnly": True,
                },
                "nodeAffinity": AFFINITY,
            },
        ),
        (
            {"nfs": {"server": "s", "path": "/p"}, "mountOptions": ["nfsvers=4.1"]},
            {
                "nfs": {"server": "s", "path": "/p", "readOnly": True},
                "mountOptions": ["nfsvers=4.1"],
            },
        ),
        (
            {"hostPath": {"path": "/srv/c", "type": "Directory"}},
            {"hostPath": {"path": "/srv/c", "type": "Directory"}},
        ),
        (
            {"local": {"path": "/mnt/c"}, "nodeAffinity": AFFINITY},
            {"local": {"path": "/mnt/c"}, "nodeAffinity": AFFINITY},
        ),
    ],
    ids=["csi", "nfs", "hostPath", "local"],
)
def test_the_source_is_copied_and_the_claim_is_ours(
    filled: dict[str, Any], source: dict[str, Any]
) -> None:
    made, _ = input_volumes(inputs_from(CACHE, CACHED))
    assert with_source(made.volume, OF_THE_CACHE | filled)["spec"] == {
        "accessModes": ["ReadOnlyMany"],
        "capacity": {"storage": "10Gi"},
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": made.claim["metadata"]["namespace"],
            "name": made.claim["metadata"]["name"],
        },
        "persistentVolumeReclaimPolicy": "Retain",
        "volumeMode": "Filesystem",
        **source,
    }


@pytest.mark.parametrize(
    "filled",
    [
        {"iscsi": {"targetPortal": "p"}},
        {},
        {"csi": {"driver": "d", "volumeHandle": "v"}, "volumeMode": "Block"},
    ],
    ids=["another plugin", "none", "a device"],
)
def test_what_cannot_be_given_on_is_refused(filled: dict[str, Any]) -> None:
    volume = input_volumes(inputs_from(CACHE, CACHED))[0].volume
    with pytest.raises(Refused, match="name another StorageClass"):
        with_source(volume, OF_THE_CACHE | filled)


def test_the_filled_volume_is_not_changed_by_it() -> None:
    filled = OF_THE_CACHE | {"nfs": {"server": "s", "path": "/p"}}
    with_source(input_volumes(inputs_from(CACHE, CACHED))[0].volume, filled)
    assert filled["nfs"] == {"server": "s", "path": "/p"}


def test_a_pin_claims_its_size_and_a_tenth_or_the_least() -> None:
    caches = {volume.name: volume.cache for volume in input_volumes(inputs_from(CACHE, CACHED))}
    assert {name: int(cache.size) for name, cache in caches.items() if cache} == {
        name: int((size + files * 8192) * 11 / 10) + (64 << 20)
        for name, size, files in (("train", 11534336, 9), ("test", 3844779, 3))
    }
    large = {
        "kind": "IsolationProfile",
        "spec": {"delivery": {"mode": "Cache", "cache": {"storageClassName": "shared"}}},
    }
    assert {
        volume.cache.size for volume in input_volumes(inputs_from(large, CACHED)) if volume.cache
    } == {"1Gi"}


# 30,000 files of 100 bytes: 3 MB as objects, 120 MB as blocks, and as much again where each lies in
# a folder of its own.
DATASET = {
    "name": "train",
    "kind": "DatasetPin",
    "pin_name": "tiny",
    "uid": "0d6a7f5e-1f0e-4b57-8d5c-1e1d3c0a0001",
    "digest": "sha256:" + "a" * 64,
    "pin_digest": "sha256:" + "b" * 64,
    "objects": 30_000,
    "bytes": 3_000_000,
    "role": "train",
}
TINY = {"kind": "Resolved", "inputs": [DATASET]}


def test_small_files_have_room_for_their_blocks_and_folders() -> None:
    inputs = inputs_from(TINY)
    on_disk = 30_000 * 2 * 4096
    assert inputs.delivered_bytes > on_disk
    ((_, job),) = stage_jobs(inputs, "sha256:" + "d" * 64)
    (container,) = job["template"]["spec"]["containers"]
    asked = container["resources"]["requests"]["ephemeral-storage"]
    assert quantity.parse(asked) > on_disk


def test_a_cache_of_small_files_has_inodes_for_them() -> None:
    (volume,) = input_volumes(inputs_from(CACHE, {**CACHED, **TINY}))
    assert volume.cache is not None
    assert quantity.parse(volume.cache.size) / 16384 >= 2 * 30_000


@pytest.mark.parametrize("mode", ["Cache", "CSI", "Image"])
def test_no_mode_changes_what_the_experiment_is(mode: str) -> None:
    fetched = desired_objects(inputs_from())
    assert (
        desired_objects(inputs_from(CACHE, {"kind": "Resolved", "deliveryMode": mode})).digest
        == fetched.digest
    )


def test_names_are_short_enough_and_stay_apart() -> None:
    long = [f"{'a' * 55}-{end}" for end in ("one", "two")]
    made = [names.input_claim(name) for name in (*long, "train")]
    assert len(set(made)) == 3
    assert all(len(name) <= 63 and name.startswith(names.INPUT_PREFIX) for name in made)
    assert names.cache("team-a", "s", "d", "c") != names.cache("team-b", "s", "d", "c")
    assert names.cache("team-a", "s", "d", "c") != names.cache("team-a", "s", "d", "other")


def profile(**delivery: Any) -> IsolationProfile:
    spec = {
        "quota": [{"resource": "pods", "default": "1", "maximum": "1"}],
        "images": [
            {"repository": "registry.example/data"},
            {"repository": "old.example", "expireTime": "2026-01-01T00:00:00Z"},
        ],
        "delivery": delivery,
    }
    return IsolationProfile.model_validate(
        {"kind": "IsolationProfile", "metadata": {"name": "standard"}, "spec": spec}
    )


def dataset(**changes: Any) -> ResolvedInput:
    plain = {
        "name": "train",
        "kind": "DatasetPin",
        "pin_name": "rows",
        "uid": "u",
        "digest": "d",
        "pin_digest": "p",
    }
    return ResolvedInput(**plain | changes)


BY_DIGEST = "@sha256:" + "d" * 64
CSI = {"mode": "CSI", "csi": {"driver": "s3.csi.aws.com"}}


@pytest.mark.parametrize(
    ("mode", "delivery", "changes", "words"),
    [
        ("Cache", {}, {}, "no longer has `spec.delivery.cache`"),
        ("CSI", {}, {"bucket": "b"}, "no longer has `spec.delivery.csi`"),
        ("CSI", CSI, {}, "DatasetPin 'rows' does not pin one: pin a prefix"),
        *(
            ("CSI", CSI, {"bucket": "b", "prefix": prefix}, "copy the data below another prefix")
            for prefix in (
                "a,allow_other/",
                "a b/",
                "a\n--endpoint-url=http://evil/",
                "a\t/",
                "$(bucket)/",
                "a/../b/",
                "./a/",
                "a//b/",
                "ä/",
                "'/",
            )
        ),
        ("Image", {"mode": "Image"}, {}, "DatasetPin 'rows' names none"),
        (
            "Image",
            {"mode": "Image"},
            {"image": f"registry.example/data2{BY_DIGEST}"},
            "which IsolationProfile standard does not approve",
        ),
        (
            "Image",
            {"mode": "Image"},
            {"image": f"old.example/data{BY_DIGEST}"},
            "which IsolationProfile standard does not approve",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_cure(
    mode: Any, delivery: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused) as refused:
        check_deliverable(mode, profile(**delivery), (dataset(**changes),), NOW)
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("mode", "delivery", "changes"),
    [
        ("Fetch", {}, {}),
        ("Cache", {"mode": "Cache", "cache": {"storageClassName": ""}}, {}),
        ("CSI", CSI, {"bucket": "b"}),
        ("CSI", CSI, {"bucket": "b", "prefix": "2013/Train_v1.0!(a)=@+-/..b/"}),
        ("Cache", {"mode": "Cache", "cache": {"storageClassName": ""}}, {"prefix": "a,b c/"}),
        ("Image", {"mode": "Image"}, {"image": f"registry.example/data/flights{BY_DIGEST}"}),
    ],
)
def test_what_fits_is_let_through(
    mode: Any, delivery: dict[str, Any], changes: dict[str, Any]
) -> None:
    check_deliverable(mode, profile(**delivery), (dataset(**changes),), NOW)


def test_an_experiment_without_datasets_fits_everywhere() -> None:
    check_deliverable("CSI", profile(), (), NOW)
