"""Linux namespaces.

Starting a program in new ones or in those of another process, and asking from inside a network.

A namespace here has no name on disk: it lives exactly as long as a process in it. Ended by force or
not, the machine is left without a trace of it, and the end of a process namespace's first process
ends all others, by the kernel's own hand.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal, Protocol

from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Kind = Literal["net", "mnt", "pid"]
NODE_KINDS: tuple[Kind, ...] = ("net", "mnt", "pid")

# Loaded before any fork: a child of a program with threads must not load libraries.
_LIBC = ctypes.CDLL(None, use_errno=True)
_FLAGS: dict[Kind, int] = {"net": 0x40000000, "mnt": 0x00020000, "pid": 0x20000000}
_COMMAND_TIMEOUT = 60.0


class Namespaces(Protocol):
    """Where a program is started."""

    @contextmanager
    def forking(self) -> Iterator[Callable[[], None]]:
        """Be around the fork; what this gives is called in the child, between fork and exec."""
        raise NotImplementedError
        yield


@dataclass(frozen=True)
class NewNamespaces:
    """Namespaces of the program's own.

    With `pid`, it is the first process there and reaps the others.
    """

    kinds: tuple[Kind, ...]

    @contextmanager
    def forking(self) -> Iterator[Callable[[], None]]:
        """See `Namespaces`."""
        flags = sum(_FLAGS[kind] for kind in self.kinds if kind != "pid")
        with ExitStack() as stack:
            if "pid" in self.kinds:
                # A process namespace is entered by being born in it.
                stack.enter_context(_children_back_home())
                _check(_LIBC.unshare(_FLAGS["pid"]), "unshare")
            yield lambda: _or_die(_LIBC.unshare(flags))


@dataclass(frozen=True)
class NamespacesOf:
    """The namespaces of a running process.

    Args:
        holder: Gives its pid.
        kinds: Which of its namespaces.
    """

    holder: Callable[[], int]
    kinds: tuple[Kind, ...] = ("net",)

    @contextmanager
    def forking(self) -> Iterator[Callable[[], None]]:
        """See `Namespaces`."""
        pid = self.holder()
        with ExitStack() as stack:
            opened = [
                (_FLAGS[kind], stack.enter_context(_opened(pid, kind)))
                for kind in self.kinds
                if kind != "pid"
            ]
            if "pid" in self.kinds:
                inside = stack.enter_context(_opened(pid, "pid"))
                stack.enter_context(_children_back_home())
                _check(_LIBC.setns(inside, _FLAGS["pid"]), "setns")

            def enter() -> None:
                for flag, descriptor in opened:
                    _or_die(_LIBC.setns(descriptor, flag))

            yield enter

    def prefix(self) -> list[str]:
        """Return what to put before a command so that it runs in that network.

        It becomes that command, with the same pid.
        """
        return ["nsenter", f"--net=/proc/{self.holder()}/ns/net", "--"]

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: IO[bytes] | None = None,
        timeout: float = _COMMAND_TIMEOUT,
    ) -> str:
        """Run a command there to its end, in the network and the mounts; return what it printed.

        Raises:
            LocalError: It failed, with what it said; or it was not done in time.
        """
        kinds: tuple[Kind, ...] = tuple(kind for kind in self.kinds if kind != "pid")
        what = f"`{' '.join(command[:4])}`"
        with NamespacesOf(self.holder, kinds).forking() as enter:
            try:
                done = subprocess.run(
                    command,
                    stdin=stdin or subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=timeout,
                    check=False,
                    preexec_fn=enter,
                )
            except subprocess.TimeoutExpired as error:
                raise LocalError(what, f"not done after {timeout:g} s") from error
            except OSError as error:
                raise LocalError(what, str(error)) from error
        if done.returncode != 0:
            raise LocalError(
                what, f"exit code {done.returncode}, it says:\n{done.stderr.strip()[-2000:]}"
            )
        return done.stdout


@contextmanager
def visiting_network(pid: int) -> Iterator[None]:
    """Have this thread, and no other, in the network of that process.

    A socket that is made in the block stays there.
    """
    with _opened(pid, "net") as there, _opened("thread-self", "net") as here:
        _check(_LIBC.setns(there, _FLAGS["net"]), "setns")
        try:
            yield
        finally:
            _check(_LIBC.setns(here, _FLAGS["net"]), "setns")


def join_network(pid: int) -> None:
    """Have this thread in the network of that process for good."""
    with _opened(pid, "net") as there:
        _check(_LIBC.setns(there, _FLAGS["net"]), "setns")


@contextmanager
def _children_back_home() -> Iterator[None]:
    with _opened("thread-self", "pid") as home:
        try:
            yield
        finally:
            _check(_LIBC.setns(home, _FLAGS["pid"]), "setns")


@contextmanager
def _opened(pid: int | str, kind: Kind) -> Iterator[int]:
    try:
        descriptor = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise LocalError(f"Entering the {kind} namespace of process {pid}", str(error)) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _check(result: int, call: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise LocalError(f"The system call {call}", f"{os.strerror(code)}: namespaces need root")


def _or_die(result: int) -> None:
    if result != 0:
        os.write(2, b"entering the namespaces failed\n")
        os._exit(126)
