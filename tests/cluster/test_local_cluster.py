"""The local cluster: what it promises to everything that is tried on it."""

from __future__ import annotations

import http.client
import json
import ssl
import stat
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from glovebox_local.certificates import Authority
from support.api import ApiError, path_of
from support.sockets import listening_addresses
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.api import Api
    from support.cluster import Cluster

SECRET_MARK = "body-that-no-log-may-hold"
CANARY = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "auditcanaries.glovebox.dev"},
    "spec": {
        "group": "glovebox.dev",
        "scope": "Cluster",
        "names": {
            "plural": "auditcanaries",
            "singular": "auditcanary",
            "kind": "AuditCanary",
            "listKind": "AuditCanaryList",
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}


def _get(url: str, path: str, context: ssl.SSLContext) -> int:
    address = urlsplit(url)
    connection = http.client.HTTPSConnection(
        address.hostname or "", address.port, timeout=10, context=context
    )
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def _trusting(authority: Path, certificate: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    if certificate:
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context


def test_kubectl_understands_the_servers_version(cluster: Cluster) -> None:
    answer = json.loads(cluster.kubectl("version", "-o", "json").stdout)
    assert (
        answer["serverVersion"]["gitVersion"] == answer["clientVersion"]["gitVersion"] == "v1.36.3"
    )
    assert (answer["serverVersion"]["major"], answer["serverVersion"]["minor"]) == ("1", "36")


def test_helm_says_its_version_and_reaches_the_cluster(cluster: Cluster) -> None:
    assert cluster.helm("version", "--short").stdout.startswith("v4.2.3")
    assert json.loads(cluster.helm("list", "-n", "nobody-installs-here", "-o", "json").stdout) == []


@pytest.mark.parametrize("path", ["/", "/version", "/readyz", "/api/v1/namespaces", "/metrics"])
def test_whoever_shows_no_certificate_is_refused(cluster: Cluster, path: str) -> None:
    pki = cluster.environment.state.pki
    assert _get(cluster.api.url, path, _trusting(pki / "ca.crt")) == http.HTTPStatus.UNAUTHORIZED


def test_a_certificate_of_another_authority_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    certificate, _ = (
        Authority.create("glovebox-local")
        .issue_client("mallory", ["system:masters"])
        .write(tmp_path, "mallory")
    )
    context = _trusting(cluster.environment.state.pki / "ca.crt", certificate)
    assert _get(cluster.api.url, "/version", context) == http.HTTPStatus.UNAUTHORIZED


def test_a_user_has_the_name_and_groups_of_the_certificate_and_no_rights_by_that(
    cluster: Cluster,
) -> None:
    who = json.loads(
        cluster.kubectl(
            "auth", "whoami", "-o", "json", user="ada", groups=["team-a", "people"]
        ).stdout
    )
    assert who["status"]["userInfo"]["username"] == "ada"
    assert set(who["status"]["userInfo"]["groups"]) == {"team-a", "people", "system:authenticated"}
    refused = cluster.kubectl("get", "pods", user="ada", groups=["team-a", "people"], check=False)
    assert refused.returncode == 1
    assert 'User "ada" cannot list resource "pods"' in refused.stderr


def test_a_service_account_can_be_acted_as_by_its_token(cluster: Cluster) -> None:
    kubeconfig = cluster.kubeconfig_for_service_account("default", "default")
    who = json.loads(
        cluster.kubectl("auth", "whoami", "-o", "json", f"--kubeconfig={kubeconfig}").stdout
    )
    assert who["status"]["userInfo"]["username"] == "system:serviceaccount:default:default"


@pytest.mark.parametrize(
    "holder", [None, "admin"], ids=["no certificate", "the cluster's own administrator"]
)
def test_etcd_answers_nobody_but_the_api_server(cluster: Cluster, holder: str | None) -> None:
    pki = cluster.environment.state.pki
    context = _trusting(pki / "etcd-ca.crt", pki / f"{holder}.crt" if holder else None)
    for port in cluster.etcd.spec.ports:
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            _get(f"https://127.0.0.1:{port}", "/health", context)


def test_etcd_answers_the_api_server(cluster: Cluster) -> None:
    pki = cluster.environment.state.pki
    client, _ = cluster.etcd.spec.ports
    assert (
        _get(
            f"https://127.0.0.1:{client}",
            "/health",
            _trusting(pki / "etcd-ca.crt", pki / "etcd-client.crt"),
        )
        == http.HTTPStatus.OK
    )


def test_nothing_listens_beyond_the_loopback_interface(cluster: Cluster) -> None:
    for part in cluster.environment.parts:
        assert listening_addresses(part.pid) == {f"127.0.0.1:{port}" for port in part.spec.ports}, (
            part.name
        )


def test_keys_are_for_their_owners_eyes_only(cluster: Cluster) -> None:
    cluster.kubeconfig_for("ada")
    state = cluster.environment.state
    files = [
        file
        for folder in (state.pki, state.config, state.users, state.run)
        for file in folder.rglob("*")
        if file.is_file()
    ]
    open_to_others = [
        file
        for file in (*files, state.kubeconfig, state.store)
        if stat.S_IMODE(file.stat().st_mode) & 0o077
    ]
    assert len(files) > 20
    assert open_to_others == []


@pytest.fixture(scope="module")
def canaries(api: Api) -> Iterator[str]:
    crds = path_of("apiextensions.k8s.io/v1", "customresourcedefinitions")
    api.create(crds, CANARY)
    path = path_of("glovebox.dev/v1", "auditcanaries")
    eventually(lambda: api.find(path), what="the canary kind is served")
    yield path
    api.delete(f"{crds}/{CANARY['metadata']['name']}")  # type: ignore[index]


def test_the_audit_log_holds_whole_requests_for_our_own_kinds(
    cluster: Cluster, canaries: str
) -> None:
    cluster.api.create(
        canaries,
        {
            "apiVersion": "glovebox.dev/v1",
            "kind": "AuditCanary",
            "metadata": {"name": "one"},
            "colour": "yellow",
        },
    )
    (event,) = [
        event
        for event in cluster.audit()
        if event["verb"] == "create" and event["objectRef"].get("resource") == "auditcanaries"
    ]
    assert event["level"] == "RequestResponse"
    assert event["user"]["username"] == "glovebox-local-admin"
    assert event["requestObject"]["colour"] == event["responseObject"]["colour"] == "yellow"


def test_the_audit_log_tells_who_wrote_other_kinds_and_never_a_secret(cluster: Cluster) -> None:
    cluster.api.create_namespace("audit")
    secret = {"metadata": {"name": "one"}, "stringData": {"key": SECRET_MARK}}
    cluster.api.create(path_of("v1", "secrets", namespace="audit"), secret)
    cluster.api.get(path_of("v1", "secrets", namespace="audit", name="one"))
    (event,) = [
        event
        for event in cluster.audit()
        if event["verb"] == "create"
        and event.get("objectRef", {}).get("resource") == "secrets"
        and event["objectRef"]["namespace"] == "audit"
    ]
    assert event["level"] == "Metadata"
    assert event["responseStatus"]["code"] == http.HTTPStatus.CREATED
    assert SECRET_MARK not in cluster.environment.control_plane.audit_log.read_text()


def test_controllers_do_their_work(cluster: Cluster) -> None:
    api = cluster.api
    api.create_namespace("controllers")
    eventually(
        lambda: api.find(
            path_of("v1", "configmaps", namespace="controllers", name="kube-root-ca.crt")
        ),
        what="the CA bundle is published",
    )
    owner = api.create(
        path_of("v1", "configmaps", namespace="controllers"), {"metadata": {"name": "owner"}}
    )
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "owner",
        "uid": owner["metadata"]["uid"],
    }
    child = path_of("v1", "configmaps", namespace="controllers", name="child")
    api.create(
        path_of("v1", "configmaps", namespace="controllers"),
        {"metadata": {"name": "child", "ownerReferences": [reference]}},
    )
    api.delete(path_of("v1", "configmaps", namespace="controllers", name="owner"))
    eventually(
        lambda: api.find(child) is None,
        what="what belonged to a deleted object is collected",
        timeout=30,
    )
    api.delete(path_of("v1", "namespaces", name="controllers"))
    eventually(
        lambda: api.find(path_of("v1", "namespaces", name="controllers")) is None,
        what="the namespace is gone",
        timeout=30,
    )


def test_validating_admission_policies_are_served(cluster: Cluster) -> None:
    assert (
        cluster.api.list(path_of("admissionregistration.k8s.io/v1", "validatingadmissionpolicies"))
        is not None
    )


def test_the_api_server_comes_back_after_kill_9_with_everything(cluster: Cluster) -> None:
    api = cluster.api
    before = api.create(
        path_of("v1", "configmaps", namespace="default"), {"metadata": {"name": "survivor"}}
    )
    killed = cluster.apiserver.pid
    cluster.apiserver.kill()
    assert not cluster.apiserver.running
    with pytest.raises(OSError, match="refused"):
        api.get("/version")
    started = time.monotonic()
    cluster.apiserver.start()
    assert time.monotonic() - started < 30
    assert cluster.apiserver.pid != killed
    assert api.get(path_of("v1", "configmaps", namespace="default", name="survivor")) == before


def test_a_refusal_carries_the_servers_own_words(cluster: Cluster) -> None:
    with pytest.raises(ApiError) as refused:
        cluster.api_as("nobody").get(path_of("v1", "namespaces"))
    assert (refused.value.code, refused.value.reason) == (403, "Forbidden")
    assert (
        refused.value.message
        == 'namespaces is forbidden: User "nobody" cannot list resource "namespaces" in API group'
        ' "" at the cluster scope'
    )
