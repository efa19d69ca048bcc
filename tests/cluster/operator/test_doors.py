"""What an experiment needs of the platform: registries' secrets, and pods of other namespaces."""

from __future__ import annotations

import base64
import json
import uuid
from functools import partial
from typing import Any

import pytest

from support.api import Api, path_of
from support.operator_process import BREAK_GLASS, Operator, Team, experiment_spec, profile_spec
from support.waiting import eventually

OWN = "glovebox-system"
COPY = "glovebox-image-pull"
TYPE = "kubernetes.io/dockerconfigjson"
KEY = ".dockerconfigjson"
POLICIES = "networking.k8s.io/v1"


def registries(password: str, registry: str = "registry.example") -> dict[str, Any]:
    return {"auths": {registry: {"username": "puller", "password": password}}}


def source(name: str, document: dict[str, Any], kind: str = TYPE) -> dict[str, Any]:
    key = KEY if kind == TYPE else "key"
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": OWN},
        "type": kind,
        "data": {key: base64.b64encode(json.dumps(document).encode()).decode()},
    }


def secrets(namespace: str, name: str | None = None) -> str:
    return path_of("v1", "secrets", namespace=namespace, name=name)


def copied(api: Api, namespace: str) -> Any:
    found = api.find(secrets(namespace, COPY))
    return json.loads(base64.b64decode(found["data"][KEY])) if found else None


def nudged(team: Team, name: str) -> None:
    """Have the operator look at an Experiment, which it does by itself some minutes later."""
    words = {"description": f"looked at {uuid.uuid4().hex[:6]}", "owner": "tests"}
    team.api.patch(team.path("Experiment", name), {"spec": {"purpose": words}})


@pytest.fixture
def profile(platform: Team) -> str:
    """A profile that names two Secrets of which there is none yet."""
    name = f"opened-{uuid.uuid4().hex[:8]}"
    named = [{"name": f"{name}-b"}, {"name": f"{name}-a"}]
    platform.declare("IsolationProfile", name, profile_spec(imagePullSecrets=named))
    return name


def test_nothing_is_created_before_every_secret_of_the_profile_is_there(
    team: Team, profile: str
) -> None:
    api = team.api
    team.declare("Experiment", "waits", experiment_spec(profile, "primary"))
    waits = team.expect("Experiment", "waits", "Ready", "False", "PullSecretNotFound")
    message = team.condition("Experiment", "waits", "Ready")["message"]
    assert f"there is no Secret '{profile}-a' in the operator's namespace '{OWN}'" in message
    assert not waits["status"].get("digest"), "nothing is bound"
    assert not waits["status"].get("namespaceUid"), "nothing is created"
    team.expect("IsolationProfile", profile, "Ready", "False", "PullSecretNotFound")
    api.create(secrets(OWN), source(f"{profile}-b", registries("two", "other.example")))
    api.create(secrets(OWN), source(f"{profile}-a", registries("one"), kind="Opaque"))
    team.expect("Experiment", "waits", "Ready", "False", "PullSecretInvalid")
    message = team.condition("Experiment", "waits", "Ready")["message"]
    assert f"Secret '{profile}-a' is of type 'Opaque'" in message
    api.delete(secrets(OWN, f"{profile}-a"))
    api.create(secrets(OWN), source(f"{profile}-a", registries("one")))
    team.expect("IsolationProfile", profile)
    made = team.expect("Experiment", "waits")
    namespace = made["status"]["namespace"]
    both = registries("one")["auths"] | registries("two", "other.example")["auths"]
    assert copied(api, namespace) == {"auths": both}
    snapshot = api.get(path_of("v1", "configmaps", namespace=namespace, name="glovebox-snapshot"))
    covered = json.loads(snapshot["data"]["snapshot.json"])["platform"]["profile"]
    assert covered["imagePullSecrets"] == [{"name": f"{profile}-a"}, {"name": f"{profile}-b"}]
    assert "puller" not in json.dumps(snapshot), "names, and nothing of what is in them"
    assert "puller" not in json.dumps(team.read("Experiment", "waits"))


