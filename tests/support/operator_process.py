"""An operator under test: a process with the chart's rights, its metrics, and its resources."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any

from glovebox_local.namespaces import visiting_network
from glovebox_local.operator_process import OPERATOR_NAMESPACE, OPERATOR_USER, operator_part
from glovebox_local.part import Part
from glovebox_local.ports import choose_ports
from support.api import path_of
from support.cluster import Cluster
from support.examples import one_stage
from support.waiting import eventually

GLOVEBOX = "glovebox.dev/v1alpha1"
CHART = Path(__file__).parents[2] / "helm" / "glovebox"
IMAGE = "registry.example/trainer@sha256:" + "a" * 64
PLATFORM_IMAGE = "registry.example/glovebox@sha256:" + "e" * 64
# From where the operator may give volumes to experiments.
CACHE_FOLDER = "/srv/glovebox-cache"
CSI_DRIVER = "s3.csi.aws.com"
# Whoever is in this group passes the guards: how tests play a rogue administrator.
BREAK_GLASS = "glovebox:break-glass"
PLURALS = {
    "Experiment": "experiments",
    "DatasetPin": "datasetpins",
    "SplitPin": "splitpins",
    "FeatureSetPin": "featuresetpins",
    "AccessGrant": "accessgrants",
    "IsolationProfile": "isolationprofiles",
    "ObjectStore": "objectstores",
}


def quiet(*operators: Operator) -> None:
    """Wait until these have nothing due and have sent no write for a second."""
    seen: tuple[float, float] = (-1.0, 0.0)

    def look() -> bool | None:
        nonlocal seen
        writes = sum(operator.writes() for operator in operators)
        if writes != seen[0] or any(
            operator.metric("glovebox_queue_depth") for operator in operators
        ):
            seen = writes, time.monotonic()
        return time.monotonic() - seen[1] > 1 or None

    eventually(look, what="the operator is quiet", timeout=60)


def install_chart(
    cluster: Cluster, *, host_paths: Sequence[str] = (CACHE_FOLDER,), traces: str = ""
) -> None:
    """Install CRDs, guards and rights with real helm; the operator itself runs outside the cluster.

    Args:
        cluster: Where.
        host_paths: Folders of nodes that the operator may give to experiments as volumes.
        traces: What pods of tasks may post spans to.
    """
    if not cluster.api.find(f"/api/v1/namespaces/{OPERATOR_NAMESPACE}"):
        cluster.api.create_namespace(OPERATOR_NAMESPACE)
    input_volumes = {"hostPaths": list(host_paths), "csiDrivers": [CSI_DRIVER]}
    cluster.helm(
        "upgrade",
        "--install",
        "glovebox",
        str(CHART),
        "--namespace",
        OPERATOR_NAMESPACE,
        "--set",
        "operator.enabled=false",
        # Tests run operators with either setting; this one lets both do their work.
        "--set",
        "operator.settings.tasks=Jobs",
        "--set",
        f"operator.identities={{{OPERATOR_USER}}}",
        "--set-json",
        f'operator.subjects=[{{"kind":"User","name":"{OPERATOR_USER}","apiGroup":"rbac.authorization.k8s.io"}}]',
        "--set",
        f"guards.breakGlassGroups={{{BREAK_GLASS}}}",
        "--set-json",
        f"guards.inputVolumes={json.dumps(input_volumes)}",
        "--set",
        f"traces.endpoint={traces}",
    )


class Operator:
    """One operator process: on this machine's loopback, or in the gateway of a node cluster."""

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        *,
        name: str = "operator",
        kubeconfig: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = choose_ports(["operator"])["operator"]
        self._gateway = cluster.environment.gateway if cluster.environment.nodes else None
        self.part: Part = operator_part(
            kubeconfig=kubeconfig or cluster.kubeconfig_for(OPERATOR_USER),
            logs=folder,
            run=folder,
            port=self.port,
            tied=True,
            name=name,
            settings=settings,
            gateway=self._gateway,
        )

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.part.start()

    def stop(self) -> None:
        """End it politely."""
        self.part.stop()

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.part.kill()

    @property
    def log(self) -> str:
        """What it has logged."""
        return self.part.log.read_text()

    def page(self, path: str = "/metrics") -> str:
        """Return one of its pages."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with (
            closing(connection),
            visiting_network(self._gateway.holder()) if self._gateway else nullcontext(),
        ):
            connection.connect()
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode()
        assert answer.status == http.HTTPStatus.OK, text
        return text

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of that name that carry these labels."""
        total = 0.0
        for line in self.page().splitlines():
            found = re.fullmatch(r"([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)", line)
            if not found or found[1] != name:
                continue
            have = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
            if labels.items() <= have.items():
                total += float(found[3])
        return total

    def writes(self) -> float:
        """Return how many writes it has sent to the API server, but for those of leading at all."""
        return sum(
            self.metric("glovebox_kube_requests_total", verb=verb)
            - self.metric("glovebox_kube_requests_total", verb=verb, resource="leases")
            for verb in ("POST", "PUT", "PATCH", "DELETE", "DELETECOLLECTION")
        )


