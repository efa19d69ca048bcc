"""The isolation check: one Job with a pod like the run's own, in Glovebox's image.

It has the labels that the NetworkPolicies select, the account, the place, the credentials and the
mounts of a run, but no inputs of its own: an empty volume stands for them, mounted as they are.
What it checks is known beforehand and travels in its environment.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from glovebox import names
from glovebox.api.experiment import Experiment
from glovebox.api.object_store import ObjectStoreSpec
from glovebox.data.digest import digest_of
from glovebox.data.probing import (
    Connection,
    DnsQuery,
    Expected,
    ProbePlan,
    S3Attempts,
    render_probe_plan,
)
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.metadata import KubernetesObject, owned_labels, owned_metadata
from glovebox.desired.network_policy import (
    asked_services,
    canonical_network,
    proxy_route,
    run_proxy,
    store_route,
)
from glovebox.desired.never_reachable import contains, metadata_services
from glovebox.desired.placement import placement
from glovebox.desired.pods import RUN_USER, bounded_resources, container_security, pod_frame
from glovebox.desired.run_environment import ARTIFACTS_FOLDER, INPUTS_FOLDER
from glovebox.desired.run_ways import SNAPSHOT_FOLDER
from glovebox.desired.session_files import session_volume
from glovebox.desired.stage_results import result_prefix
from glovebox.desired.store_proxy import proxy_to

PROBE_CONTAINER: Final = "probe"
PROBE_COMMAND: Final = ("python", "-m", "glovebox.jobs.probe")
PROBE_REQUESTS: Final = {"cpu": "50m", "memory": "96Mi"}
PROBE_LIMITS: Final = {"cpu": "500m", "memory": "256Mi"}
# Beyond this a pod that no node takes is given up, and the isolation check proves nothing.
PROBE_DEADLINE_SECONDS: Final = 300
# What every store of ours holds beside the experiments' own prefixes: manifests and seals.
_OTHER_PREFIX: Final = ".glovebox/"
_MOST_METADATA_SERVICES: Final = 24
_DNS_METRICS_PORT: Final = 9153
_IPV4: Final = 4
# On the image's own file system, which is read-only, and with nothing mounted below.
_IMAGE_FOLDER: Final = "/usr"
# By families: where a pod has no address of one, nothing of it is reachable, and that is right.
_FAR_AWAY: Final = {
    "undeclared": ("1.1.1.1", "8.8.8.8", "9.9.9.9"),
    "undeclared-ipv6": ("2606:4700:4700::1111", "2001:4860:4860::8888", "2620:fe::fe"),
}
_MOST_ROUTES: Final = 16


def is_probed(inputs: ExperimentInputs) -> bool:
    """Whether the isolation of this experiment is to be checked, and can be."""
    return bool(inputs.platform_image) and inputs.profile.spec.probe.schedule != "Never"


@dataclass(frozen=True, slots=True)
class Probe:
    """The isolation check of one experiment; its Job is rendered when it is asked for.

    Attributes:
        inputs: Of an experiment that `is_probed`.
        policy_digest: Of its NetworkPolicies: others want another probe.
    """

    inputs: ExperimentInputs
    policy_digest: str

    def job(self) -> KubernetesObject:
        """Return the Job."""
        metadata = owned_metadata(names.PROBE_JOB, self.inputs)
        annotations = {
            **metadata.get("annotations", {}),
            names.ANNOTATION_POLICY_DIGEST: self.policy_digest,
        }
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {**metadata, "annotations": annotations},
            "spec": {
                # Its exit code is a verdict, and no failure that a retry would cure.
                "backoffLimit": 0,
                "activeDeadlineSeconds": PROBE_DEADLINE_SECONDS,
                "completions": 1,
                "parallelism": 1,
                "template": {
                    "metadata": {"labels": owned_labels(self.inputs)},
                    "spec": _pod(self.inputs),
                },
            },
        }


def probe_of(inputs: ExperimentInputs, policies: Iterable[KubernetesObject]) -> Probe | None:
    """Return the isolation check, or None where there is to be none.

    Args:
        inputs: Of the experiment.
        policies: Its NetworkPolicies.
    """
    if not is_probed(inputs):
        return None
    return Probe(inputs, digest_of({"policies": [policy["spec"] for policy in policies]}))


def probe_plan(inputs: ExperimentInputs) -> ProbePlan:
    """Return what is checked."""
    spec = inputs.store.spec
    experiment = inputs.experiment
    return ProbePlan(
        format="glovebox.dev/probe-plan/v1",
        mounts=(_IMAGE_FOLDER, INPUTS_FOLDER, SNAPSHOT_FOLDER, ARTIFACTS_FOLDER),
        connections=(
            # The one address in a cluster that is sure to answer where nothing holds it back.
            Connection(id="api-server", address_from="KUBERNETES_SERVICE_HOST", port=443),
            *_metadata_services(inputs),
            *_dns_metrics(inputs),
            *_far_away(inputs),
            # NetworkPolicy cannot keep a pod from its own node.
            Connection(id="own-node", address_from="HOST_IP", port=10250, expected=Expected.INFO),
            Connection(id="own-node-ssh", address_from="HOST_IP", port=22, expected=Expected.INFO),
            *_store_control(spec),
            *_run_proxy(inputs),
            *_declared(inputs),
        ),
        dns=(DnsQuery(id="dns", expected=Expected.REACHABLE),),
        s3=S3Attempts(
            endpoint=spec.endpoint,
            region=spec.region,
            path_style=spec.path_style,
            proxy=proxy_to(spec) or None,
            credentials=f"{ARTIFACTS_FOLDER}/credentials",
            bucket=spec.artifacts.bucket,
            prefix=_own_prefix(experiment),
            other_prefix=_OTHER_PREFIX,
        ),
    )


def _own_prefix(experiment: Experiment) -> str:
    """Return the prefix of the session that is tried: of several stages the first one's."""
    stages = experiment.spec.stages
    if stages:
        return result_prefix(experiment, stages[0])
    return names.artifact_prefix(experiment.namespace, experiment.name, experiment.uid)