def test_the_copy_follows_its_sources_is_repaired_and_goes_with_the_other_credentials(
    team: Team, profile: str, operator: Operator, rogue: Api
) -> None:
    api = team.api
    for suffix, document in (("a", registries("one")), ("b", registries("two", "b.example"))):
        api.create(secrets(OWN), source(f"{profile}-{suffix}", document))
    team.declare("Experiment", "tried", experiment_spec(profile, "primary"))
    namespace = team.expect("Experiment", "tried")["status"]["namespace"]
    # A pod names the account and nothing else: Kubernetes gives it what the account has.
    pod = {
        "metadata": {"name": "by-hand"},
        "spec": {
            "serviceAccountName": "glovebox-runner",
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "main",
                    "image": made_image(team),
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }
    tenant = team.cluster.api_as("ann", [f"glovebox:team:{team.name}"])
    made = tenant.create(path_of("v1", "pods", namespace=namespace), pod, dryRun="All")
    assert made["spec"]["imagePullSecrets"] == [{"name": COPY}]

    api.replace(
        secrets(OWN, f"{profile}-a"),
        api.get(secrets(OWN, f"{profile}-a")) | {"data": source("", registries("new"))["data"]},
    )
    nudged(team, "tried")
    expect_password(api, namespace, "new")
    team.expect("Experiment", "tried")
    repaired = partial(
        operator.metric, "glovebox_drift_repairs_total", managed_kind="Secret", result="success"
    )
    before = repaired()
    rogue.delete(secrets(namespace, COPY))
    nudged(team, "tried")
    expect_password(api, namespace, "new")
    team.expect("Experiment", "tried")  # what a look did is told once its status is written
    forged = source("", registries("forged"))["data"]
    rogue.patch(secrets(namespace, COPY), {"data": forged})
    nudged(team, "tried")
    expect_password(api, namespace, "new")
    eventually(lambda: repaired() == before + 2, what="both were told; the new source was none")

    # The source is gone: what was copied stays, and that is said.
    api.delete(secrets(OWN, f"{profile}-a"))
    nudged(team, "tried")
    eventually(
        lambda: (
            f"no Secret '{profile}-a'"
            in team.condition("Experiment", "tried", "CredentialsFresh")["message"]
        ),
        what="it is said that the source is gone",
    )
    assert team.condition("Experiment", "tried", "Ready")["status"] == "True"
    expect_password(api, namespace, "new")

    team.api.patch(team.path("Experiment", "tried"), {"spec": {"lifecycle": {"desired": "Frozen"}}})
    team.expect("Experiment", "tried", "Ready", "False", "Frozen")
    assert copied(api, namespace) is None, "it goes with the other credentials"
    api.create(secrets(OWN), source(f"{profile}-a", registries("back")))
    team.api.patch(team.path("Experiment", "tried"), {"spec": {"lifecycle": {"desired": "Active"}}})
    team.expect("Experiment", "tried")
    expect_password(api, namespace, "back")


def made_image(team: Team) -> str:
    reference: str = team.read("Experiment", "tried")["spec"]["images"][0]["reference"]
    return reference


def expect_password(api: Api, namespace: str, password: str) -> None:
    eventually(
        lambda: (
            (copied(api, namespace) or {"auths": {}})["auths"].get("registry.example")
            == registries(password)["auths"]["registry.example"]
        ),
        what=f"the copy holds the password {password}",
    )


SERVICES: list[dict[str, Any]] = [
    {
        "name": "tracking",
        "namespace": "mlflow",
        "podLabels": {"app": "mlflow"},
        "ports": [{"port": 5000}],
    },
    {
        "name": "features",
        "namespace": "feast",
        "podLabels": {"app": "feast"},
        "ports": [{"port": 6566}],
    },
]


def test_a_service_is_opened_by_its_name_as_it_was_bound(platform: Team, team: Team) -> None:
    name = f"doors-{uuid.uuid4().hex[:8]}"
    platform.declare("IsolationProfile", name, profile_spec(network={"services": SERVICES}))
    platform.expect("IsolationProfile", name)
    network = {"services": ["tracking"]}
    team.declare("Experiment", "calls", experiment_spec(name, "primary", network=network))
    namespace = team.expect("Experiment", "calls")["status"]["namespace"]
    opened = path_of(
        POLICIES, "networkpolicies", namespace=namespace, name="glovebox-allow-services"
    )
    rule = {
        "to": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "mlflow"}},
                "podSelector": {"matchLabels": {"app": "mlflow"}},
            }
        ],
        "ports": [{"port": 5000, "protocol": "TCP"}],
    }
    assert team.api.get(opened)["spec"]["egress"] == [rule]
    # What else is offered concerns nobody who did not ask for it; what was asked for stays.
    fewer = {"spec": {"network": {"services": SERVICES[:1]}}}
    team.api.patch(team.path("IsolationProfile", name), fewer)
    nudged(team, "calls")
    team.expect("Experiment", "calls", "PlatformChanged", "False")
    team.api.patch(team.path("IsolationProfile", name), {"spec": {"network": {"services": []}}})
    team.expect("Experiment", "calls", "PlatformChanged", "True", "ProfileChanged")
    assert team.api.get(opened)["spec"]["egress"] == [rule]
    # And nobody takes it away.
    rogue = team.cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
    rogue.delete(opened)
    eventually(lambda: team.api.find(opened), what="the policy is back")


