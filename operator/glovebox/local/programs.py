"""The programs of the local environment, built from pinned Go modules: once, into the user's cache, for all clusters.

The key of a built program is the SHA-256 over its module's files, the version of Go and the flags: the same key is the
same program, so that nothing needs to be compared, and an older program stays for whoever still pins it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glovebox.local.errors import LocalError
from glovebox.local.paths import cache_dir
from glovebox.local.progress import Silent
from glovebox.local.toolchain import Toolchain, find_toolchain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glovebox.local.progress import Progress

_MODULES = Path(__file__).with_name("programs")
_KUBERNETES = "1.36.3"
_MAJOR, _MINOR, _ = _KUBERNETES.split(".")
_BUILD_TIMEOUT = 3600
_LOCK_POLL = 0.5


@dataclass(frozen=True)
class Program:
    """A program that we build.

    Args:
        name: Folder of its module in `programs/`, and the name of the built file.
        package: What to build: the module itself, or a `tool` of it.
        variables: Link-time variables.
        links: Names under which the same file is called: it becomes a different program by its name.
        size: What it is, and what building costs from nothing, for people.
    """

    name: str
    package: str
    variables: tuple[tuple[str, str], ...] = ()
    links: tuple[str, ...] = ()
    size: str = ""

    @property
    def flags(self) -> tuple[str, ...]:
        """The arguments of `go build`, without the output and the package."""
        variables = "".join(f" -X {name}={value}" for name, value in self.variables)
        return ("-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", f"-s -w{variables}")


_VERSION = "k8s.io/component-base/version."
KUBERNETES = Program(
    name="kubernetes",
    package=".",
    # Without these the server names itself v0.0.0-master, which kubectl refuses to parse. The date is the release's, and
    # there is no commit: what was built is the module as the checksum database knows it.
    variables=(
        (f"{_VERSION}gitVersion", f"v{_KUBERNETES}"),
        (f"{_VERSION}gitMajor", _MAJOR),
        (f"{_VERSION}gitMinor", _MINOR),
        (f"{_VERSION}gitTreeState", "archive"),
        (f"{_VERSION}gitCommit", "go-module"),
        (f"{_VERSION}buildDate", "2026-07-22T18:07:38Z"),
    ),
    links=("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl"),
    size=f"Kubernetes {_KUBERNETES}, the first time about 5 minutes on two cores",
)
ETCD = Program(name="etcd", package=".", size="etcd, the first time under a minute on two cores")
HELM = Program(
    name="helm",
    package="helm.sh/helm/v4/cmd/helm",
    variables=(("helm.sh/helm/v4/internal/version.version", "v4.3.1"),),
    size="Helm, the first time about 3 minutes on two cores",
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
    files = sorted(file for file in folder.iterdir() if file.name in {"go.mod", "go.sum"} or file.suffix == ".go")
    parts: list[bytes] = [go_version.encode(), platform.machine().encode(), program.package.encode()]
    parts += [word.encode() for word in (*program.flags, *program.links)]
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
    return cache_dir() / "programs" / f"{program.name}-{program_key(program, go_version=toolchain.version)[:16]}"


def ensure_program(program: Program, progress: Progress | None = None) -> Path:
    """Return the folder that holds the built program and its links; build it where the cache does not have it.

    Raises:
        LocalError: It could not be built; with the log.
    """
    module = _MODULES / program.name
    toolchain = find_toolchain(_minimum_go(module))
    folder = program_folder(program)
    if not folder.exists():
        with (progress or Silent()).step(f"Building {program.size}") as step, _lock(program, step.say):
            # Whoever held the lock before us may have built it.
            if not folder.exists():
                toolchain.fetch(step.say)
                _build(program, module, toolchain, folder, step.say)
    _link_for_people(program, folder)
    return folder


def _build(program: Program, module: Path, toolchain: Toolchain, folder: Path, say: Callable[[str], None]) -> None:
    log = cache_dir() / "logs" / f"build-{program.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    incoming = folder.with_name(f".{folder.name}.{os.getpid()}")
    go = str(toolchain.command)
    try:
        incoming.mkdir(parents=True)
        say("fetching the sources")
        total = _run_go([go, "list", *program.flags[:1], "-deps", program.package], module, log, lambda n: say(f"{n} modules fetched"))
        # Go tells each package that it compiles, and none that its own cache has: so this is an upper bound.
        counted = f"of at most {total} packages compiled"
        output = incoming / program.name
        _run_go([go, "build", "-v", *program.flags, "-o", str(output), program.package], module, log, lambda n: say(f"{n} {counted}"))
        for link in program.links:
            (incoming / link).symlink_to(program.name)
        incoming.rename(folder)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _run_go(command: list[str], module: Path, log: Path, tell: Callable[[int], None]) -> int:
    """Run Go; tell how many lines it has said on standard error so far; return the number on standard output."""
    environment = {name: value for name, value in os.environ.items() if name not in {"GOOS", "GOARCH", "GOEXPERIMENT"}}
    environment |= {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}
    answer = log.with_suffix(".out")
    deadline = time.monotonic() + _BUILD_TIMEOUT
    with log.open("ab") as errors, answer.open("wb") as output:
        errors.write(f"# {' '.join(command)}\n".encode())
        errors.flush()
        said = errors.tell()
        child = subprocess.Popen(command, cwd=module, env=environment, stdout=output, stderr=errors, start_new_session=True)
        try:
            while child.poll() is None:
                if time.monotonic() > deadline:
                    raise LocalError(f"`{' '.join(command[:2])}`", f"not done after {_BUILD_TIMEOUT} s", log)
                tell(_count_lines(log, said))
                time.sleep(0.2)
        finally:
            _end_group(child)
    if child.returncode != 0:
        raise LocalError(f"`{' '.join(command[:2])}`", f"it says:\n{_tail(log)}", log)
    return _count_lines(answer, 0)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    # Interrupted: the compilers that Go started must go with it. While the leader is not reaped, its group is its own.
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(timeout=10)


@contextmanager
def _lock(program: Program, say: Callable[[str], None]) -> Iterator[None]:
    path = cache_dir() / "programs" / f".{program.name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                say("another program is building it: waiting")
                time.sleep(_LOCK_POLL)
        yield


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


def _count_lines(path: Path, offset: int) -> int:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read().count(b"\n")


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-15:])
