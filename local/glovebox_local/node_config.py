"""The configuration of a node's programs, as text; nothing here touches the machine.

Every path is one inside the node's own mounts: its directory is at `/run/node` there, for every
node the same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from glovebox_local.gateway import POD_CIDR, node_ip

if TYPE_CHECKING:
    from pathlib import Path

INSIDE = "/run/node"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
DNS_IP = "10.96.0.10"
AGENT_PORT = 9879
PROXY_PORT = 10256


def holder_script(pause: Path, folder: Path) -> str:
    """Return the shell script that furnishes a node's mounts and then becomes `pause`.

    `/run` and `/var/log` are the node's own: sockets, network namespaces and logs of its pods are
    neither seen by another node nor left to the machine.
    """
    return f"""set -e
mount --make-rprivate /
mount -t proc proc /proc
mkdir -p /var/lib/kubelet /var/lib/cni
mount --bind '{folder}/kubelet' /var/lib/kubelet
mount -t tmpfs -o mode=755 cni /var/lib/cni
mount --bind '{folder}' /mnt
mount -t tmpfs -o mode=755 run /run
mkdir -p {INSIDE} /run/lock /run/netns
mount --move /mnt {INSIDE}
mount -t tmpfs -o mode=755 log /var/log
mkdir -p /var/log/pods /var/log/containers
mount --bind {INSIDE}/podlogs /var/log/pods
mount -t bpf bpf /sys/fs/bpf
mount --make-rshared /
ip link set lo up
exec '{pause}'
"""


def containerd_config(pause_image: str) -> str:
    """Return containerd's configuration (version 4: of containerd 2.3)."""
    return f"""version = 4
imports = []
root = "{INSIDE}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri", \
"io.containerd.tracing.processor.v1.otlp"]
[plugins."io.containerd.server.v1.grpc"]
address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
stream_server_address = "127.0.0.1"
[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{pause_image}"
[plugins."io.containerd.cri.v1.runtime"]
# A machine may not let even root raise a process' worth above others.
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{INSIDE}/cni/bin"]
conf_dir = "{INSIDE}/cni/net.d"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def cni_config() -> str:
    """Return the list of CNI plugins.

    There before containerd starts, which misses what is put there by a rename.
    """
    plugin = {"type": "cilium-cni", "enable-debug": False, "log-file": f"{INSIDE}/cilium-cni.log"}
    return json.dumps({"cniVersion": "1.0.0", "name": "cilium", "plugins": [plugin]}) + "\n"


def kubelet_config(name: str, cgroup: str) -> str:
    """Return the kubelet's configuration.

    Args:
        name: The node's.
        cgroup: The cgroup below which all its pods live.
    """
    document = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{INSIDE}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{INSIDE}/{name}.crt",
        "tlsPrivateKeyFile": f"{INSIDE}/{name}.key",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "clusterDNS": [DNS_IP],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{INSIDE}/resolv.conf",
        # A full disk must not make it delete images, which could not be pulled again, nor pods.
        "imageGCHighThresholdPercent": 100,
        "imageMinimumGCAge": "24h",
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
        "containerLogMaxSize": "5Mi",
        "maxPods": 200,
        # A fork bomb takes its own pod's and no neighbour's; threads count too, and learning
        # programs have many.
        "podPidsLimit": 1024,
        # The defaults spread load over hours and thousands of nodes; here somebody waits.
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
        "volumeStatsAggPeriod": "5s",
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "serializeImagePulls": False,
        "volumePluginDir": f"{INSIDE}/kubelet-plugins",
    }
    return yaml.safe_dump(document, sort_keys=False)


def proxy_config(name: str) -> str:
    """Return kube-proxy's configuration."""
    # The kernel may not let us set its limits: leave all of them as they are.
    untouched = {
        "maxPerCore": 0,
        "min": 0,
        "tcpEstablishedTimeout": "0s",
        "tcpCloseWaitTimeout": "0s",
    }
    document = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": POD_CIDR,
        "hostnameOverride": name,
        "healthzBindAddress": f"127.0.0.1:{PROXY_PORT}",
        "metricsBindAddress": "127.0.0.1:10249",
        "clientConnection": {"kubeconfig": f"{INSIDE}/kube-proxy.kubeconfig"},
        "conntrack": untouched,
    }
    return yaml.safe_dump(document, sort_keys=False)


def kubelet_command(program: Path, number: int, name: str) -> list[str]:
    """Return the kubelet's command."""
    flags = {
        "config": f"{INSIDE}/kubelet.yaml",
        "kubeconfig": f"{INSIDE}/{name}.kubeconfig",
        "hostname-override": name,
        "node-ip": node_ip(number),
    }
    return [str(program), *(f"--{flag}={value}" for flag, value in flags.items())]


def agent_command(folder: Path) -> list[str]:
    """Return the command of Cilium's agent.

    Policy by eBPF on native routes, and nothing else of all that it can do.

    Args:
        folder: Of the built program, with `bpf/`.
    """
    state = "/run/cilium"
    flags = {
        "k8s-kubeconfig-path": f"{INSIDE}/cilium.kubeconfig",
        "identity-allocation-mode": "crd",
        "enable-policy": "default",
        "ipam": "kubernetes",
        "enable-ipv4": "true",
        "enable-ipv6": "false",
        "routing-mode": "native",
        "ipv4-native-routing-cidr": POD_CIDR,
        "auto-direct-node-routes": "true",
        "enable-ipv4-masquerade": "false",
        "devices": "eth0",
        "kube-proxy-replacement": "false",
        # With it, programs would be attached to the cgroup root of the whole machine.
        "bpf-lb-sock": "false",
        "enable-l7-proxy": "false",
        "enable-envoy-config": "false",
        "disable-envoy-version-check": "true",
        "enable-hubble": "false",
        "enable-health-checking": "false",
        "enable-endpoint-health-checking": "false",
        "enable-gops": "false",
        # It would look for its configuration in the cluster, which has none.
        "enable-drift-checker": "false",
        "agent-health-port": AGENT_PORT,
        "bpf-root": "/sys/fs/bpf",
        "cgroup-root": f"{state}/cgroupv2",
        "state-dir": state,
        "lib-dir": folder,
        "socket-path": f"{state}/cilium.sock",
        "shell-sock-path": f"{state}/shell.sock",
        "cni-exclusive": "false",
        "cni-log-file": f"{INSIDE}/cilium-cni.log",
        "bpf-map-dynamic-size-ratio": "0.0005",
        "preallocate-bpf-maps": "false",
        # Else a relabelled namespace keeps its old rights for half a minute.
        "identity-max-jitter": "0s",
        "identity-change-grace-period": "1s",
    }
    return [str(folder / "cilium-agent"), *(f"--{flag}={value}" for flag, value in flags.items())]
