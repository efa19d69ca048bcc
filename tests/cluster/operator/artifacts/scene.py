"""Where the attacks take place: two experiments, their issued credentials, what they wrote.

Whatever an attack is answered, `Scene.lost` tells what is left: it reads as the administrator, by
version id, and compares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from support.cluster import Cluster, Store
from support.operator_process import Team, experiment_spec
from support.run_credentials import session_in
from support.signing import Keys, send, send_signed

MIB = 2**20
# Larger ones are read once, at the end.
_READ_EACH_TIME = 64 * 1024


@dataclass(frozen=True)
class Recorded:
    """A version that must outlive every attack."""

    key: str
    version_id: str
    sha256: str
    size: int
    until: datetime


@dataclass(frozen=True)
class Run:
    """One experiment as the store knows it."""

    bucket: str
    prefix: str
    session: dict[str, str] = field(repr=False)

    @property
    def keys(self) -> Keys:
        """What its requests are signed with."""
        return Keys(
            self.session["AccessKeyId"],
            self.session["SecretAccessKey"],
            self.session["SessionToken"],
        )


def run_of(team: Team, name: str) -> Run:
    """Declare an experiment, wait for Ready, take its Secret's credentials as its pods would."""
    team.declare("Experiment", name, experiment_spec("standard", "primary"))
    made = team.expect("Experiment", name)
    bucket, prefix = made["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    return Run(bucket, prefix, session_in(team, made["status"]["namespace"]))


@dataclass
class Scene:
    """What an attack has at hand.

    Attributes:
        own: The attacker: `run7`.
        other: The neighbour whose name only begins alike: `run70`.
        recorded: All versions that must outlive everything, of both and of the operator's evidence.
    """

    cluster: Cluster
    own: Run
    other: Run
    recorded: list[Recorded] = field(default_factory=list)
    upload_id: str = ""

    @property
    def store(self) -> Store:
        return self.cluster.store

    @property
    def bucket(self) -> str:
        return self.own.bucket

    @property
    def model(self) -> str:
        """A key of the attacker with three versions."""
        return f"{self.own.prefix}model.bin"

    @property
    def secret(self) -> str:
        """A key of the neighbour."""
        return f"{self.other.prefix}secret.bin"

    @property
    def pending(self) -> str:
        """A key of the neighbour whose upload in parts is under way."""
        return f"{self.other.prefix}pending.bin"

    @cached_property
    def s3(self) -> Any:
        """The store as the attacker's run sees it."""
        return self.store.client(session=self.own.session)

    @cached_property
    def neighbour(self) -> Any:
        """The store as the neighbour's run sees it."""
        return self.store.client(session=self.other.session)

    @cached_property
    def admin(self) -> Any:
        """The store as its administrator sees it, who issues nothing."""
        return self.store.client()

    @cached_property
    def operator(self) -> Any:
        """The store as the operator sees it."""
        return self.store.client(keys=self.store.access.operator)

    def version_of(self, key: str) -> str:
        """Return the first version of a key that was recorded."""
        return next(each.version_id for each in self.recorded if each.key == key)

    def send(self, method: str, path: str, *, query: str = "", **how: Any) -> int:
        """Send a request exactly as written, signed by the attacker's run; return the status."""
        keys = how.pop("keys", self.own.keys)
        return send_signed(
            self.store.endpoint, keys, method, f"/{self.bucket}/{path}", query=query, **how
        )

    def anonymous(self, key: str) -> int:
        """Read a key without any credentials; return the status."""
        return send(self.store.endpoint, "GET", f"/{self.bucket}/{key}")

    def record(self, key: str, version_id: str, body: bytes) -> None:
        """Remember a version as it is now."""
        head = self.admin.head_object(Bucket=self.bucket, Key=key, VersionId=version_id)
        assert head["ObjectLockMode"] == "COMPLIANCE", f"{key} is not locked on arrival"
        until = head["ObjectLockRetainUntilDate"]
        assert until > datetime.now(UTC)
        self.recorded.append(
            Recorded(key, version_id, hashlib.sha256(body).hexdigest(), len(body), until)
        )

    def lost(self, *, every_byte: bool = False) -> list[str]:
        """Return what is no longer as it was recorded, in words; empty when nothing is lost."""
        return [*self._lost_versions(every_byte=every_byte), *self._lost_upload()]

    def _lost_versions(self, *, every_byte: bool) -> Iterator[str]:
        for each in self.recorded:
            where = {"Bucket": self.bucket, "Key": each.key, "VersionId": each.version_id}
            try:
                head = self.admin.head_object(**where)
                body = (
                    self.admin.get_object(**where)["Body"].read()
                    if every_byte or each.size <= _READ_EACH_TIME
                    else None
                )
            except ClientError as error:
                yield f"{each.key} {each.version_id}: {error}"
                continue
            if body is not None and hashlib.sha256(body).hexdigest() != each.sha256:
                yield f"{each.key} {each.version_id}: other bytes"
            if head["ContentLength"] != each.size:
                yield (
                    f"{each.key} {each.version_id}: {head['ContentLength']} bytes instead of"
                    f" {each.size}"
                )
            if (
                head.get("ObjectLockMode") != "COMPLIANCE"
                or head["ObjectLockRetainUntilDate"] < each.until
            ):
                yield (
                    f"{each.key} {each.version_id}: {head.get('ObjectLockMode')} until"
                    f" {head.get('ObjectLockRetainUntilDate')}"
                )

    def markers(self) -> set[tuple[str, str]]:
        """Return delete markers over what was recorded: they hide it from plain readers."""
        # Over the covered one the administrator lays markers, as a part of attacks.
        recorded = {each.key for each in self.recorded if not each.key.endswith("covered.bin")}
        pages = self.admin.get_paginator("list_object_versions").paginate(Bucket=self.bucket)
        return {
            (marker["Key"], marker["VersionId"])
            for page in pages
            for marker in page.get("DeleteMarkers", [])
            if marker["Key"] in recorded
        }

    def _lost_upload(self) -> Iterator[str]:
        parts = self.neighbour.list_parts(
            Bucket=self.bucket, Key=self.pending, UploadId=self.upload_id
        ).get("Parts", [])
        if [part["Size"] for part in parts] != [5 * MIB]:
            yield f"the neighbour's upload in parts has {parts}"

    def still_writes(self) -> bool:
        """Whether the attacker's credentials still work: else refusals are worthless."""
        key = f"{self.own.prefix}control"
        version_id = self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"control")["VersionId"]
        read: bytes = self.s3.get_object(Bucket=self.bucket, Key=key, VersionId=version_id)[
            "Body"
        ].read()
        return read == b"control"