def _metadata_services(inputs: ExperimentInputs) -> tuple[Connection, ...]:
    """Return where metadata services answer; what is link-local needs an interface in IPv6."""
    hosts = [
        host
        for host in metadata_services(inputs.never_reachable)
        if host.version == _IPV4 or not host.is_link_local
    ]
    return tuple(
        Connection(id=f"metadata-service/{host}", address=host, port=80)
        for host in hosts[:_MOST_METADATA_SERVICES]
    )


def _dns_metrics(inputs: ExperimentInputs) -> tuple[Connection, ...]:
    """Return the port of the name server where CoreDNS tells its metrics, unless it is opened.

    Pods of another namespace, which are reached for DNS alone.
    """
    dns = inputs.profile.spec.network.dns
    opened = set(dns.ports) | {
        port.port
        for service in asked_services(inputs)
        if service.namespace == dns.namespace
        for port in service.ports
    }
    if _DNS_METRICS_PORT in opened:
        return ()
    # What the pod asks may be on its own node, from which NetworkPolicy cannot keep it.
    expected: Literal[Expected.INFO, Expected.BLOCKED] = (
        Expected.INFO if dns.addresses else Expected.BLOCKED
    )
    return (
        Connection(
            id="dns-other-port",
            address_from="DNS_SERVER",
            port=_DNS_METRICS_PORT,
            expected=expected,
        ),
    )


def _far_away(inputs: ExperimentInputs) -> tuple[Connection, ...]:
    """Return of each family the first well-known address that nothing of this experiment opens.

    What is declared is no breach.
    """
    opened = [canonical_network(route.cidr) for route in inputs.experiment.spec.network.egress]
    for store in (inputs.store, *inputs.input_stores):
        opened += [canonical_network(cidr) for cidr in store_route(store).cidrs]
    if proxy := run_proxy(inputs.experiment, inputs.profile):
        opened += [canonical_network(cidr) for cidr in proxy_route(inputs.profile, proxy).cidrs]
    found = []
    for name, addresses in _FAR_AWAY.items():
        closed = (
            ipaddress.ip_address(address)
            for address in addresses
            if not any(contains(network, canonical_network(address)) for network in opened)
        )
        found += [Connection(id=name, address=each, port=443) for each in islice(closed, 1)]
    return tuple(found)


