"""The local store: what its S3 port protects, no other port of it gives away."""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.cluster import Cluster, Store

BUCKET = "local-store-test"


@pytest.fixture(scope="module")
def s3(store: Store) -> Any:
    client = store.client(keys=store.access.operator)
    client.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    return client


@pytest.fixture(scope="module")
def session(store: Store, s3: Any) -> Any:
    s3.put_object(Bucket=BUCKET, Key="other/secret", Body=b"not yours")
    statement = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": [f"arn:aws:s3:::{BUCKET}/mine/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sts = store.client("sts", keys=store.access.operator)
    role = store.access.role_arn
    return sts.assume_role(
        RoleArn=role, RoleSessionName="experiment", Policy=policy, DurationSeconds=900
    )["Credentials"]


def _refused(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as error:
        call()
    return str(error.value.response["Error"].get("Code"))


def test_a_session_writes_and_reads_under_its_own_prefix(store: Store, session: Any) -> None:
    client = store.client(session=session)
    client.put_object(Bucket=BUCKET, Key="mine/a", Body=b"a")
    assert client.get_object(Bucket=BUCKET, Key="mine/a")["Body"].read() == b"a"


@pytest.mark.parametrize("key", ["other/secret", "mine", "mine2/a"])
def test_a_session_reaches_nothing_beside_its_prefix(store: Store, session: Any, key: str) -> None:
    client = store.client(session=session)
    assert _refused(lambda: client.get_object(Bucket=BUCKET, Key=key)) == "AccessDenied"
    assert _refused(lambda: client.put_object(Bucket=BUCKET, Key=key, Body=b"x")) == "AccessDenied"


def test_a_session_cannot_delete_or_list(store: Store, session: Any) -> None:
    client = store.client(session=session)
    assert _refused(lambda: client.delete_object(Bucket=BUCKET, Key="mine/a")) == "AccessDenied"
    assert _refused(lambda: client.list_objects_v2(Bucket=BUCKET)) == "AccessDenied"


def test_a_session_cannot_become_a_wider_one(store: Store, session: Any) -> None:
    sts = store.client("sts", session=session)
    assert (
        _refused(
            lambda: sts.assume_role(
                RoleArn=store.access.role_arn, RoleSessionName="again", DurationSeconds=900
            )
        )
        == "AccessDenied"
    )


def test_the_role_trusts_the_operator_alone(store: Store) -> None:
    sts = store.client("sts", keys=store.access.loader)
    assert (
        _refused(
            lambda: sts.assume_role(
                RoleArn=store.access.role_arn, RoleSessionName="loader", DurationSeconds=900
            )
        )
        == "AccessDenied"
    )


def test_whoever_has_no_keys_is_refused(store: Store, s3: Any) -> None:
    del s3
    host = store.endpoint.removeprefix("http://")
    for path in ("/", f"/{BUCKET}", f"/{BUCKET}/other/secret"):
        assert _http(host, "GET", path) == http.HTTPStatus.FORBIDDEN, path


def _http(host: str, method: str, path: str) -> int:
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    finally:
        connection.close()


def _lock(s3: Any, key: str) -> str:
    until = datetime.now(UTC) + timedelta(days=1)
    answer = s3.put_object(
        Bucket=BUCKET,
        Key=key,
        Body=b"kept",
        ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=until,
    )
    return str(answer["VersionId"])


def test_a_locked_version_survives_its_administrator(s3: Any) -> None:
    version = _lock(s3, "locked")
    for bypass in (False, True):
        assert _refused(
            lambda: s3.delete_object(
                Bucket=BUCKET,
                Key="locked",
                VersionId=version,
                BypassGovernanceRetention=bypass,  # noqa: B023 - called at once
            )
        )
    assert s3.get_object(Bucket=BUCKET, Key="locked", VersionId=version)["Body"].read() == b"kept"


def test_the_inner_ports_destroy_nothing(cluster: Cluster, s3: Any) -> None:
    version = _lock(s3, "inner")
    ports = cluster.environment.description.ports
    attacks = [
        ("filer", "DELETE", f"/buckets/{BUCKET}?recursive=true"),
        ("filer", "DELETE", f"/buckets/{BUCKET}/inner.versions?recursive=true"),
        ("filer", "GET", f"/buckets/{BUCKET}/"),
        ("master", "GET", f"/col/delete?collection={BUCKET}"),
        ("master", "POST", f"/col/delete?collection={BUCKET}"),
        *(("volume", "DELETE", f"/{volume},01637037d6") for volume in range(1, 9)),
    ]
    for port, method, path in attacks:
        assert _http(f"127.0.0.1:{ports[port]}", method, path) >= http.HTTPStatus.BAD_REQUEST, (
            port,
            method,
            path,
        )
    assert s3.get_object(Bucket=BUCKET, Key="inner", VersionId=version)["Body"].read() == b"kept"


@pytest.mark.parametrize("port", ["filer-grpc", "master-grpc", "volume-grpc", "s3-grpc"])
def test_the_inner_grpc_ports_want_a_certificate(cluster: Cluster, port: str) -> None:
    host = f"127.0.0.1:{cluster.environment.description.ports[port]}"
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        _http(host, "GET", "/")


def test_an_outage_refuses_connections_and_loses_nothing(store: Store, s3: Any) -> None:
    version = _lock(s3, "outage")
    store.kill()
    with pytest.raises(EndpointConnectionError):
        s3.list_buckets()
    store.start()
    assert s3.get_object(Bucket=BUCKET, Key="outage", VersionId=version)["Body"].read() == b"kept"
    assert (
        _refused(lambda: s3.delete_object(Bucket=BUCKET, Key="outage", VersionId=version))
        == "AccessDenied"
    )