def test_a_service_that_is_not_offered_is_refused_with_those_that_are(
    platform: Team, team: Team
) -> None:
    name = f"doors-{uuid.uuid4().hex[:8]}"
    platform.declare("IsolationProfile", name, profile_spec(network={"services": SERVICES}))
    network = {"services": ["registry"]}
    team.declare("Experiment", "asks", experiment_spec(name, "primary", network=network))
    asks = team.expect("Experiment", "asks", "Ready", "False", "RouteNotAllowed")
    assert team.condition("Experiment", "asks", "Ready")["message"] == (
        f"spec.network.services names registry, which IsolationProfile {name} does not offer: name"
        " one that it offers (features, tracking), or ask the platform team to add it to"
        " spec.network.services of the profile"
    )
    assert not asks["status"].get("digest")


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (
            {"services": [{**SERVICES[0], "namespace": OWN}]},
            f"namespace {OWN} is the operator's own, and systemNamespace of that entry is not",
        ),
        (
            {"dns": {"addresses": ["169.254.169.254"]}},
            "spec.network.dns.addresses has 169.254.169.254, which is in 169.254.169.254/32",
        ),
    ],
)
def test_a_profile_that_opens_what_it_must_not_is_not_ready(
    platform: Team, network: dict[str, Any], says: str
) -> None:
    name = f"doors-{uuid.uuid4().hex[:8]}"
    platform.declare("IsolationProfile", name, profile_spec(network=network))
    platform.expect("IsolationProfile", name, "Ready", "False", "ProfileInvalid")
    assert says in platform.condition("IsolationProfile", name, "Ready")["message"]


def test_a_proxy_and_authorities_are_given_as_they_were_bound(platform: Team, team: Team) -> None:
    name = f"doors-{uuid.uuid4().hex[:8]}"
    authorities = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    network = {"proxy": {"url": "http://192.0.2.77:3128"}, "tls": {"caBundle": authorities}}
    platform.declare("IsolationProfile", name, profile_spec(network=network))
    platform.expect("IsolationProfile", name)
    asks = {"useProxy": True}
    team.declare("Experiment", "through", experiment_spec(name, "primary", network=asks))
    team.declare("Experiment", "without", experiment_spec(name, "primary"))
    namespaces = {
        each: team.expect("Experiment", each)["status"]["namespace"]
        for each in ("through", "without")
    }

    def policies(experiment: str) -> str:
        found = team.api.list(
            path_of(POLICIES, "networkpolicies", namespace=namespaces[experiment])
        )
        return json.dumps([each["spec"] for each in found])

    def snapshot(experiment: str) -> dict[str, Any]:
        path = path_of(
            "v1", "configmaps", namespace=namespaces[experiment], name="glovebox-snapshot"
        )
        data: dict[str, Any] = team.api.get(path)["data"]
        return data

    assert "192.0.2.77/32" in policies("through")
    assert "192.0.2.77" not in policies("without")
    for each, uses in (("through", True), ("without", False)):
        data = snapshot(each)
        assert data["authorities.pem"] == authorities
        bound = json.loads(data["snapshot.json"])["platform"]["profile"]["network"]
        assert bound["tls"] == {"caBundle": authorities}
        assert ("proxy" in bound) is uses
    # Another authority is for new ones: what is bound is reported, and keeps its own.
    other = {"spec": {"network": {"tls": {"caBundle": authorities.replace("MIIB", "MIIC")}}}}
    team.api.patch(team.path("IsolationProfile", name), other)
    for each in namespaces:
        team.expect("Experiment", each, "PlatformChanged", "True", "ProfileChanged")
        assert snapshot(each)["authorities.pem"] == authorities
