"""What is refused before anything is created, in the exact words that a user reads."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest

from glovebox.desired.accelerators import CLAIMS, DEVICE_CLASS
from glovebox.desired.profile_defects import check_profile
from glovebox.desired.refusals import CHECKS, check, check_store_reachable
from glovebox.errors import Refused
from golden.cases import Only, inputs_from

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PLATFORM_IMAGE = "registry.example/glovebox@sha256:" + "e" * 64
DIGEST = "@sha256:" + "1" * 64


def experiment(**spec: Any) -> dict[str, Any]:
    if "stage" in spec:
        spec["stages"] = {0: spec.pop("stage")}
    return {"kind": "Experiment", "spec": spec}


def profile(**spec: Any) -> dict[str, Any]:
    return {"kind": "IsolationProfile", "spec": spec}


def store(**spec: Any) -> dict[str, Any]:
    return {"kind": "ObjectStore", "spec": spec}


def quota(resource: str, amount: str) -> dict[str, Any]:
    return experiment(resources=Only(quota={resource: amount}))


def image(reference: str) -> dict[str, Any]:
    return experiment(images=[{"name": "trainer", "reference": reference}])


def egress(cidr: str, *ports: int) -> dict[str, Any]:
    return experiment(
        network={
            "egress": [{"name": "api", "cidr": cidr, "ports": [{"port": port} for port in ports]}]
        }
    )


def asks(**amounts: str | int) -> dict[str, Any]:
    return experiment(stage={"resources": amounts})


NOTHING_COUNTED = [
    profile(quota=[{"resource": "pods", "default": "20", "maximum": "100"}]),
    experiment(resources=Only(quota={})),
]
GPUS = profile(
    accelerators=[
        {
            "resource": "nvidia.com/gpu",
            "deviceClass": "gpu.nvidia.com",
            "maximum": 4,
            "nodeSelector": {"mode": "whole"},
        },
        {"resource": "nvidia.com/mig-1g.10gb", "maximum": 4, "nodeSelector": {"mode": "parts"}},
    ]
)
ROUTES = profile(
    network={
        "routes": [
            {"name": "web", "cidr": "203.0.113.0/24", "ports": [{"port": 443}, {"port": 80}]},
            {
                "name": "host",
                "cidr": "203.0.113.7/32",
                "ports": [{"port": 8443}, {"port": 53, "protocol": "UDP"}],
            },
            {"name": "six", "cidr": "2001:db8::/32", "ports": [{"port": 443}]},
        ]
    }
)
BEHIND_A_PROXY = store(
    endpoint="https://192.0.2.10:8333", network=None, proxy={"url": "http://198.51.100.8:3128/"}
)
OWN = "glovebox-system"
CURE = "correct the profile, or choose another one in the Experiment's spec.profile"


def offered(namespace: str, name: str = "tracking", **fields: Any) -> dict[str, Any]:
    service = {
        "name": name,
        "namespace": namespace,
        "podLabels": {"app": "mlflow"},
        "ports": [{"port": 5000}],
    }
    return profile(network={"services": [{**service, **fields}]})


def name_server(address: str) -> dict[str, Any]:
    return profile(network={"dns": {"addresses": [address]}})


def services(*names: str) -> dict[str, Any]:
    return experiment(network={"services": list(names)})


def gives(**fields: Any) -> dict[str, Any]:
    entry = {"name": "tracking", "namespace": "ml", "secretName": "mlflow", "teams": ["*"]}
    return profile(secrets=[{**entry, **fields}])


def is_to_have(name: str = "tracking", team: str = "team-flights") -> dict[str, Any]:
    return {
        "kind": "Experiment",
        "metadata": {"namespace": team},
        "spec": {"stages": {0: {"secrets": [{"name": name, "key": "token"}]}}},
    }


APPROVALS = profile(
    images=[
        {"repository": "registry.example/old", "expireTime": "2026-11-21T12:00:00Z"},
        {"repository": "registry.example/team", "expireTime": "2026-11-21T12:00:01Z"},
        {"repository": "other.example:5000"},
    ]
)

REFUSED: list[tuple[str, list[dict[str, Any]], str, str]] = [
    (
        "more than the profile allows",
        [quota("requests.cpu", "16")],
        "QuotaOutOfRange",
        (
            "spec.resources.quota['requests.cpu'] asks for 16, more than the 8 that"
            " IsolationProfile standard allows: ask for at most 8, or choose a profile that allows"
            " more"
        ),
    ),
    (
        "more, in another spelling",
        [quota("requests.memory", "40000Mi")],
        "QuotaOutOfRange",
        (
            "spec.resources.quota['requests.memory'] asks for 40000Mi, more than the 32Gi that"
            " IsolationProfile standard allows: ask for at most 32Gi, or choose a profile that"
            " allows more"
        ),
    ),
    (
        "less than the profile allows",
        [quota("requests.cpu", "50m")],
        "QuotaOutOfRange",
        (
            "spec.resources.quota['requests.cpu'] asks for 50m, less than the 100m that"
            " IsolationProfile standard allows: ask for at least 100m"
        ),
    ),
    (
        "a resource that the profile does not offer",
        [quota("requests.nvidia.com/gpu", "1")],
        "QuotaOutOfRange",
        (
            "spec.resources.quota['requests.nvidia.com/gpu'] asks for 1, but IsolationProfile"
            " standard does not offer requests.nvidia.com/gpu: leave it out, or choose a profile"
            " that offers it (this one offers requests.cpu, requests.memory, limits.cpu,"
            " limits.memory, pods)"
        ),
    ),
    (
        "a count that the platform did not offer",
        [quota("count/jobs.batch", "1")],
        "QuotaOutOfRange",
        (
            "spec.resources.quota['count/jobs.batch'] asks for 1, but IsolationProfile standard"
            " does not offer count/jobs.batch: leave it out, or choose a profile that offers it"
            " (this one offers requests.cpu, requests.memory, limits.cpu, limits.memory, pods)"
        ),
    ),
    (
        "half a pod",
        [quota("pods", "2500m")],
        "InvalidSpec",
        (
            "spec.resources.quota['pods'] asks for 2500m, but pods is counted in whole numbers:"
            " write a whole number"
        ),
    ),
    (
        "an image from nowhere approved",
        [APPROVALS, image(f"docker.io/library/python{DIGEST}")],
        "ImageNotApproved",
        (
            "spec.images[trainer].reference comes from docker.io/library/python, which"
            " IsolationProfile standard does not approve: use an image from an approved repository"
            " (registry.example/old, registry.example/team, other.example:5000)"
        ),
    ),
    (
        "a neighbour of an approved repository",
        [APPROVALS, image(f"registry.example/team-b/trainer{DIGEST}")],
        "ImageNotApproved",
        (
            "spec.images[trainer].reference comes from registry.example/team-b/trainer, which"
            " IsolationProfile standard does not approve: use an image from an approved repository"
            " (registry.example/old, registry.example/team, other.example:5000)"
        ),
    ),
    (
        "no image is approved at all",
        [profile(images=[])],
        "ImageNotApproved",
        (
            "spec.images[trainer].reference comes from registry.example/trainer, which"
            " IsolationProfile standard does not approve: it approves none, so ask the platform"
            " team to add the repository to its spec.images"
        ),
    ),
    (
        "an approval that ended this very moment",
        [APPROVALS, image(f"registry.example/old/trainer{DIGEST}")],
        "ImageApprovalExpired",
        (
            "spec.images[trainer].reference comes from registry.example/old/trainer, whose approval"
            " by IsolationProfile standard ended at 2026-11-21T12:00:00Z: use an image that is"
            " approved, or ask the platform team to renew the approval"
        ),
    ),
    (
        "a proxy that the profile does not have",
        [experiment(network={"useProxy": True})],
        "RouteNotAllowed",
        (
            "spec.network.useProxy is true, and IsolationProfile standard offers no proxy: leave it"
            " out, or ask the platform team to set spec.network.proxy of the profile"
        ),
    ),
    (
        "another proxy than the store's",
        [
            experiment(network={"useProxy": True}),
            profile(network={"proxy": {"url": "http://198.51.100.7:3128"}}),
            BEHIND_A_PROXY,
        ],
        "RouteNotAllowed",
        (
            "spec.network.useProxy cannot be true with ObjectStore primary, because the store is"
            " reached through http://198.51.100.8:3128, and programs know one proxy alone: leave it"
            " out, or ask the platform team to make spec.network.proxy of IsolationProfile standard"
            " and spec.proxy of the ObjectStore alike"
        ),
    ),
    (
        "a store that programs would look for past its proxy",
        [
            experiment(network={"useProxy": True}),
            profile(
                network={"proxy": {"url": "http://198.51.100.8:3128", "noProxy": ["192.0.2.10"]}}
            ),
            BEHIND_A_PROXY,
        ],
        "RouteNotAllowed",
        (
            "spec.network.useProxy cannot be true with ObjectStore primary, because the profile's"
            " `noProxy` has the host of the store, which is behind the proxy: leave it out, or ask"
            " the platform team to make spec.network.proxy of IsolationProfile standard and"
            " spec.proxy of the ObjectStore alike"
        ),
    ),
    (
        "a proxy with a name that nothing opens",
        [profile(network={"proxy": {"url": "http://proxy.example:3128"}})],
        "ProfileInvalid",
        (
            "IsolationProfile standard cannot be used, because the proxy of IsolationProfile"
            " standard is the host name proxy.example, which a NetworkPolicy cannot open: list its"
            " networks in the profile's spec.network.proxy.network.cidrs, or its pods in"
            f" spec.network.proxy.network.pods: {CURE}"
        ),
    ),
    (
        "a proxy where a metadata service is",
        [profile(network={"proxy": {"url": "http://168.63.129.16:80"}})],
        "ProfileInvalid",
        (
            "IsolationProfile standard cannot be used, because spec.network.proxy is at"
            " 168.63.129.16/32, in 168.63.129.16/32, which must never be reachable: "
            f"{CURE}"
        ),
    ),
    (
        "a network outside of every route",
        [ROUTES, egress("198.51.100.0/24", 443)],
        "RouteNotAllowed",
        (
            "spec.network.egress[api].cidr 198.51.100.0/24 is in no route that IsolationProfile"
            " standard allows: use a network inside one of its routes (web 203.0.113.0/24, host"
            " 203.0.113.7/32, six 2001:db8::/32)"
        ),
    ),
    (
        "a network larger than its route",
        [ROUTES, egress("203.0.112.0/23", 443)],
        "RouteNotAllowed",
        (
            "spec.network.egress[api].cidr 203.0.112.0/23 is in no route that IsolationProfile"
            " standard allows: use a network inside one of its routes (web 203.0.113.0/24, host"
            " 203.0.113.7/32, six 2001:db8::/32)"
        ),
    ),
    (
        "a profile without routes",
        [egress("203.0.113.7/32", 443)],
        "RouteNotAllowed",
        (
            "spec.network.egress[api].cidr 203.0.113.7/32 is in no route that IsolationProfile"
            " standard allows: use a network inside one of its routes (none)"
        ),
    ),
    (
        "ports of two routes, neither of which has both",
        [ROUTES, egress("203.0.113.7/32", 443, 8443)],
        "RouteNotAllowed",
        (
            "spec.network.egress[api].ports (443/TCP, 8443/TCP) are not all allowed by one route of"
            " IsolationProfile standard: remove the other ports (route web allows 80/TCP,"
            " 443/TCP; route host allows 53/UDP, 8443/TCP)"
        ),
    ),
    (
        "the right port with another protocol",
        [ROUTES, egress("203.0.113.7/32", 53)],
        "RouteNotAllowed",
        (
            "spec.network.egress[api].ports (53/TCP) are not all allowed by one route of"
            " IsolationProfile standard: remove the other ports (route web allows 80/TCP,"
            " 443/TCP; route host allows 53/UDP, 8443/TCP)"
        ),
    ),
    (
        "the metadata service of AWS in IPv6, although a route of the profile contains it",
        [
            profile(network={"routes": [{"name": "all", "cidr": "::/0", "ports": [{"port": 80}]}]}),
            egress("fd00:ec2::254/128", 80),
        ],
        "RouteNotAllowed",
        (
            "spec.network.egress[api].cidr fd00:ec2::254/128 lies in fd00:ec2::254/128, where cloud"
            " metadata services answer: name the network of the service that is really needed"
        ),
    ),
    (
        "a run of an image that is not pinned",
        [experiment(stage={"image": "tester"})],
        "InvalidSpec",
        (
            "spec.stages[train].image names tester, which spec.images does not have: add it"
            " there by digest,"
            " or name one of those (trainer)"
        ),
    ),
    (
        "a run with more processor than its quota has",
        [asks(cpu="3")],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['cpu'] asks for 3, more than the 2 of requests.cpu"
            " that this"
            " experiment's quota has: ask for less, or ask for 3 in"
            " spec.resources.quota['requests.cpu'] (at most 8)"
        ),
    ),
    (
        "a run whose requests fit into its quota and whose limits, which are the same, do not",
        [experiment(resources=Only(quota={"requests.cpu": "8"})), asks(cpu="2001m")],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['cpu'] asks for 2001m, more than the 2 of limits.cpu"
            " that this"
            " experiment's quota has: ask for less, or ask for 2001m in"
            " spec.resources.quota['limits.cpu'] (at most 8)"
        ),
    ),
    (
        "a run with more memory than any quota of the profile may have",
        [asks(memory="64Gi")],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['memory'] asks for 64Gi, more than the 4Gi of"
            " requests.memory"
            " that this experiment's quota has: ask for less, or choose a profile that offers"
            " more requests.memory"
        ),
    ),
    (
        "a run with more processor than one container may have",
        [profile(limits={"maxCpu": "1"}), asks(cpu="1500m")],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['cpu'] asks for 1500m, more than the 1 that"
            " IsolationProfile"
            " standard allows one container (spec.limits.maxCpu): ask for at most 1, or choose a"
            " profile that allows more"
        ),
    ),
    (
        "a run with more memory than one container may have",
        [profile(limits={"maxMemory": "1Gi"}), asks(memory="1025Mi")],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['memory'] asks for 1025Mi, more than the 1Gi that"
            " IsolationProfile standard allows one container (spec.limits.maxMemory): ask for at"
            " most 1Gi, or choose a profile that allows more"
        ),
    ),
    (
        "a run with more memory than a container may have where no quota counts memory",
        [*NOTHING_COUNTED, asks(memory="1Gi")],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['memory'] asks for 1Gi, more than the 512Mi that"
            " IsolationProfile"
            " standard allows one container (it sets no spec.limits.maxMemory): ask for at most"
            " 512Mi, or choose a profile that allows more"
        ),
    ),
    (
        "a run that asks for nothing, whose default is more than its quota has",
        [quota("limits.memory", "256Mi")],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['memory'] is not set, and a container that sets none"
            " gets 512Mi"
            " (spec.limits.defaultMemory of IsolationProfile standard), more than the 256Mi of"
            " limits.memory that this experiment's quota has: set"
            " spec.stages[train].resources['memory'] to"
            " at most 256Mi, or ask for 512Mi in spec.resources.quota['limits.memory'] (at most"
            " 32Gi)"
        ),
    ),
    (
        "a run that fits, behind a fetcher that does not",
        [quota("limits.memory", "256Mi"), asks(memory="256Mi")],
        "RunOutOfRange",
        (
            "the container that fetches the inputs gets 512Mi (spec.limits.defaultMemory of"
            " IsolationProfile standard), more than the 256Mi of limits.memory that this"
            " experiment's quota has: ask for 512Mi in spec.resources.quota['limits.memory'] (at"
            " most 32Gi)"
        ),
    ),
    (
        "no memory, which Kubernetes takes for all of the node's",
        [asks(memory="0")],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['memory'] asks for 0, which Kubernetes takes for no"
            " limit: write"
            " what the run needs, or leave it out"
        ),
    ),
    (
        "no shared memory, which Kubernetes takes for as much as there is",
        [experiment(stage={"sharedMemory": 0})],
        "RunOutOfRange",
        (
            "spec.stages[train].sharedMemory asks for 0, which Kubernetes takes for no limit:"
            " write what the"
            " run needs, or leave it out"
        ),
    ),
    (
        "shared memory that is too much beside the memory",
        [asks(memory="3Gi"), experiment(stage={"sharedMemory": "1100Mi"})],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['memory'] and spec.stages[train].sharedMemory ask for"
            " 4172Mi together, more"
            " than the 4Gi of requests.memory that this experiment's quota has: ask for less, or"
            " ask for 4172Mi in spec.resources.quota['requests.memory'] (at most 32Gi)"
        ),
    ),
    (
        "shared memory that is too much beside the default",
        [experiment(stage={"sharedMemory": "4Gi"})],
        "RunOutOfRange",
        (
            "spec.stages[train].sharedMemory asks for 4Gi, which is 4224Mi with the 128Mi that a"
            " container"
            " gets that sets no memory (spec.limits.defaultRequestMemory of IsolationProfile"
            " standard), more than the 4Gi of requests.memory that this experiment's quota has: ask"
            " for less, or ask for 4224Mi in spec.resources.quota['requests.memory'] (at most 32Gi)"
        ),
    ),
    (
        "shared memory that is too much for one container",
        [profile(limits={"maxMemory": "2Gi"}), experiment(stage={"sharedMemory": "2Gi"})],
        "RunOutOfRange",
        (
            "spec.stages[train].sharedMemory asks for 2Gi, which is 2560Mi with the 512Mi that a"
            " container"
            " gets that sets no memory (spec.limits.defaultMemory of IsolationProfile standard),"
            " more than the 2Gi that IsolationProfile standard allows one container"
            " (spec.limits.maxMemory): ask for at most 2Gi, or choose a profile that allows more"
        ),
    ),
    (
        "more scratch than one container may have",
        [profile(limits={"maxEphemeralStorage": "20Gi"}), experiment(stage={"scratch": "21Gi"})],
        "RunOutOfRange",
        (
            "spec.stages[train].scratch asks for 21Gi, more than the 20Gi that IsolationProfile"
            " standard"
            " allows one container (spec.limits.maxEphemeralStorage): ask for at most 20Gi, or"
            " choose a profile that allows more"
        ),
    ),
    (
        "more scratch than the default, where the profile allows no more",
        [experiment(stage={"scratch": "50Gi"})],
        "RunOutOfRange",
        (
            "spec.stages[train].scratch asks for 50Gi, more than the 10Gi that IsolationProfile"
            " standard"
            " allows one container (spec.limits.defaultEphemeralStorage, as it sets no"
            " maxEphemeralStorage): ask for at most 10Gi, or choose a profile that allows more"
        ),
    ),
    (
        "an accelerator that the profile does not offer",
        [GPUS, asks(**{"amd.com/gpu": 1})],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['amd.com/gpu'] asks for 1, but IsolationProfile"
            " standard does not"
            " offer amd.com/gpu: leave it out, or choose a profile that offers it (this one offers"
            " nvidia.com/gpu, nvidia.com/mig-1g.10gb)"
        ),
    ),
    (
        "an accelerator where the profile offers none",
        [asks(**{"nvidia.com/gpu": 1})],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['nvidia.com/gpu'] asks for 1, but IsolationProfile"
            " standard does"
            " not offer nvidia.com/gpu: leave it out, or choose a profile that offers it (this one"
            " offers none)"
        ),
    ),
    (
        "more accelerators than the profile allows",
        [GPUS, asks(**{"nvidia.com/gpu": 5})],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['nvidia.com/gpu'] asks for 5, more than the 4 that"
            " IsolationProfile"
            " standard allows: ask for at most 4, or choose a profile that allows more"
        ),
    ),
    (
        "half an accelerator",
        [GPUS, asks(**{"nvidia.com/gpu": "500m"})],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['nvidia.com/gpu'] asks for 500m, but nvidia.com/gpu is"
            " counted in"
            " whole numbers: write a whole number"
        ),
    ),
    (
        "none of an accelerator",
        [GPUS, asks(**{"nvidia.com/gpu": 0})],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['nvidia.com/gpu'] asks for 0, which Kubernetes takes"
            " for no limit:"
            " write what the run needs, or leave it out"
        ),
    ),
    (
        "more accelerators than the experiment's own quota",
        [GPUS, quota("requests.nvidia.com/gpu", "1"), asks(**{"nvidia.com/gpu": 2})],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['nvidia.com/gpu'] asks for 2, more than the 1 of"
            " requests.nvidia.com/gpu that this experiment's quota has: ask for less, or ask for 2"
            " in spec.resources.quota['requests.nvidia.com/gpu'] (at most 4)"
        ),
    ),
    (
        "a quota of more accelerators than the profile allows",
        [GPUS, quota("requests.nvidia.com/gpu", "5")],
        "QuotaOutOfRange",
        (
            "spec.resources.quota['requests.nvidia.com/gpu'] asks for 5, more than the 4 that"
            " IsolationProfile standard allows: ask for at most 4, or choose a profile that allows"
            " more"
        ),
    ),
    (
        "a quota by another name of an accelerator",
        [GPUS, quota("requests.deviceclass.resource.kubernetes.io/gpu.nvidia.com", "1")],
        "QuotaOutOfRange",
        (
            "spec.resources.quota['requests.deviceclass.resource.kubernetes.io/gpu.nvidia.com']"
            " asks for 1, but IsolationProfile standard does not offer"
            " requests.deviceclass.resource.kubernetes.io/gpu.nvidia.com: leave it out, or choose a"
            " profile that offers it (this one offers requests.cpu, requests.memory, limits.cpu,"
            " limits.memory, pods, requests.nvidia.com/gpu, requests.nvidia.com/mig-1g.10gb)"
        ),
    ),
    (
        "what a quota counts of objects, which no pod asks for",
        [
            profile(quota=[{"resource": "count/jobs.batch", "default": 50, "maximum": 50}]),
            experiment(resources=Only(quota={})),
            asks(**{"count/jobs.batch": 1}),
        ],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['count/jobs.batch'] asks for 1, but IsolationProfile"
            " standard does"
            " not offer count/jobs.batch: leave it out, or choose a profile that offers it (this"
            " one offers none)"
        ),
    ),
    *(
        (
            f"more than anybody counts: {field}",
            [GPUS, changes],
            "InvalidSpec",
            (
                f"{field}: '{amount}' is out of range: a quantity must lie within 63 bits; write a"
                " smaller amount"
            ),
        )
        for field, amount, changes in (
            ("spec.stages[train].resources['memory']", "1000E", asks(memory="1000E")),
            (
                "spec.stages[train].resources['nvidia.com/gpu']",
                "10000000000000000000",
                asks(**{"nvidia.com/gpu": "10000000000000000000"}),
            ),
            ("spec.stages[train].sharedMemory", "10E", experiment(stage={"sharedMemory": "10E"})),
            ("spec.stages[train].scratch", "10E", experiment(stage={"scratch": "10E"})),
            (
                "spec.stages[train].sharedMemory and the memory of it",
                "10000000000000000000",
                experiment(stage={"sharedMemory": "5E", "resources": {"memory": "5E"}}),
            ),
            ("spec.resources.quota['requests.cpu']", "10E", quota("requests.cpu", "10E")),
        )
    ),
    *(
        (
            f"a profile that cannot be used: {defect}",
            [profile(**changes)],
            "ProfileInvalid",
            f"IsolationProfile standard cannot be used, because {defect}: {CURE}",
        )
        for defect, changes in (
            (
                (
                    "spec.accelerators[requests.nvidia.com/gpu].resource is what a quota calls"
                    " nvidia.com/gpu, and no pod can ask for it"
                ),
                {"accelerators": [{"resource": "requests.nvidia.com/gpu", "maximum": 1}]},
            ),
            (
                (
                    f"spec.accelerators[{DEVICE_CLASS}gpu.nvidia.com] is the DeviceClass"
                    " gpu.nvidia.com, and its deviceClass does not say so"
                ),
                {"accelerators": [{"resource": f"{DEVICE_CLASS}gpu.nvidia.com", "maximum": 1}]},
            ),
            (
                (
                    f"spec.accelerators[nvidia.com/gpu] has its claims counted as {CLAIMS}, and so"
                    f" has spec.quota[{CLAIMS}]"
                ),
                {
                    "accelerators": [
                        {"resource": "nvidia.com/gpu", "maximum": 1, "deviceClass": "gpu"}
                    ],
                    "quota": [{"resource": CLAIMS, "default": 1, "maximum": 1}],
                },
            ),
            (
                (
                    f"spec.quota[requests.{DEVICE_CLASS}gpu] counts devices that are claimed, and"
                    " claims are counted as none: it has to stand in spec.accelerators, with its"
                    " deviceClass"
                ),
                {
                    "quota": [
                        {"resource": f"requests.{DEVICE_CLASS}gpu", "default": 1, "maximum": 1}
                    ]
                },
            ),
            (
                (
                    "spec.quota[requests.cpu].maximum cannot be counted ('10E' is out of range: a"
                    " quantity must lie within 63 bits)"
                ),
                {"quota": [{"resource": "requests.cpu", "default": 1, "maximum": "10E"}]},
            ),
            (
                (
                    "spec.limits.maxMemory cannot be counted ('10E' is out of range: a quantity"
                    " must lie within 63 bits)"
                ),
                {"limits": {"maxMemory": "10E"}},
            ),
            (
                (
                    "spec.network.dns.podLabels has the value 'core dns', and a label has at most"
                    " 63 letters, digits, dashes, dots and underscores, beginning and ending with"
                    " a letter or a digit"
                ),
                {"network": {"dns": {"podLabels": Only({"k8s-app": "core dns"})}}},
            ),
            (
                (
                    "spec.network.services[tracking].podLabels has the key 'app/', which is not"
                    " the key of a label, such as 'pool' or 'node.kubernetes.io/instance-type'"
                ),
                {
                    "network": {
                        "services": [
                            {
                                "name": "tracking",
                                "namespace": "mlflow",
                                "podLabels": {"app/": "mlflow"},
                                "ports": [{"port": 5000}],
                            }
                        ]
                    }
                },
            ),
        )
    ),
    (
        "accelerators that no node has together",
        [GPUS, asks(**{"nvidia.com/gpu": 1, "nvidia.com/mig-1g.10gb": 1})],
        "RunOutOfRange",
        (
            "spec.stages[train].resources asks for nvidia.com/gpu, nvidia.com/mig-1g.10gb, which"
            " no node has"
            " together, because by IsolationProfile standard label mode of a node is whole in"
            " spec.accelerators[nvidia.com/gpu] and parts in"
            " spec.accelerators[nvidia.com/mig-1g.10gb]: ask for one of them"
        ),
    ),
    (
        "an extended resource that is in the quota's range, and was not asked for there",
        [
            profile(quota=[{"resource": "requests.example.com/fpga", "default": 0, "maximum": 2}]),
            experiment(resources=Only(quota={})),
            asks(**{"example.com/fpga": 1}),
        ],
        "RunOutOfRange",
        (
            "spec.stages[train].resources['example.com/fpga'] asks for 1, more than the 0 of"
            " requests.example.com/fpga that this experiment's quota has: ask for less, or ask for"
            " 1 in spec.resources.quota['requests.example.com/fpga'] (at most 2)"
        ),
    ),
    (
        "a profile that counts an accelerator twice",
        [
            profile(
                accelerators=[{"resource": "nvidia.com/gpu", "maximum": 1}],
                quota=[{"resource": "requests.nvidia.com/gpu", "default": 1, "maximum": 2}],
            )
        ],
        "ProfileInvalid",
        (
            "IsolationProfile standard cannot be used, because spec.accelerators[nvidia.com/gpu] is"
            " counted as requests.nvidia.com/gpu, and so is spec.quota[requests.nvidia.com/gpu];"
            " leave one of them out: correct the profile, or choose another one in the Experiment's"
            " spec.profile"
        ),
    ),
    (
        "a profile with two names for one class of devices",
        [
            profile(
                accelerators=[
                    {"resource": "nvidia.com/gpu", "maximum": 1, "deviceClass": "gpu"},
                    {"resource": "nvidia.com/gpu.shared", "maximum": 1, "deviceClass": "gpu"},
                ]
            )
        ],
        "ProfileInvalid",
        (
            "IsolationProfile standard cannot be used, because"
            " spec.accelerators[nvidia.com/gpu.shared] is counted as"
            " gpu.deviceclass.resource.k8s.io/devices, and so is spec.accelerators[nvidia.com/gpu];"
            " leave one of them out: correct the profile, or choose another one in the Experiment's"
            " spec.profile"
        ),
    ),
    (
        "a profile with an accelerator where its runs may not go",
        [
            profile(
                scheduling={"nodeSelector": {"pool": "small"}},
                accelerators=[
                    {"resource": "nvidia.com/gpu", "maximum": 1, "nodeSelector": {"pool": "gpu"}}
                ],
            )
        ],
        "ProfileInvalid",
        (
            "IsolationProfile standard cannot be used, because no node has"
            " spec.accelerators[nvidia.com/gpu]: label pool of a node is small in spec.scheduling"
            " and gpu in spec.accelerators[nvidia.com/gpu]: correct the profile, or choose another"
            " one in the Experiment's spec.profile"
        ),
    ),
    (
        "a declaration that fits into no snapshot",
        [experiment(stage={"args": ["x" * 4096] * 256})],
        "InvalidSpec",
        (
            "the declaration takes 1050071 bytes, more than the 917504 that a snapshot holds: "
            "shorten the `args` of its stages and spec.config.parameters, or pin long ones as a"
            " dataset"
        ),
    ),
    (
        "a weaker lock than the profile demands",
        [experiment(artifacts={"retention": {"mode": "Governance"}})],
        "RetentionOutOfRange",
        (
            "spec.artifacts.retention.mode is Governance, a weaker lock than the Compliance that"
            " IsolationProfile standard requires: write Compliance, or leave the mode out"
        ),
    ),
    (
        "kept too long",
        [experiment(artifacts={"retention": {"days": 3651}})],
        "RetentionOutOfRange",
        (
            "spec.artifacts.retention.days is 3651, outside of what IsolationProfile standard"
            " allows: write 1 to 365, or leave it out"
        ),
    ),
    (
        "kept too short",
        [profile(retention={"minimumDays": 30}), experiment(artifacts={"retention": {"days": 29}})],
        "RetentionOutOfRange",
        (
            "spec.artifacts.retention.days is 29, outside of what IsolationProfile standard allows:"
            " write 30 to 365, or leave it out"
        ),
    ),
    (
        "a store known by name only",
        [store(endpoint="https://s3.example")],
        "StoreAddressUnknown",
        (
            "the endpoint of ObjectStore primary is the host name s3.example, which a NetworkPolicy"
            " cannot open: list its networks in the ObjectStore's spec.network.cidrs, or its pods"
            " in spec.network.pods"
        ),
    ),
    (
        "a store at a link-local address",
        [store(endpoint="http://169.254.1.1:8333")],
        "RouteNotAllowed",
        (
            "ObjectStore primary is at 169.254.1.1/32, in 169.254.0.0/16, which is never reachable"
            " from an experiment: give the store another address, or name another store in"
            " spec.artifacts.storeRef"
        ),
    ),
    (
        "a store that locks for less than is asked for",
        [
            {**store(), "status": {"retention": {"mode": "Compliance", "days": 7}}},
            experiment(artifacts={"retention": {"days": 30}}),
        ],
        "RetentionOutOfRange",
        (
            "the bucket of ObjectStore primary locks what is written for 7 days in mode"
            " Compliance, but the Experiment asks for 30 days in mode Compliance: ask for less in"
            " spec.artifacts.retention, or name a store that locks longer or more strictly in"
            " spec.artifacts.storeRef"
        ),
    ),
    (
        "a store that locks for less than the profile's default",
        [
            {**store(), "status": {"retention": {"mode": "Compliance", "days": 1}}},
            experiment(artifacts={"retention": Only(mode="Compliance")}),
        ],
        "RetentionOutOfRange",
        (
            "the bucket of ObjectStore primary locks what is written for 1 day in mode Compliance,"
            " but IsolationProfile standard locks for 365 days in mode Compliance where an"
            " Experiment asks for nothing else: ask for less in spec.artifacts.retention, or name"
            " a store that locks longer or more strictly in spec.artifacts.storeRef"
        ),
    ),
    (
        "a store whose lock can be lifted, where Compliance is asked for",
        [{**store(), "status": {"retention": {"mode": "Governance", "days": 3650}}}],
        "RetentionOutOfRange",
        (
            "the bucket of ObjectStore primary locks what is written for 3650 days in mode"
            " Governance, but the Experiment asks for 365 days in mode Compliance: ask for less in"
            " spec.artifacts.retention, or name a store that locks longer or more strictly in"
            " spec.artifacts.storeRef"
        ),
    ),
    (
        "a store that issues no credentials",
        [store(sts=None)],
        "StsNotConfigured",
        (
            "ObjectStore primary has no spec.sts, so it cannot issue credentials that open this"
            " experiment's artifacts alone: add spec.sts.roleArn to the ObjectStore, or name"
            " another store in spec.artifacts.storeRef"
        ),
    ),
    (
        "a profile whose request exceeds its default",
        [profile(limits={"defaultRequestCpu": "2", "defaultCpu": "1"})],
        "ProfileInvalid",
        (
            "IsolationProfile standard cannot be used, because spec.limits.defaultRequestCpu (2)"
            " is more than defaultCpu (1): correct the profile, or choose another one in the"
            " Experiment's spec.profile"
        ),
    ),
    (
        "a profile whose default exceeds its maximum for a container",
        [profile(limits={"maxMemory": "256Mi"})],
        "ProfileInvalid",
        (
            "IsolationProfile standard cannot be used, because spec.limits.defaultMemory (512Mi)"
            " is more than maxMemory (256Mi): correct the profile, or choose another one in the"
            " Experiment's spec.profile"
        ),
    ),
    (
        "a profile whose default exceeds its maximum of local disk",
        [profile(limits={"maxEphemeralStorage": "1Gi"})],
        "ProfileInvalid",
        (
            "IsolationProfile standard cannot be used, because spec.limits.defaultEphemeralStorage"
            " (10Gi) is more than maxEphemeralStorage (1Gi): correct the profile, or choose another"
            " one in the Experiment's spec.profile"
        ),
    ),
    (
        "a profile whose default is above its range",
        [profile(quota=[{"resource": "requests.cpu", "default": "9", "maximum": "8"}])],
        "ProfileInvalid",
        (
            "IsolationProfile standard cannot be used, because the default 9 of"
            " spec.quota[requests.cpu] is more than its maximum 8: correct the profile, or choose"
            " another one in the Experiment's spec.profile"
        ),
    ),
    (
        "a profile whose default is below its range",
        [
            profile(
                quota=[{"resource": "requests.cpu", "default": "1", "maximum": "8", "minimum": "2"}]
            )
        ],
        "ProfileInvalid",
        (
            "IsolationProfile standard cannot be used, because the default 1 of"
            " spec.quota[requests.cpu] is less than its minimum 2: correct the profile, or choose"
            " another one in the Experiment's spec.profile"
        ),
    ),
    (
        "a profile that gives half a job",
        [profile(quota=[{"resource": "count/jobs.batch", "default": "0.5", "maximum": "8"}])],
        "ProfileInvalid",
        (
            "IsolationProfile standard cannot be used, because the default 0.5 of"
            " spec.quota[count/jobs.batch] is not a whole number: correct the profile, or choose"
            " another one in the Experiment's spec.profile"
        ),
    ),
    (
        "a profile that allows the way to a metadata service",
        [
            profile(
                network={
                    "routes": [
                        {"name": "imds", "cidr": "fd00:ec2::254/128", "ports": [{"port": 80}]}
                    ]
                }
            )
        ],
        "ProfileInvalid",
        (
            "IsolationProfile standard cannot be used, because spec.network.routes[imds].cidr"
            " fd00:ec2::254/128 is in fd00:ec2::254/128, which must never be reachable: correct the"
            " profile, or choose another one in the Experiment's spec.profile"
        ),
    ),
    (
        "a service that the profile does not offer",
        [offered("mlflow"), services("tracking", "registry")],
        "RouteNotAllowed",
        (
            "spec.network.services names registry, which IsolationProfile standard does not offer:"
            " name one that it offers (tracking), or ask the platform team to add it to"
            " spec.network.services of the profile"
        ),
    ),
    *(
        (
            why,
            [offer, asking],
            "SecretNotOffered",
            (
                f"spec.stages[train].secrets names {name}, which IsolationProfile standard does not"
                f" offer to namespace {team}: name one that it offers ({listed}), or ask the"
                " platform team to add it to spec.secrets of the profile"
            ),
        )
        for why, offer, asking, name, team, listed in (
            (
                "a secret that the profile does not offer",
                gives(),
                is_to_have("cloud"),
                "cloud",
                "team-flights",
                "tracking",
            ),
            (
                "a secret that is offered to other teams",
                gives(teams=["trains"]),
                is_to_have(),
                "tracking",
                "team-flights",
                "none",
            ),
        )
    ),
    (
        "a secret that the team's own name leads into the operator's namespace",
        [gives(namespace="glovebox-$(team)", teams=[]), is_to_have(team="system")],
        "SecretNotOffered",
        (
            "spec.stages[train].secrets names tracking, which IsolationProfile standard takes from"
            f" namespace {OWN}, the operator's own, where the keys of stores and of seals are:"
            " have the profile name another one"
        ),
    ),
    (
        "a profile that does not say to whom it offers a secret",
        [gives(teams=[])],
        "ProfileInvalid",
        (
            "IsolationProfile standard cannot be used, because spec.secrets[tracking].teams does"
            f" not say who may ask for it: {CURE}"
        ),
    ),
    *(
        (
            f"a profile that offers secrets of {namespace}",
            [gives(namespace=namespace)],
            "ProfileInvalid",
            (
                "IsolationProfile standard cannot be used, because"
                f" spec.secrets[tracking].namespace {namespace} is {whose}: {CURE}"
            ),
        )
        for namespace, whose in (
            (OWN, "the operator's own, where the keys of stores and of seals are"),
            ("kube-system", "the cluster's own"),
            ("openshift-config", "the cluster's own"),
            ("gbx-team-x-abcdefghij", "an experiment's, and nothing is taken out of one"),
        )
    ),
    *(
        (
            f"a profile that offers pods of {namespace}",
            [offered(namespace, **allowed)],
            "ProfileInvalid",
            (
                "IsolationProfile standard cannot be used, because"
                f" spec.network.services[tracking].namespace {namespace} is {whose}: {CURE}"
            ),
        )
        for namespace, allowed, whose in (
            *(
                (
                    system,
                    {},
                    "the cluster's own, and systemNamespace of that entry is not Allowed",
                )
                for system in ("kube-system", "kube-public", "openshift-monitoring")
            ),
            (OWN, {}, "the operator's own, and systemNamespace of that entry is not Allowed"),
            (
                "gbx-team-other-abcdefghij",
                {"systemNamespace": "Allowed"},
                "an experiment's, and nothing leads from one into another",
            ),
        )
    ),
    *(
        (
            f"a name server at {address}",
            [name_server(address)],
            "ProfileInvalid",
            (
                "IsolationProfile standard cannot be used, because spec.network.dns.addresses has"
                f" {address}, which is in {network}, where cloud metadata services answer: name the"
                f" address of the cluster's own name server: {CURE}"
            ),
        )
        for address, network in (
            ("169.254.169.254", "169.254.169.254/32"),
            ("fd00:ec2::254", "fd00:ec2::254/128"),
            ("64:ff9b::a9fe:a9fe", "64:ff9b::a9fe:0/112"),
        )
    ),
]

ACCEPTED: list[tuple[str, list[dict[str, Any]]]] = [
    ("the ordinary case", []),
    ("exactly the maximum, spelled otherwise", [quota("requests.cpu", "8000m")]),
    ("exactly the minimum", [quota("requests.cpu", "0.1")]),
    ("a whole number in another spelling", [quota("pods", "1e1")]),
    ("half a gigabyte", [quota("requests.memory", "0.5Gi")]),
    (
        "an approval that ends in a second",
        [APPROVALS, image(f"registry.example/team/trainer{DIGEST}")],
    ),
    ("the approved repository itself", [APPROVALS, image(f"registry.example/team{DIGEST}")]),
    ("a registry with a port", [APPROVALS, image(f"other.example:5000/a/b{DIGEST}")]),
    (
        "an expired approval beside one that lasts",
        [
            profile(
                images=[
                    {"repository": "registry.example", "expireTime": "2020-01-01T00:00:00Z"},
                    {"repository": "registry.example/trainer"},
                ]
            ),
        ],
    ),
    ("a host inside a route", [ROUTES, egress("203.0.113.9/32", 443)]),
    ("a network inside an IPv6 route", [ROUTES, egress("2001:db8:1::/48", 443)]),
    ("the ports of the one route that has them all", [ROUTES, egress("203.0.113.7/32", 8443)]),
    ("a service by its name", [offered("mlflow"), services("tracking")]),
    ("a service of the system that is meant", [offered("kube-system", systemNamespace="Allowed")]),
    ("the operator's pods that are meant", [offered(OWN, systemNamespace="Allowed")]),
    ("a name server on the node", [name_server("169.254.20.10")]),
    ("a name server on the node, in IPv6", [name_server("fe80::53")]),
    ("all of the quota's processor", [asks(cpu="2000m")]),
    (
        "the proxy of the store for programs too",
        [
            experiment(network={"useProxy": True}),
            profile(network={"proxy": {"url": "http://198.51.100.8:3128"}}),
            BEHIND_A_PROXY,
        ],
    ),
    (
        "another proxy than the store's that is not asked for",
        [profile(network={"proxy": {"url": "http://198.51.100.7:3128"}}), BEHIND_A_PROXY],
    ),
    ("all of the quota's memory", [asks(memory="4096Mi")]),
    (
        "a quota that was raised for the run",
        [
            experiment(resources=Only(quota={"requests.cpu": "8", "limits.cpu": "8"})),
            asks(cpu="8"),
        ],
    ),
    ("as much as one container may have", [profile(limits={"maxCpu": "1"}), asks(cpu="1")]),
    (
        "a fetcher that needs what the run's session needs later",
        [quota("limits.memory", "448Mi"), asks(memory="448Mi")],
    ),
    (
        "a small quota without inputs to fetch",
        [
            experiment(inputs=Only()),
            quota("limits.memory", "256Mi"),
            asks(memory="256Mi"),
        ],
    ),
    ("all accelerators that the profile has", [GPUS, asks(**{"nvidia.com/gpu": 4})]),
    (
        "as many accelerators as the quota has",
        [GPUS, quota("requests.nvidia.com/gpu", "2"), asks(**{"nvidia.com/gpu": "2"})],
    ),
    (
        "a DeviceClass by the name that it always has",
        [
            profile(
                accelerators=[
                    {"resource": f"{DEVICE_CLASS}gpu", "maximum": 1, "deviceClass": "gpu"}
                ]
            ),
            asks(**{f"{DEVICE_CLASS}gpu": 1}),
        ],
    ),
    ("a quota of accelerators without a run", [GPUS, quota("requests.nvidia.com/gpu", "4")]),
    (
        "shared memory that fits beside the memory",
        [asks(memory="3Gi"), experiment(stage={"sharedMemory": "1Gi"})],
    ),
    ("as much scratch as the default", [experiment(stage={"scratch": "10Gi"})]),
    (
        "as much scratch as one container may have",
        [profile(limits={"maxEphemeralStorage": "50Gi"}), experiment(stage={"scratch": "50Gi"})],
    ),
    ("any amount of what nothing counts", [*NOTHING_COUNTED, asks(cpu="512")]),
    ("no run at all", [experiment(stages=[], images=[])]),
    ("the profile's retention", [experiment(artifacts={"retention": None})]),
    (
        "a stronger lock than the profile demands",
        [
            profile(retention={"mode": "Governance"}),
            experiment(artifacts={"retention": {"mode": "Compliance"}}),
        ],
    ),
    (
        "a store with a name whose networks are told",
        [store(endpoint="https://s3.example", network={"cidrs": ["192.0.2.0/24"]})],
    ),
]


@pytest.mark.parametrize(
    ("why", "changes", "reason", "message"), REFUSED, ids=[case[0] for case in REFUSED]
)
def test_it_is_refused_with_the_field_and_the_cure(
    why: str, changes: list[dict[str, Any]], reason: str, message: str
) -> None:
    inputs = inputs_from(*changes)
    with pytest.raises(Refused) as refusal:
        check(
            inputs.experiment,
            inputs.profile,
            inputs.store,
            NOW,
            PLATFORM_IMAGE,
            operator_namespace=OWN,
        )
    assert (refusal.value.reason, refusal.value.message) == (reason, message), why


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        (store(endpoint="http://168.63.129.16"), "168.63.129.16/32, in 168.63.129.16/32"),
        (
            store(endpoint="http://[::ffff:a9fe:a9fe]"),
            "::ffff:a9fe:a9fe/128, in 169.254.0.0/16",
        ),
        (
            store(endpoint="https://s3.example", network={"cidrs": ["fd00:42::42/128"]}),
            "fd00:42::42/128, in fd00:42::42/128",
        ),
    ],
)
def test_no_store_is_at_a_metadata_service(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(Refused) as refusal:
        check_store_reachable(inputs_from(changes).store, "name pins of another store")
    assert (refusal.value.reason, refusal.value.message) == (
        "RouteNotAllowed",
        (
            f"ObjectStore primary is at {where}, which is never reachable from an experiment: give"
            " the store another address, or name pins of another store"
        ),
    )


@pytest.mark.parametrize(("why", "changes"), ACCEPTED, ids=[case[0] for case in ACCEPTED])
def test_it_is_accepted(why: str, changes: list[dict[str, Any]]) -> None:
    del why  # it is the name of the test
    inputs = inputs_from(*changes)
    check(
        inputs.experiment,
        inputs.profile,
        inputs.store,
        NOW,
        PLATFORM_IMAGE,
        operator_namespace=OWN,
    )


@pytest.mark.parametrize(
    "reference",
    [
        "registry.example/trainer:v1",
        "registry.example/trainer",
        f"registry.example/trainer:v1{DIGEST}",
        f"registry.example/trainer{DIGEST[:-1]}",
    ],
)
def test_an_image_that_slipped_past_the_api_server_without_a_digest_is_refused(
    reference: str,
) -> None:
    inputs = inputs_from()
    unpinned = inputs.experiment.spec.images[0].model_copy(update={"reference": reference})
    spec = inputs.experiment.spec.model_copy(update={"images": (unpinned,)})
    with pytest.raises(Refused) as refusal:
        check(
            inputs.experiment.model_copy(update={"spec": spec}),
            inputs.profile,
            inputs.store,
            NOW,
            PLATFORM_IMAGE,
        )
    assert refusal.value.reason == "ImageNotPinned"
    assert (
        refusal.value.message
        == f"spec.images[trainer].reference {reference} is not pinned by digest, and a tag can be"
        " moved to other content: write it as REPOSITORY@sha256:<64 hex digits>, without a tag"
    )


def test_every_check_has_a_name_and_words_of_its_own() -> None:
    assert len({found.__name__ for found in CHECKS}) == len(CHECKS)
    assert all((found.__doc__ or "").startswith("Refuse ") for found in CHECKS)


def test_what_was_found_of_a_profile_is_of_the_settings_that_it_was_asked_with() -> None:
    """One and the same object: what is kept of it is kept by all that it was judged by."""
    route = {"name": "api", "cidr": "203.0.113.0/24", "ports": [{"port": 443}]}
    service = {
        "name": "metrics",
        "namespace": "tools",
        "podLabels": {"app": "metrics"},
        "ports": [{"port": 9090}],
    }
    network = {"routes": [route], "services": [service]}
    given = inputs_from({"kind": "IsolationProfile", "spec": {"network": network}}).profile
    check_profile(given)
    with pytest.raises(Refused, match="must never be reachable"):
        check_profile(given, (ip_network("203.0.0.0/16"),))
    with pytest.raises(Refused, match="the operator's own"):
        check_profile(given, (), "tools")
    check_profile(given, (ip_network("198.51.100.0/24"),), "elsewhere")