def write_artifacts(scene: Scene) -> None:
    """Write what a run writes, with its credentials, and the evidence; record all of it."""
    bucket, prefix = scene.bucket, scene.own.prefix
    for number in range(3):
        _put(scene, scene.s3, scene.model, b"weights %d" % number)
    for name in ("metrics.json", "covered.bin", "a/deep/folder/file", "name with spaces & ünïcode"):
        _put(scene, scene.s3, f"{prefix}{name}", name.encode())
    _put(scene, scene.s3, f"{prefix}big.bin", b"0123456789abcdef" * (6 * MIB // 16))
    _put_in_parts(scene, f"{prefix}parts.bin", [b"a" * (5 * MIB), b"b" * 100])
    _put(scene, scene.neighbour, scene.secret, b"not yours")
    for key in (".glovebox/manifests/attacked.jsonl", ".glovebox/seals/attacked/seal.json"):
        _put(scene, scene.operator, key, b"evidence")
    upload = scene.neighbour.create_multipart_upload(Bucket=bucket, Key=scene.pending)["UploadId"]
    scene.neighbour.upload_part(
        Bucket=bucket, Key=scene.pending, UploadId=upload, PartNumber=1, Body=b"c" * (5 * MIB)
    )
    scene.upload_id = upload


def _put(scene: Scene, client: Any, key: str, body: bytes) -> None:
    scene.record(key, client.put_object(Bucket=scene.bucket, Key=key, Body=body)["VersionId"], body)


def _put_in_parts(scene: Scene, key: str, bodies: list[bytes]) -> None:
    where = {"Bucket": scene.bucket, "Key": key}
    upload = scene.s3.create_multipart_upload(**where)["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": scene.s3.upload_part(**where, UploadId=upload, PartNumber=number, Body=body)[
                "ETag"
            ],
        }
        for number, body in enumerate(bodies, start=1)
    ]
    done = scene.s3.complete_multipart_upload(
        **where, UploadId=upload, MultipartUpload={"Parts": parts}
    )
    scene.record(key, done["VersionId"], b"".join(bodies))


@dataclass(frozen=True)
class Attack:
    """A row of the table.

    Args:
        name: Of the attack; unique.
        answer: The status that the store must give.
        why: Why this answer is the right one, or harms nothing.
        make: Makes it, and returns the status; asserts by itself what the status does not tell.
    """

    name: str
    answer: int
    why: str
    make: Callable[[Scene], int]


def status(call: Callable[[], Any]) -> int:
    """Return the status of a client's answer, refused or not.

    One refusal for each key of a batch counts as a refusal.
    """
    try:
        answer = call()
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    if answer.get("Errors"):
        if answer.get("Deleted"):
            return 207  # some of the batch went
        return 403 if {error["Code"] for error in answer["Errors"]} == {"AccessDenied"} else 400
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])