@contextmanager
def running_operator(
    cluster: Cluster,
    folder: Path,
    image: str,
    *,
    host_paths: Sequence[str] = (CACHE_FOLDER,),
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Operator]:
    """Install the chart, hand over the store's keys, run an operator.

    Whoever kills it starts it again.

    Args:
        cluster: Where.
        folder: Of its log and its record.
        image: The image of Glovebox, by digest.
        host_paths: See `install_chart`.
        settings: Further environment variables of it.
    """
    install_chart(cluster, host_paths=host_paths)
    store_secret(cluster)
    running = Operator(cluster, folder, settings={**settings, "GLOVEBOX_IMAGE": image})
    running.start()
    try:
        yield running
    finally:
        running.stop()


def declare_platform(cluster: Cluster, **profile: Any) -> Team:
    """Declare the profile `standard`, with these changes, and the store `primary`.

    Returns who did when both are Ready.
    """
    team = Team(cluster, "platform")
    team.declare("IsolationProfile", "standard", profile_spec(**profile))
    team.declare("ObjectStore", "primary", store_spec(cluster, "glovebox-artifacts"))
    team.expect("IsolationProfile", "standard")
    team.expect("ObjectStore", "primary", timeout=60)
    return team


class Team:
    """A team's namespace and what it declares in it."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.api = cluster.api
        self.name = name
        if not self.api.find(f"/api/v1/namespaces/{name}"):
            self.api.create_namespace(name)

    def path(self, kind: str, name: str | None = None) -> str:
        """Return the path of one of our resources in this team."""
        namespace = None if kind in {"IsolationProfile", "ObjectStore"} else self.name
        return path_of(GLOVEBOX, PLURALS[kind], namespace=namespace, name=name)

    def declare(self, kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Create a resource."""
        metadata = {"name": name} | (
            {} if kind in {"IsolationProfile", "ObjectStore"} else {"namespace": self.name}
        )
        made: dict[str, Any] = self.api.create(
            self.path(kind),
            {"apiVersion": GLOVEBOX, "kind": kind, "metadata": metadata, "spec": dict(spec)},
        )
        return made

    def bucket(
        self, objects: Mapping[str, bytes], suffix: str = "data", *, store: str = "primary"
    ) -> str:
        """Make a versioned bucket of the team's own that it may pin from; return its name.

        Args:
            objects: Bodies by key.
            suffix: The bucket's name is the team's with it.
            store: The ObjectStore that grants it; none where it is empty.
        """
        name, s3 = f"{self.name}-{suffix}", self.cluster.store.client()
        s3.create_bucket(Bucket=name)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        for key, body in objects.items():
            s3.put_object(Bucket=name, Key=key, Body=body)
        if store:
            self.grant(name, store)
        return name

    def access(self, bucket: str) -> dict[str, Any]:
        """Return an entry of `spec.access`: pin from a bucket, and keep results."""
        return {"namespaces": [self.name], "sources": [{"bucket": bucket}], "artifacts": True}

    def grant(self, bucket: str, store: str = "primary") -> None:
        """Let the team pin everything in a bucket."""
        entry = self.access(bucket)
        change = [{"op": "add", "path": "/spec/access/-", "value": entry}]
        self.api.patch(self.path("ObjectStore", store), change, kind="json")

    def read(self, kind: str, name: str) -> dict[str, Any]:
        """Return a resource as it is now."""
        found: dict[str, Any] = self.api.get(self.path(kind, name))
        return found

    def condition(self, kind: str, name: str, condition: str) -> dict[str, Any]:
        """Return one condition, or an empty dictionary when it was never written."""
        return _entry(self.api.find(self.path(kind, name)) or {}, condition)

    def expect(
        self,
        kind: str,
        name: str,
        condition: str = "Ready",
        status: str = "True",
        reason: str | None = None,
        timeout: float = 30.0,
    ) -> dict[str, Any]:
        """Wait for a condition of the newest generation and its status; return the resource.

        A reason may be asked for as well.
        """

        def look() -> dict[str, Any] | None:
            obj = self.api.find(self.path(kind, name))
            if (
                obj is None
                or (obj.get("status") or {}).get("observedGeneration")
                != obj["metadata"]["generation"]
            ):
                return None
            # From the same read: another one could be newer.
            entry = _entry(obj, condition)
            return (
                obj
                if entry.get("status") == status and reason in {None, entry.get("reason")}
                else None
            )

        try:
            return eventually(look, what=f"{kind} {name} {condition}={status}", timeout=timeout)
        except AssertionError as error:
            shown = (self.api.find(self.path(kind, name)) or {}).get("status")
            raise AssertionError(f"{error}\nstatus: {shown}") from None


