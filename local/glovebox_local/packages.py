"""What a node needs of the machine: Linux, root, and a few of Debian's packages.

What is missing is named with its cure. So are the packages that a suite of its own needs and no Go
module builds: Ceph for `make test-stores`, Redis for `make test-ecosystem`.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from glovebox_local.progress import Progress

_APT_TIMEOUT = 900
_TRY = ("unshare", "--mount", "--net", "--pid", "--fork", "--propagation", "private", "--")
# Where Debian keeps what only root uses; a person's PATH may lack it.
_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))


@dataclass(frozen=True)
class Package:
    """A Debian package, the program or file that it brings, what for, and if nodes need it.

    `service` is what it would have systemd start with the machine.
    """

    name: str
    program: str
    purpose: str
    for_nodes: bool = True
    service: str = ""

    @property
    def missing(self) -> bool:
        """Whether the machine lacks the program."""
        if self.program.startswith("/"):
            return not Path(self.program).exists()
        return shutil.which(self.program, path=_PLACES) is None


PACKAGES = (
    Package("runc", "runc", "starts a container"),
    Package(
        "containernetworking-plugins", "/usr/lib/cni/loopback", "gives a pod its loopback interface"
    ),
    Package("clang-19", "clang-19", "compiles Cilium's network policies for the kernel"),
    Package("iproute2", "ip", "makes a node's network"),
    Package("iptables", "iptables", "asked by kubelet and Cilium"),
    Package("nftables", "nft", "holds kube-proxy's rules"),
    Package("util-linux", "nsenter", "enters a node"),
    Package("mount", "mount", "makes a node's mounts"),
    Package("buildah", "buildah", "builds images from Dockerfiles"),
    Package("mmdebstrap", "mmdebstrap", "makes the image that those start from"),
    Package("busybox-static", "busybox", "the image of the tests' pods"),
    Package("openssl", "openssl", "checks signatures in tests, as a stranger", for_nodes=False),
    Package(
        "prometheus",
        "promtool",
        "tests alerts, and fires them in tests",
        for_nodes=False,
        service="prometheus.service",
    ),
    Package(
        "prometheus-alertmanager",
        "amtool",
        "checks routes of alerts in tests",
        for_nodes=False,
        service="prometheus-alertmanager.service",
    ),
)
# Asked for by `make test-ecosystem` alone.
ECOSYSTEM_PACKAGES = (
    Package(
        "redis-server",
        "redis-server",
        "keeps what Argo CD has found out, in tests",
        for_nodes=False,
        service="redis-server.service",
    ),
)
# Asked for by nothing but the tests of other stores.
CEPH_PACKAGES = tuple(
    Package(name, program, f"Ceph's {what}", for_nodes=False)
    for name, program, what in (
        ("ceph-mon", "ceph-mon", "map of the cluster"),
        ("ceph-mgr", "ceph-mgr", "statistics, without which pools are not made"),
        ("ceph-osd", "ceph-osd", "memory for objects"),
        ("radosgw", "radosgw", "S3 API"),
    )
)


def missing_packages(packages: Sequence[Package] | None = None) -> list[Package]:
    """Return the packages whose programs the machine lacks: of those of nodes, or of others."""
    return [package for package in packages or PACKAGES if package.missing]


def node_obstacle() -> str | None:
    """Return in one sentence why no node can run here, with the cure; None when one can."""
    if not sys.platform.startswith("linux"):
        return "nodes need Linux: use a virtual machine, or --driver kind"
    if os.geteuid() != 0:
        return "nodes need root (namespaces, cgroups, eBPF): run it with sudo"
    missing = [package for package in missing_packages() if package.for_nodes]
    if missing:
        names = ", ".join(f"{package.program} ({package.name})" for package in missing)
        return (
            f"nodes need programs that this machine lacks: {names}: `glovebox local packages`"
            " brings them"
        )
    if not Path("/sys/kernel/btf/vmlinux").exists():
        return "nodes need a kernel with BTF (CONFIG_DEBUG_INFO_BTF), for eBPF"
    return _namespace_obstacle()


@functools.cache
def _namespace_obstacle() -> str | None:
    # Root in a container may not: only trying tells.
    tried = subprocess.run(
        [*_TRY, "mount", "-t", "tmpfs", "tmpfs", "/tmp"],  # noqa: S108 - in a namespace of its own
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    if tried.returncode != 0:
        return (
            "nodes need namespaces and mounts, and this machine refuses them"
            f" ({tried.stderr.strip()}): use a virtual machine"
        )
    return None


def demand_node() -> None:
    """Raise unless a node can run here.

    Raises:
        LocalError: It cannot; with the cure.
    """
    obstacle = node_obstacle()
    if obstacle:
        raise LocalError("Starting a node", obstacle)


def install_packages(
    progress: Progress, packages: Sequence[Package] | None = None
) -> list[Package]:
    """Install what is missing with apt-get, without recommendations and without starting a service.

    Neither now nor with the machine: what listens on a port there is no test's. Return it.

    Raises:
        LocalError: We are not root, there is no apt-get, or it failed.
    """
    missing = missing_packages(packages)
    if not missing:
        return []
    names = [package.name for package in missing]
    step = f"Installing {', '.join(names)}"
    if os.geteuid() != 0:
        raise LocalError(
            step, f"only root can: `sudo apt-get install --no-install-recommends {' '.join(names)}`"
        )
    if shutil.which("apt-get") is None:
        raise LocalError(
            step, "there is no apt-get here: bring the programs in this system's own way"
        )
    with progress.step(step) as shown, _no_services():
        shown.say("apt-get update")
        _apt("update", step=step)
        shown.say("apt-get install")
        _apt("install", "--yes", "--no-install-recommends", *names, step=step)
        _disable([package.service for package in missing if package.service])
    return missing


def _disable(services: Sequence[str]) -> None:
    # A policy that says no keeps them from being started now; they are enabled all the same.
    if services and shutil.which("systemctl", path=_PLACES) is not None:
        subprocess.run(["systemctl", "--quiet", "disable", *services], check=False, timeout=60)


def _apt(*arguments: str, step: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            ["apt-get", "--quiet", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_APT_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LocalError(
            step, f"apt-get {arguments[0]} was not done after {_APT_TIMEOUT} s"
        ) from error
    if done.returncode != 0:
        raise LocalError(
            step, f"`apt-get {' '.join(arguments)}` says:\n{done.stderr.strip()[-2000:]}"
        )


@contextmanager
def _no_services() -> Iterator[None]:
    """Have packages start no service while the block runs, in the way that Debian has for it.

    A policy that says no.
    """
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)
