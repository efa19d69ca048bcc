"""The programs of the local environment, built from pinned Go modules.

Once, into the user's cache, for all clusters.

The key of a built program is the SHA-256 over its module's files, the version of Go and the flags:
the same key is the same program, so that nothing needs to be compared, and an older program stays
for whoever still pins it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glovebox_local.go_build import run_go
from glovebox_local.locking import exclusive
from glovebox_local.paths import cache_dir
from glovebox_local.progress import Silent
from glovebox_local.toolchain import Toolchain, find_toolchain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from glovebox_local.progress import Progress

_MODULES = Path(__file__).with_name("programs")
_KUBERNETES = "1.36.3"
_MAJOR, _MINOR, _ = _KUBERNETES.split(".")
# From this share on, the time that was spent tells how fast the machine is; a cache that has most
# of it makes nobody believe in miracles.
_WELL_BEGUN = 0.1
_FASTEST = 0.1


@dataclass(frozen=True)
class Data:
    """A folder that comes with a module.

    `folder` of `module` lies beside the built programs as `name`.
    """

    name: str
    module: str
    folder: str


@dataclass(frozen=True)
class Program:
    """A program that we build.

    Args:
        name: Folder of its module in `programs/`, and the name of the built file.
        package: What to build: the module itself, or a `tool` of it.
        variables: Link-time variables.
        links: Names under which the same file is called: it becomes a different program by its
            name.
        also: More packages of the module that are built beside it: the file's name, and the
            package.
        tags: Build tags.
        data: What the programs read while they run, copied out of a module that they are built
            from.
        title: What it is, for people.
        seconds: What building costs from nothing on two idle cores; measured once, to say how much
            is left.
    """

    name: str
    package: str
    variables: tuple[tuple[str, str], ...] = ()
    links: tuple[str, ...] = ()
    also: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    data: tuple[Data, ...] = ()
    title: str = ""
    seconds: int = 60

    @property
    def flags(self) -> tuple[str, ...]:
        """The arguments of `go build`, without the output and the package."""
        variables = "".join(f" -X {_quoted(f'{name}={value}')}" for name, value in self.variables)
        tags = (f"-tags={','.join(self.tags)}",) if self.tags else ()
        return (
            "-mod=readonly",
            "-trimpath",
            "-buildvcs=false",
            *tags,
            "-ldflags",
            f"-s -w{variables}",
        )

    @property
    def packages(self) -> tuple[tuple[str, str], ...]:
        """Every file that is built, and what it is built from."""
        return ((self.name, self.package), *self.also)


_VERSION = "k8s.io/component-base/version."
KUBERNETES = Program(
    name="kubernetes",
    package=".",
    # Without these the server names itself v0.0.0-master, which kubectl refuses to parse. The date
    # is the release's, and there is no commit: what was built is the module as the checksum
    # database knows it.
    variables=(
        (f"{_VERSION}gitVersion", f"v{_KUBERNETES}"),
        (f"{_VERSION}gitMajor", _MAJOR),
        (f"{_VERSION}gitMinor", _MINOR),
        (f"{_VERSION}gitTreeState", "archive"),
        (f"{_VERSION}gitCommit", "go-module"),
        (f"{_VERSION}buildDate", "2026-07-22T18:07:38Z"),
    ),
    links=(
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-proxy",
        "kubectl",
    ),
    title=f"Kubernetes {_KUBERNETES}",
    seconds=300,
)
ETCD = Program(name="etcd", package=".", title="etcd", seconds=40)
# Of the release whose libraries are those of KUBERNETES, with the same versions of them.
HELM = Program(
    name="helm",
    package="helm.sh/helm/v4/cmd/helm",
    variables=(("helm.sh/helm/v4/internal/version.version", "v4.2.3"),),
    title="Helm",
    seconds=60,
)
_CILIUM = "1.20.2"
_CILIUM_MODULE = "github.com/cilium/cilium"
CILIUM = Program(
    name="cilium-agent",
    package=f"{_CILIUM_MODULE}/daemon",
    # Upstream's shape: version, revision, compiler, platform. Without it the agent does not start.
    variables=(
        (
            f"{_CILIUM_MODULE}/pkg/version.ciliumVersion",
            f"{_CILIUM} go-module go version unknown linux/unknown",
        ),
    ),
    also=(("cilium-cni", f"{_CILIUM_MODULE}/plugins/cilium-cni"),),
    tags=("osusergo",),
    data=(
        Data("bpf", _CILIUM_MODULE, "bpf"),
        Data("crds", _CILIUM_MODULE, "pkg/k8s/apis/cilium.io/client/crds"),
    ),
    title=f"Cilium {_CILIUM}",
    seconds=480,
)
COREDNS = Program(
    name="coredns",
    package=".",
    also=(("pause", "./pause"),),
    title="CoreDNS",
    seconds=90,
)
_CONTAINERD = "2.3.4"
_CONTAINERD_MODULE = "github.com/containerd/containerd/v2"
# Debian's is too old for images as volumes and for read-only mounts that hold below their top.
CONTAINERD = Program(
    name="containerd",
    package=f"{_CONTAINERD_MODULE}/cmd/containerd",
    variables=((f"{_CONTAINERD_MODULE}/version.Version", f"v{_CONTAINERD}"),),
    also=tuple(
        (name, f"{_CONTAINERD_MODULE}/cmd/{name}") for name in ("containerd-shim-runc-v2", "ctr")
    ),
    tags=("no_btrfs", "no_devmapper", "no_zfs"),
    title=f"containerd {_CONTAINERD}",
    seconds=100,
)
# Other stores than the one of the local environment, for the tests that ask each the same.
# Of MinIO there is no release as a module: this is the last commit before it was archived.
MINIO = Program(
    name="minio",
    package=".",
    also=(("minio-user", "./user"),),
    title="MinIO",
    seconds=480,
)
VERSITYGW = Program(
    name="versitygw",
    package="github.com/versity/versitygw/cmd/versitygw",
    title="Versity S3 Gateway 1.8.0",
    seconds=90,
)
# Reads our seals as a stranger does, in a test.
COSIGN = Program(
    name="cosign",
    package="github.com/sigstore/cosign/v2/cmd/cosign",
    title="cosign 2.6.5",
    seconds=300,
)
# These apply our objects as GitOps does, in tests.
_KUSTOMIZE_CONTROLLER = "1.9.5"
_KUSTOMIZE_CONTROLLER_MODULE = "github.com/fluxcd/kustomize-controller"
KUSTOMIZE_CONTROLLER = Program(
    name="kustomize-controller",
    package=_KUSTOMIZE_CONTROLLER_MODULE,
    data=(Data("crds", _KUSTOMIZE_CONTROLLER_MODULE, "config/crd/bases"),),
    title=f"Flux's kustomize-controller {_KUSTOMIZE_CONTROLLER}",
    seconds=420,
)
_ARGO_CD = "3.5.7"
_ARGO_CD_MODULE = "github.com/argoproj/argo-cd/v3"
ARGO_CD = Program(
    name="argo-cd",
    package=".",
    variables=((f"{_ARGO_CD_MODULE}/common.version", _ARGO_CD),),
    links=("argocd-application-controller", "argocd-repo-server", "argocd-actions"),
    data=(
        Data("crds", _ARGO_CD_MODULE, "manifests/crds"),
        # The settings that it comes with.
        Data("config", _ARGO_CD_MODULE, "manifests/base/config"),
    ),
    title=f"Argo CD {_ARGO_CD}",
    seconds=200,
)
# Takes our traces, in a test.
OTEL_COLLECTOR = Program(
    name="otel-collector",
    package=".",
    title="the OpenTelemetry collector 0.165.0",
    seconds=150,
)
# Makes the Jobs of runs of several stages.
_JOBSET = "0.11.0"
_JOBSET_MODULE = "sigs.k8s.io/jobset"
JOBSET = Program(
    name="jobset",
    package=_JOBSET_MODULE,
    variables=((f"{_JOBSET_MODULE}/pkg/version.GitVersion", f"v{_JOBSET}"),),
    # Its manifests, as `kubectl kustomize` reads them.
    data=(Data("config", _JOBSET_MODULE, "config"),),
    title=f"JobSet {_JOBSET}",
    seconds=240,
)
# Lets runs wait for their turn, in tests.
_KUEUE = "0.17.0"
_KUEUE_MODULE = "sigs.k8s.io/kueue"
KUEUE = Program(
    name="kueue",
    package=f"{_KUEUE_MODULE}/cmd/kueue",
    variables=((f"{_KUEUE_MODULE}/pkg/version.GitVersion", f"v{_KUEUE}"),),
    # Its manifests, as `kubectl kustomize` reads them.
    data=(Data("config", _KUEUE_MODULE, "config"),),
    title=f"Kueue {_KUEUE}",
    seconds=300,
)
# These judge the rendered chart, in a test.
KUBECONFORM = Program(
    name="kubeconform",
    package="github.com/yannh/kubeconform/cmd/kubeconform",
    title="kubeconform 0.8.0",
    seconds=20,
)
KUBE_SCORE = Program(
    name="kube-score",
    package="github.com/zegl/kube-score/cmd/kube-score",
    title="kube-score 1.20.0",
    seconds=30,
)
# What a cluster and its tools need, and what one with nodes needs beside.
PLANE_PROGRAMS = (ETCD, KUBERNETES, HELM)
NODE_PROGRAMS = (COREDNS, CONTAINERD, CILIUM)
# Built by `make test-stores` alone.
STORE_PROGRAMS = (VERSITYGW, MINIO, COSIGN)
# Built by `make test-ecosystem` alone, but for JobSet, which a story of the demonstration has too.
ECOSYSTEM_PROGRAMS = (
    KUSTOMIZE_CONTROLLER,
    ARGO_CD,
    OTEL_COLLECTOR,
    JOBSET,
    KUEUE,
    KUBECONFORM,
    KUBE_SCORE,
)
# Those whose names a person types; they are linked into one folder for PATH.
_FOR_PEOPLE = ("kubectl", "helm")


def bin_dir() -> Path:
    """Return the folder for PATH: kubectl and helm, as built last."""
    return cache_dir() / "bin"


def program_key(program: Program, *, go_version: str, module: Path | None = None) -> str:
    """Return the SHA-256 (hex) that names a built program.

    Args:
        program: What is built, with its flags.
        go_version: What builds it, as `go env GOVERSION` says.
        module: The folder of its module.
    """
    folder = module or _MODULES / program.name
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.name in {"go.mod", "go.sum"} or file.suffix == ".go"
    )
    parts: list[bytes] = [
        go_version.encode(),
        platform.machine().encode(),
        program.package.encode(),
    ]
    beside = (*program.also, *((data.name, data.module, data.folder) for data in program.data))
    parts += [
        word.encode()
        for word in (*program.flags, *program.links, *(word for words in beside for word in words))
    ]
    for file in files:
        parts += [file.name.encode(), file.read_bytes()]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def program_folder(program: Program) -> Path:
    """Return the folder of the cache where the built program is, or will be once it is built."""
    toolchain = find_toolchain(_minimum_go(_MODULES / program.name))
    return (
        cache_dir()
        / "programs"
        / f"{program.name}-{program_key(program, go_version=toolchain.version)[:16]}"
    )


def missing_programs(programs: Iterable[Program]) -> list[Program]:
    """Return those programs that the cache does not have."""
    return [program for program in programs if not program_folder(program).exists()]


def ensure_programs(programs: Iterable[Program], progress: Progress | None = None) -> None:
    """Build each program that the cache does not have, in this order; say how much of all is left.

    Raises:
        LocalError: One could not be built; with the log.
    """
    programs = tuple(programs)
    missing = missing_programs(programs)
    for program in programs:
        later = missing[missing.index(program) + 1 :] if program in missing else []
        ensure_program(program, progress, later=later)


def compute_left(program: Program, later: Iterable[Program], *, done: float, spent: float) -> float:
    """Return the seconds until a program and those after it are built.

    Args:
        program: What is being built.
        later: What comes after it.
        done: How much of it is built, from 0 to 1.
        spent: Seconds since its building began: how fast this machine is, once it is well begun.
    """
    known = done >= _WELL_BEGUN
    slowness = max(_FASTEST, spent / (program.seconds * done)) if known else 1.0
    rest = program.seconds * (1 - done) + sum(other.seconds for other in later)
    return rest * slowness


def ensure_program(
    program: Program, progress: Progress | None = None, *, later: Sequence[Program] = ()
) -> Path:
    """Return the folder that holds the built program and its links.

    Build it where the cache does not have it.

    Args:
        program: Which.
        progress: Shown how far it is.
        later: What will be built after it: counted in what is left.

    Raises:
        LocalError: It could not be built; with the log.
    """
    module = _MODULES / program.name
    toolchain = find_toolchain(_minimum_go(module))
    folder = program_folder(program)
    if not folder.exists():
        lock = cache_dir() / "programs" / f".{program.name}.lock"
        waiting = "another program is building it: waiting"
        with (
            (progress or Silent()).step(f"Building {program.title or program.name}") as step,
            exclusive(lock, step.say, waiting),
        ):
            # Whoever held the lock before us may have built it.
            if not folder.exists():
                toolchain.fetch(step.say)
                _build(program, module, toolchain, folder, _Counter(program, later, step.say))
    _link_for_people(program, folder)
    return folder


class _Counter:
    """Says how far a build is, and how much of all that is to be built is left."""

    def __init__(
        self, program: Program, later: Sequence[Program], say: Callable[[str], None]
    ) -> None:
        self._program = program
        self._later = later
        self._started = time.monotonic()
        self.say = say

    def count(self, compiled: int, total: int) -> None:
        """Say how many packages are compiled, of at most so many."""
        done = min(1.0, compiled / total) if total else 0.0
        left = compute_left(
            self._program, self._later, done=done, spent=time.monotonic() - self._started
        )
        what = f"about {max(1, round(left / 60))} min left"
        if self._later:
            names = ", ".join(program.title or program.name for program in self._later)
            what += f" with {names}"
        self.say(f"{compiled} of at most {total} packages compiled, {what}")


def _build(
    program: Program, module: Path, toolchain: Toolchain, folder: Path, counter: _Counter
) -> None:
    log = cache_dir() / "logs" / f"build-{program.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    incoming = folder.with_name(f".{folder.name}.{os.getpid()}")
    # Of builds that were killed: whoever builds now has the lock.
    for left in folder.parent.glob(f".{program.name}-*"):
        shutil.rmtree(left)
    go = str(toolchain.command)
    try:
        incoming.mkdir(parents=True)
        counter.say("fetching the sources")
        packages = [package for _, package in program.packages]
        listing = [go, "list", *program.flags[:1], "-deps", *packages]
        fetched = run_go(listing, module, log, lambda n: counter.say(f"{n} modules fetched"))
        # Go tells each package that it compiles, and none that its own cache has: so this is an
        # upper bound.
        total = len(fetched)
        for name, package in program.packages:
            output = ["-o", str(incoming / name)]
            run_go(
                [go, "build", "-v", *program.flags, *output, package],
                module,
                log,
                lambda n: counter.count(n, total),
            )
        for link in program.links:
            (incoming / link).symlink_to(program.name)
        for data in program.data:
            (source,) = run_go(
                [go, "list", *program.flags[:1], "-m", "-f", "{{.Dir}}", data.module],
                module,
                log,
                lambda _: None,
            )
            _copy(Path(source) / data.folder, incoming / data.name)
        incoming.rename(folder)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    # Go keeps its modules read-only, folders too: as copied they could not be removed.
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
        folder.chmod(0o755)


def _quoted(variable: str) -> str:
    return f"'{variable}'" if " " in variable else variable


def _link_for_people(program: Program, folder: Path) -> None:
    bin_dir().mkdir(parents=True, exist_ok=True)
    for name in {program.name, *program.links}.intersection(_FOR_PEOPLE):
        link = bin_dir() / name
        if link.is_symlink() and link.readlink() == folder / name:
            continue
        temporary = link.with_name(f".{name}.{os.getpid()}")
        temporary.symlink_to(folder / name)
        temporary.replace(link)


def _minimum_go(module: Path) -> str:
    match = re.search(r"^go (\S+)$", (module / "go.mod").read_text(), re.MULTILINE)
    return match[1] if match else "1.26.0"