def _entry(obj: Mapping[str, Any], condition: str) -> dict[str, Any]:
    entries = (obj.get("status") or {}).get("conditions") or []
    return next((entry for entry in entries if entry["type"] == condition), {})


def profile_spec(**changes: Any) -> dict[str, Any]:
    """Return a plain IsolationProfile."""
    return {
        "description": "for tests",
        "quota": [
            {"resource": "requests.cpu", "default": "1", "maximum": "4"},
            {"resource": "requests.memory", "default": "1Gi", "maximum": "8Gi"},
            {"resource": "pods", "default": "10", "maximum": "20"},
        ],
        "images": [{"repository": "registry.example/trainer"}],
        "retention": {"minimumDays": 1, "maximumDays": 30, "defaultDays": 1},
        "network": {
            "routes": [{"name": "apis", "cidr": "203.0.113.0/24", "ports": [{"port": 443}]}]
        },
        # Where nobody runs pods it would only wait.
        "probe": {"schedule": "Never"},
        **changes,
    }


def store_spec(cluster: Cluster, bucket: str, **changes: Any) -> dict[str, Any]:
    """Return an ObjectStore for the session's store; its Secret is made by `store_secret`."""
    access = cluster.store.access
    environment = cluster.environment
    return {
        # The operator and the pods of a cluster with nodes reach it where the tests do not, and the
        # other way round.
        "endpoint": environment.store_endpoint_for_pods if environment.nodes else access.endpoint,
        "region": access.region,
        "credentialsSecretRef": {"name": "store-credentials"},
        "artifacts": {
            "bucket": bucket,
            "create": True,
            "worm": "Required",
            "retention": {"mode": "Compliance", "days": 1},
        },
        "sts": {"roleArn": access.role_arn},
        "access": [{"namespaceSelector": {}, "artifacts": True}],
        **changes,
    }


def store_secret(cluster: Cluster, name: str = "store-credentials") -> None:
    """Put the operator's S3 keys into its own namespace, under the name that a store has for it."""
    path = f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/secrets"
    if cluster.api.find(f"{path}/{name}"):
        return
    keys = cluster.store.access.operator
    cluster.api.create(
        path,
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": OPERATOR_NAMESPACE},
            "stringData": {
                "accessKeyId": keys.access_key_id,
                "secretAccessKey": keys.secret_access_key,
            },
        },
    )


def experiment_spec(profile: str, store: str, **changes: Any) -> dict[str, Any]:
    """Return a plain Experiment without inputs.

    Args:
        profile: Its IsolationProfile.
        store: Its ObjectStore.
        changes: Other fields, and `run` for a run of one stage that is given all inputs.
    """
    if "run" in changes:
        changes["stages"] = one_stage(changes.pop("run"), changes.get("inputs"))
    return {
        "profile": profile,
        "purpose": {"description": "a test", "owner": "tests"},
        "images": [{"name": "trainer", "reference": IMAGE}],
        "config": {"parameters": {"learningRate": "0.05"}, "seeds": {"python": 7}},
        "artifacts": {"storeRef": {"name": store}},
        "lifecycle": {"deletionPolicy": "Delete"},
        **changes,
    }
