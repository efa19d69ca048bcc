"""The real kubectl and helm, and our own commands, without the person's own settings and caches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glovebox_local.errors import LocalError

_TIMEOUT = 60.0


@dataclass(frozen=True)
class Person:
    """Who asks the API server, by impersonation: `kubectl --as`."""

    user: str
    groups: tuple[str, ...] = ()

    @property
    def flags(self) -> tuple[str, ...]:
        """The arguments of kubectl that make it ask as this person."""
        return (f"--as={self.user}", *(f"--as-group={group}" for group in self.groups))


@dataclass(frozen=True)
class Answer:
    """How a program ended."""

    command: str
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """What it said, errors included."""
        return "\n".join(part for part in (self.out, self.err) if part)


class Tools:
    """kubectl, helm, and our own commands.

    Args:
        kubectl: The program.
        helm: The program.
        kubeconfig: The administrator's.
        home: Folder for their caches.
    """

    def __init__(self, kubectl: Path, helm: Path, kubeconfig: Path, home: Path) -> None:
        self._kubectl = kubectl
        self._helm = helm
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        caches = {
            name: str(home / name.lower())
            for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
        }
        self._environment = {
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(home),
            "KUBECACHEDIR": str(home / "cache"),
            "KUBERC": "off",
            **caches,
        }

    def try_kubectl(
        self,
        *arguments: str,
        person: Person | None = None,
        stdin: str | None = None,
        timeout: float = _TIMEOUT,
    ) -> Answer:
        """Run kubectl and return how it ended, whatever that is.

        Args:
            arguments: Its arguments.
            person: Who asks; the administrator by default.
            stdin: Its standard input.
            timeout: Seconds.

        Raises:
            LocalError: It did not end in time.
        """
        return self._run(
            [self._kubectl, *arguments, *(person.flags if person else ())],
            stdin=stdin,
            timeout=timeout,
        )

    def kubectl(
        self,
        *arguments: str,
        person: Person | None = None,
        stdin: str | None = None,
        timeout: float = _TIMEOUT,
    ) -> str:
        """Run kubectl and return what it said on standard output.

        Raises:
            LocalError: It failed.
        """
        return checked(self.try_kubectl(*arguments, person=person, stdin=stdin, timeout=timeout))

    def helm(self, *arguments: str, stdin: str | None = None, timeout: float = _TIMEOUT) -> str:
        """Run helm and return what it said on standard output.

        Raises:
            LocalError: It failed.
        """
        return checked(self._run([self._helm, *arguments], stdin=stdin, timeout=timeout))

    def get(
        self,
        resource: str,
        name: str | None = None,
        *,
        namespace: str | None = None,
        selector: str | None = None,
    ) -> dict[str, Any]:
        """Return an object, or a list of them, as the API server has it.

        Raises:
            LocalError: It is not there.
        """
        arguments = ["get", resource, *([name] if name else []), "--output=json"]
        if namespace:
            arguments.append(f"--namespace={namespace}")
        if selector:
            arguments.append(f"--selector={selector}")
        found: dict[str, Any] = json.loads(self.kubectl(*arguments))
        return found

    def watch(self, resource: str, name: str, *, namespace: str) -> subprocess.Popen[str]:
        """Start a kubectl that prints each event of one object as a line of JSON.

        The caller ends it.
        """
        command = [
            str(self._kubectl),
            "get",
            resource,
            name,
            f"--namespace={namespace}",
            "--watch",
            "--output-watch-events",
        ]
        command.append("--output=jsonpath={.type} {.object.metadata.uid}{'\\n'}")
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._variables(),
        )

    def glovebox(self, *arguments: str, variables: Mapping[str, str]) -> Answer:
        """Run a command of the product's own and return how it ended.

        Args:
            arguments: Its arguments.
            variables: How it finds the store, as every S3 tool does.
        """
        program = [sys.executable, "-m", "glovebox.cli"]
        answer = self._run(
            [*program, *arguments], stdin=None, timeout=_TIMEOUT, variables=variables
        )
        return replace(answer, command=" ".join(["glovebox", *arguments]))

    def _run(
        self,
        command: Sequence[str | Path],
        *,
        stdin: str | None,
        timeout: float,
        variables: Mapping[str, str] | None = None,
    ) -> Answer:
        shown = " ".join([Path(command[0]).name, *map(str, command[1:])])
        try:
            done = subprocess.run(
                command,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
                env={**self._variables(), **(variables or {})},
            )
        except subprocess.TimeoutExpired as error:
            raise LocalError(f"`{shown}`", f"no end after {timeout:.0f} s") from error
        return Answer(shown, done.returncode, done.stdout.strip(), done.stderr.strip())

    def _variables(self) -> Mapping[str, str]:
        return {**os.environ, **self._environment}


def checked(answer: Answer) -> str:
    """Return what a program said on standard output.

    Raises:
        LocalError: It failed.
    """
    if answer.code != 0:
        raise LocalError(f"`{answer.command}`", f"it says:\n{answer.text}")
    return answer.out
