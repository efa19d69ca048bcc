"""A place like a pod, made of namespaces: own network, own mounts, no rights.

Run by `sealed`, as root, inside `unshare -m -n`.

    10.99.0.1          this pod's own address; 8333 and 8444 accept, 53 answers questions
    10.99.0.2 ...      nobody: packets vanish
    10.98.0.0/24       the kernel says that it is prohibited
    everything else    no route

Everything that it makes ends with its namespaces.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

_SET_SECCOMP, _FILTER, _NO_NEW_PRIVS = 22, 2, 38
USER = 65532


def can_seal() -> str | None:
    """Return why no such place can be made here, or None."""
    if os.geteuid() != 0:
        return "only root can make namespaces of mounts and networks"
    missing = [name for name in ("unshare", "setpriv", "ip", "mount") if shutil.which(name) is None]
    if missing:
        return f"{missing[0]} is not installed"
    tried = subprocess.run(
        ["unshare", "-m", "-n", "true"], capture_output=True, text=True, check=False
    )
    return None if tried.returncode == 0 else f"namespaces cannot be made: {tried.stderr.strip()}"


def sealed(
    command: list[str], folder: Path, environment: dict[str, str], **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command in such a place.

    Args:
        command: What to run.
        folder: Where `inputs` is made; it stays as it was outside.
        environment: Of the command.
        options: `rights`: with those of root. `network`: False for no network at all. `read_only`:
            False for a writable `inputs`. `submount`: True for a writable mount below `inputs`.
    """
    spec = {
        "command": command,
        "folder": str(folder),
        "environment": environment,
        "needed": _needed(folder),
        **options,
    }
    outer = [
        "unshare",
        "-m",
        "-n",
        "--propagation",
        "private",
        sys.executable,
        __file__,
        json.dumps(spec),
    ]
    return subprocess.run(outer, capture_output=True, text=True, timeout=90, check=False)


def _needed(folder: Path) -> list[str]:
    """Return where Python and our code lie: a user without rights may not get there."""
    return sorted({sys.base_prefix, sys.prefix, str(Path(__file__).parents[2]), str(folder)})


def _main(spec: dict[str, Any]) -> int:
    _make_reachable([Path(each) for each in spec["needed"]], Path(spec["folder"]))
    _mount_inputs(Path(spec["folder"]) / "inputs", spec)
    if spec.get("network", True):
        _make_network()
    command = (
        spec["command"]
        if spec.get("rights")
        else [*_without_rights(), sys.executable, __file__, "filtered", *spec["command"]]
    )
    return subprocess.run(command, env=spec["environment"], cwd="/", check=False).returncode


def _without_rights() -> list[str]:
    return [
        "setpriv",
        f"--reuid={USER}",
        f"--regid={USER}",
        "--clear-groups",
        "--no-new-privs",
        "--bounding-set=-all",
        "--inh-caps=-all",
    ]


def _make_reachable(needed: list[Path], folder: Path) -> None:
    """Put an open, empty folder over each closed one on the way; bind in what is needed."""
    closed_ones = {
        parent for path in needed for parent in path.parents if not parent.stat().st_mode & 0o001
    }
    for closed in sorted(closed_ones, key=lambda path: len(path.parts)):
        inside = [path for path in needed if path.is_relative_to(closed)]
        if closed.stat().st_mode & 0o001:
            continue
        aside = Path(tempfile.mkdtemp(dir=_anywhere_else(closed)))
        _mount("-t", "tmpfs", "none", str(aside))
        for number, path in enumerate(inside):
            (aside / str(number)).mkdir()
            _mount("--bind", str(path), str(aside / str(number)))
        _mount("-t", "tmpfs", "-o", "mode=755", "none", str(closed))
        for number, path in enumerate(inside):
            path.mkdir(parents=True, exist_ok=True)
            _mount("--bind", str(aside / str(number)), str(path))
        subprocess.run(["umount", "-l", str(aside)], check=True)
        aside.rmdir()
    assert folder.is_dir()


def _anywhere_else(closed: Path) -> str:
    """Return a folder for mount points that does not lie below the one to be covered."""
    return next(
        each
        for each in ("/tmp", "/var/tmp", "/run")  # noqa: S108 - an empty folder
        if not Path(each).is_relative_to(closed)
    )


def _mount_inputs(inputs: Path, spec: dict[str, Any]) -> None:
    inputs.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", "mode=777", "none", str(inputs))
    (inputs / "data.csv").write_text("1,2\n")
    (inputs / "data.csv").chmod(0o666)
    if spec.get("submount"):
        (inputs / "below").mkdir()
    if spec.get("read_only", True):
        _mount("-o", "remount,bind,ro", str(inputs))
    if spec.get("submount"):
        _mount("-t", "tmpfs", "-o", "mode=777", "none", str(inputs / "below"))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _make_network() -> None:
    for line in (
        "link set lo up",
        # Without ARP, what is sent to a neighbour goes out and is lost.
        "link add pod0 type veth peer name pod1",
        "link set pod0 arp off",
        "address add 10.99.0.1/24 dev pod0",
        "link set pod0 up",
        "link set pod1 up",
        "route add prohibit 10.98.0.0/24",
    ):
        subprocess.run(["ip", *line.split()], check=True)
    for port in (8333, 8444):
        _serve(socket.create_server(("10.99.0.1", port)))
    _serve(socket.create_server(("10.99.0.1", 53)), answer=True)
    questions = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    questions.bind(("10.99.0.1", 53))
    threading.Thread(target=_answer_datagrams, args=(questions,), daemon=True).start()


def _serve(listener: socket.socket, *, answer: bool = False) -> None:
    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                if answer and (question := connection.recv(512)):
                    connection.sendall(question)

    threading.Thread(target=accept, daemon=True).start()


def _answer_datagrams(questions: socket.socket) -> None:
    while True:
        question, asker = questions.recvfrom(512)
        questions.sendto(question, asker)


def _filtered(command: list[str]) -> None:
    """Take on a filter of system calls that lets everything pass, and become the command."""
    # One instruction of classic BPF: return SECCOMP_RET_ALLOW.
    program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))
    header = ctypes.create_string_buffer(struct.pack("H6xP", 1, ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_SECCOMP, _FILTER, header, 0, 0) != 0:
        sys.exit(f"no seccomp filter: {os.strerror(ctypes.get_errno())}")
    os.execv(command[0], command)  # noqa: S606 - on purpose


if __name__ == "__main__":
    if sys.argv[1] == "filtered":
        _filtered(sys.argv[2:])
    sys.exit(_main(json.loads(sys.argv[1])))
