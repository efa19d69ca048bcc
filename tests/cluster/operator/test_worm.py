"""Attacks on locked artifacts, with the run's real credentials, the operator's and an administrator's. Not one version may be lost."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from support.cluster import Cluster
from support.operator_process import Team, experiment_spec
from support.run_credentials import session_in

_PAST = datetime(2020, 1, 1, tzinfo=UTC)
_PART = 5 << 20


@dataclass(frozen=True)
class Target:
    """Artifacts that stand, and who may try what on them.

    Attributes:
        run: S3 as the run, with the credentials from its Secret.
        sts: STS, likewise.
        operator: S3 as the operator.
        admin: S3 as the store's administrator.
        bucket: The bucket of artifacts.
        prefix: The experiment's own.
        other: Another experiment's prefix, with an object `model.bin` in it.
        versions: SHA-256 and end of the lock of every version, by key and version id.
    """

    run: Any
    sts: Any
    operator: Any
    admin: Any
    bucket: str
    prefix: str
    other: str
    versions: dict[tuple[str, str], tuple[str, datetime]]

    @property
    def key(self) -> str:
        return f"{self.prefix}model.bin"

    @property
    def version(self) -> str:
        return next(version for key, version in self.versions if key == self.key)

    def at(self, key: str | None = None, **more: Any) -> dict[str, Any]:
        return {"Bucket": self.bucket, "Key": key or self.key, **more}

    def lost(self) -> list[tuple[str, str]]:
        """Return the versions that are not as they were, as the administrator finds them."""
        gone = []
        for (key, version), (sha256, until) in self.versions.items():
            try:
                found = self.admin.get_object(Bucket=self.bucket, Key=key, VersionId=version)
                kept = self.admin.get_object_retention(Bucket=self.bucket, Key=key, VersionId=version)["Retention"]
            except ClientError:
                gone.append((key, version))
                continue
            same = hashlib.sha256(found["Body"].read()).hexdigest() == sha256
            if not (same and kept["Mode"] == "COMPLIANCE" and kept["RetainUntilDate"] >= until):
                gone.append((key, version))
        return gone


@pytest.fixture(scope="module")
def target(cluster: Cluster, platform: Team) -> Target:
    """Two experiments of one team, each with artifacts that its own run's credentials wrote."""
    del platform
    team = Team(cluster, "team-worm")
    made = {}
    for name in ("victim", "rival"):
        team.declare("Experiment", name, experiment_spec("standard", "primary"))
        made[name] = team.expect("Experiment", name)
    bucket, prefix = made["victim"]["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    other = made["rival"]["status"]["artifacts"]["uri"].removeprefix(f"s3://{bucket}/")
    run, rival = (cluster.store.client(session=session_in(team, made[name]["status"]["namespace"])) for name in ("victim", "rival"))
    rival.put_object(Bucket=bucket, Key=f"{other}model.bin", Body=b"rival")
    for key, body in (("model.bin", b"weights"), ("metrics.json", b"{}"), ("log.txt", b"first"), ("log.txt", b"second")):
        run.put_object(Bucket=bucket, Key=f"{prefix}{key}", Body=body)
    upload = run.create_multipart_upload(Bucket=bucket, Key=f"{prefix}big.bin")["UploadId"]
    parts = []
    for number, body in ((1, b"x" * _PART), (2, b"end")):
        part = run.upload_part(Bucket=bucket, Key=f"{prefix}big.bin", UploadId=upload, PartNumber=number, Body=body)
        parts.append({"ETag": part["ETag"], "PartNumber": number})
    run.complete_multipart_upload(Bucket=bucket, Key=f"{prefix}big.bin", UploadId=upload, MultipartUpload={"Parts": parts})
    admin = cluster.store.client()
    listed = admin.list_object_versions(Bucket=bucket, Prefix=prefix)["Versions"]
    assert len(listed) == 5
    versions = {}
    for row in listed:
        where = {"Bucket": bucket, "Key": row["Key"], "VersionId": row["VersionId"]}
        body = admin.get_object(**where)["Body"].read()
        versions[row["Key"], row["VersionId"]] = (
            hashlib.sha256(body).hexdigest(),
            admin.get_object_retention(**where)["Retention"]["RetainUntilDate"],
        )
    operator = cluster.store.client(keys=cluster.store.access.operator)
    sts = cluster.store.client("sts", session=session_in(team, made["victim"]["status"]["namespace"]))
    return Target(run, sts, operator, admin, bucket, prefix, other, versions)


def _retention(days: int, mode: str = "COMPLIANCE") -> dict[str, Any]:
    return {"Mode": mode, "RetainUntilDate": datetime.now(UTC) + timedelta(days=days)}


def _copy(t: Target, source: str, to: str) -> Any:
    return t.run.copy_object(**t.at(to), CopySource={"Bucket": t.bucket, "Key": source})


def _presigned(t: Target, method: str, key: str, body: bytes | None = None) -> None:
    operation = {"PUT": "put_object", "GET": "get_object", "DELETE": "delete_object"}[method]
    url = t.run.generate_presigned_url(operation, Params=t.at(key), ExpiresIn=60)
    request = urllib.request.Request(url, data=body, method=method)  # noqa: S310 - our own store
    try:
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - as above
    except urllib.error.HTTPError as error:
        error.close()
        raise ClientError({"Error": {"Code": str(error.code)}}, operation) from None


Attack = Callable[[Target], Any]
BY_THE_RUN: dict[str, Attack] = {
    "delete the current version": lambda t: t.run.delete_object(**t.at()),
    "delete a version": lambda t: t.run.delete_object(**t.at(VersionId=t.version)),
    "delete a version, bypassing governance": lambda t: t.run.delete_object(**t.at(VersionId=t.version, BypassGovernanceRetention=True)),
    "shorten a lock": lambda t: t.run.put_object_retention(**t.at(VersionId=t.version, Retention={**_retention(0)})),
    "prolong a lock": lambda t: t.run.put_object_retention(**t.at(VersionId=t.version, Retention=_retention(9))),
    "a lock that ended": lambda t: t.run.put_object_retention(
        **t.at(VersionId=t.version, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": _PAST})
    ),
    "a weaker lock": lambda t: t.run.put_object_retention(
        **t.at(VersionId=t.version, Retention=_retention(9, "GOVERNANCE"), BypassGovernanceRetention=True)
    ),
    "no lock at all": lambda t: t.run.put_object_retention(**t.at(VersionId=t.version, Retention={})),
    "take a legal hold off": lambda t: t.run.put_object_legal_hold(**t.at(VersionId=t.version, LegalHold={"Status": "OFF"})),
    "write with a weaker lock of its own": lambda t: t.run.put_object(
        **t.at(f"{t.prefix}weak"),
        Body=b"x",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=datetime.now(UTC) + timedelta(seconds=5),
    ),
    "write into another experiment's prefix": lambda t: t.run.put_object(**t.at(f"{t.other}model.bin"), Body=b"x"),
    "read another experiment's results": lambda t: t.run.get_object(**t.at(f"{t.other}model.bin")),
    "look at another experiment's results": lambda t: t.run.head_object(**t.at(f"{t.other}model.bin")),
    "list another experiment's prefix": lambda t: t.run.list_objects_v2(Bucket=t.bucket, Prefix=t.other),
    "list the whole bucket": lambda t: t.run.list_objects_v2(Bucket=t.bucket),
    "copy another experiment's results": lambda t: _copy(t, f"{t.other}model.bin", f"{t.prefix}stolen"),
    "copy over another experiment's results": lambda t: _copy(t, t.key, f"{t.other}model.bin"),
    "begin an upload in another prefix": lambda t: t.run.create_multipart_upload(**t.at(f"{t.other}big")),
    "a prefix that only begins like the own": lambda t: t.run.put_object(**t.at(f"{t.prefix.rstrip('/')}0/x"), Body=b"x"),
    "the own prefix without its end": lambda t: t.run.put_object(**t.at(t.prefix.rstrip("/")), Body=b"x"),
    "forge the manifest of a pin": lambda t: t.run.put_object(**t.at(".glovebox/manifests/sha256/x.jsonl.gz"), Body=b"x"),
    "forge a seal": lambda t: t.run.put_object(**t.at(".glovebox/seals/x/attestation.dsse.json"), Body=b"x"),
    "list the evidence": lambda t: t.run.list_objects_v2(Bucket=t.bucket, Prefix=".glovebox/"),
    "suspend versions": lambda t: t.run.put_bucket_versioning(Bucket=t.bucket, VersioningConfiguration={"Status": "Suspended"}),
    "change the default lock": lambda t: t.run.put_object_lock_configuration(
        Bucket=t.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
    ),
    "let versions expire": lambda t: t.run.put_bucket_lifecycle_configuration(
        Bucket=t.bucket,
        LifecycleConfiguration={
            "Rules": [{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}]
        },
    ),
    "open the bucket by policy": lambda t: t.run.put_bucket_policy(
        Bucket=t.bucket,
        Policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::*"}]}',
    ),
    "delete the bucket": lambda t: t.run.delete_bucket(Bucket=t.bucket),
    "make a bucket of its own": lambda t: t.run.create_bucket(Bucket="gbx-own-bucket"),
    "open the bucket by access list": lambda t: t.run.put_bucket_acl(Bucket=t.bucket, ACL="public-read-write"),
    "assume the role again, without a policy": lambda t: t.sts.assume_role(
        RoleArn="arn:aws:iam::000000000000:role/glovebox-experiment", RoleSessionName="again"
    ),
    "a federation token": lambda t: t.sts.get_federation_token(Name="again"),
    "a web identity of its own making": lambda t: t.sts.assume_role_with_web_identity(
        RoleArn="arn:aws:iam::000000000000:role/glovebox-experiment", RoleSessionName="again", WebIdentityToken="a.b.c"
    ),
    "a signed address to delete": lambda t: _presigned(t, "DELETE", t.key),
    "a signed address into another prefix": lambda t: _presigned(t, "PUT", f"{t.other}x", b"x"),
    "a signed address to read another prefix": lambda t: _presigned(t, "GET", f"{t.other}model.bin"),
}


@pytest.mark.parametrize("name", BY_THE_RUN)
def test_the_run_is_refused(target: Target, name: str) -> None:
    with pytest.raises((ClientError, BotoCoreError)) as refused:
        BY_THE_RUN[name](target)
    # A call that never left this process would prove nothing.
    assert not isinstance(refused.value, ParamValidationError)
    assert target.lost() == []


def test_deleting_many_at_once_deletes_none(target: Target) -> None:
    wanted = [{"Key": key, "VersionId": version} for key, version in target.versions]
    try:
        answer = target.run.delete_objects(Bucket=target.bucket, Delete={"Objects": wanted})
    except ClientError:
        answer = {}
    assert "Deleted" not in answer
    assert target.lost() == []


POWERFUL: dict[str, Callable[[Target, Any], Any]] = {
    "delete a version": lambda t, s3: s3.delete_object(**t.at(VersionId=t.version)),
    "delete a version, bypassing governance": lambda t, s3: s3.delete_object(**t.at(VersionId=t.version, BypassGovernanceRetention=True)),
    "shorten a lock": lambda t, s3: s3.put_object_retention(**t.at(VersionId=t.version, Retention=_retention(0))),
    "a weaker lock": lambda t, s3: s3.put_object_retention(
        **t.at(VersionId=t.version, Retention=_retention(9, "GOVERNANCE"), BypassGovernanceRetention=True)
    ),
    "suspend versions": lambda t, s3: s3.put_bucket_versioning(Bucket=t.bucket, VersioningConfiguration={"Status": "Suspended"}),
    "delete the bucket": lambda t, s3: s3.delete_bucket(Bucket=t.bucket),
}


@pytest.mark.parametrize("who", ["operator", "admin"])
@pytest.mark.parametrize("name", POWERFUL)
def test_not_even_the_operator_or_an_administrator_can(target: Target, who: str, name: str) -> None:
    with pytest.raises(ClientError):
        POWERFUL[name](target, getattr(target, who))
    assert target.lost() == []


def test_writing_over_a_result_leaves_the_result(target: Target) -> None:
    # The store allows it by design: it is another version, and reads go by version.
    target.run.put_object(**target.at(), Body=b"other weights")
    assert target.lost() == []


def test_what_this_store_takes_for_the_own_prefix_reaches_nobody_else(target: Target) -> None:
    """SeaweedFS 4.48 compares a policy's resource without regard to case, and drops a leading slash of a key.

    Neither leads to another experiment: names in Kubernetes are lower case, and without its slash the key is the own one.
    """
    before = {row["Key"] for row in target.admin.list_objects_v2(Bucket=target.bucket)["Contents"]}
    target.run.put_object(**target.at(f"{target.prefix.upper()}x"), Body=b"x")
    target.run.put_object(**target.at(f"/{target.prefix}slash"), Body=b"x")
    after = {row["Key"] for row in target.admin.list_objects_v2(Bucket=target.bucket)["Contents"]}
    assert after - before == {f"{target.prefix.upper()}x", f"{target.prefix}slash"}
    with pytest.raises(ClientError):
        target.run.put_object(**target.at(f"{target.other.upper()}x"), Body=b"x")
    assert target.lost() == []


def test_a_marker_by_an_administrator_hides_and_loses_nothing(target: Target) -> None:
    target.admin.delete_object(**target.at(f"{target.prefix}metrics.json"))
    target.run.put_object(**target.at(f"{target.prefix}metrics.json"), Body=b"{}", IfNoneMatch="*")
    assert target.lost() == []


def test_the_credentials_still_do_what_they_are_for(target: Target) -> None:
    # Last: a dead credential would have been refused everything above.
    assert target.run.put_object(**target.at(f"{target.prefix}late.txt"), Body=b"still here")["VersionId"]
    assert target.run.get_object(**target.at(f"{target.prefix}late.txt"))["Body"].read() == b"still here"