def _declared(inputs: ExperimentInputs) -> tuple[Connection, ...]:
    """Return the declared routes to a single address, which must not be closed.

    In a whole network nobody knows who answers.
    """
    found: dict[str, Connection] = {}
    for route in sorted(inputs.experiment.spec.network.egress, key=lambda route: route.name):
        network = canonical_network(route.cidr)
        for port in sorted(
            {
                port.port
                for port in route.ports
                if port.protocol == "TCP" and network.num_addresses == 1
            }
        ):
            name = f"route/{route.name[:48]}/{port}"
            found[name] = Connection(
                id=name, address=network.network_address, port=port, expected=Expected.NOT_BLOCKED
            )
    return tuple(found.values())[:_MOST_ROUTES]


def _store_control(spec: ObjectStoreSpec) -> tuple[Connection, ...]:
    """Return the way to the store, which is open; with a proxy the store itself is not."""
    proxy = proxy_to(spec)
    if not proxy:
        return _connection("store", spec.endpoint, Expected.REACHABLE)
    return (
        *_connection("store-proxy", proxy, Expected.REACHABLE),
        *_connection("store-past-its-proxy", spec.endpoint, Expected.BLOCKED),
    )


def _run_proxy(inputs: ExperimentInputs) -> tuple[Connection, ...]:
    """Return the proxy of the programs, where there is one."""
    proxy = run_proxy(inputs.experiment, inputs.profile)
    return _connection("proxy", proxy.url, Expected.REACHABLE) if proxy is not None else ()


def _connection(
    name: str, url: str, expected: Literal[Expected.REACHABLE, Expected.BLOCKED]
) -> tuple[Connection, ...]:
    address = urlsplit(url)
    try:
        host = ipaddress.ip_address(address.hostname or "")
    except ValueError:
        return ()  # a name: the S3 attempts are the control
    port = address.port or (443 if address.scheme == "https" else 80)
    return (Connection(id=name, address=host, port=port, expected=expected),)


def _pod(inputs: ExperimentInputs) -> dict[str, Any]:
    # With the mount options of a run's, so that what holds here holds there.
    stages = inputs.experiment.spec.stages
    first = stages[0] if stages else None
    read_only = {"readOnly": True, "recursiveReadOnly": "IfPossible"}
    container = {
        "name": PROBE_CONTAINER,
        "image": inputs.platform_image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(PROBE_COMMAND),
        "env": [
            {
                "name": "GLOVEBOX_PROBE_PLAN",
                "value": render_probe_plan(probe_plan(inputs)).decode(),
            },
            {
                "name": "HOST_IP",
                "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.hostIP"}},
            },
        ],
        "resources": bounded_resources(inputs.profile.spec.limits, PROBE_REQUESTS, PROBE_LIMITS),
        "securityContext": container_security(RUN_USER, inputs.profile),
        "volumeMounts": [
            {"name": "stand-in", "mountPath": INPUTS_FOLDER, **read_only},
            {"name": "snapshot", "mountPath": SNAPSHOT_FOLDER, "readOnly": True},
            {"name": "artifacts", "mountPath": ARTIFACTS_FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a path in the pod
        ],
    }
    return (
        pod_frame()
        | placement(inputs.profile)
        | {
            # It holds nothing that had to be put down in order; a namespace that closes does not
            # wait for it. With 0 it would be forgotten before it has ended.
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
            "volumes": [
                {"name": "stand-in", "emptyDir": {"sizeLimit": "1Mi"}},
                {"name": "snapshot", "configMap": {"name": names.SNAPSHOT_CONFIG_MAP}},
                {"name": "artifacts", "secret": session_volume(stages, first)},
                {"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}},
            ],
        }
    )
