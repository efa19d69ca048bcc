"""A cluster and a store of a test session's own.

Real processes, which die with the test process however it ends.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from glovebox_local.audit import read_audit_log
from glovebox_local.environment import Description, Environment
from glovebox_local.errors import LocalError
from glovebox_local.nodes import remove_leftovers
from glovebox_local.paths import StateDir
from glovebox_local.programs import HELM, KUBERNETES, PLANE_PROGRAMS, program_folder
from glovebox_local.programs import ensure_programs as build_programs
from glovebox_local.progress import terminal
from support.api import Api, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pytest

    from glovebox_local.part import Part
    from glovebox_local.progress import Progress
    from glovebox_local.seaweedfs_config import Keys, StoreAccess

_TIMEOUT = 100.0


class Store:
    """The running store."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        # By service, user and session. Making one takes longer than most of what it is asked.
        self._clients: dict[tuple[str, ...], Any] = {}

    def close(self) -> None:
        """Close the clients that were handed out."""
        for client in self._clients.values():
            client.close()

    @property
    def access(self) -> StoreAccess:
        """Endpoint, region, role and keys."""
        return self._environment.access

    @property
    def endpoint(self) -> str:
        """URL of the S3 and STS API."""
        return self.access.endpoint

    @property
    def part(self) -> Part:
        """Its process."""
        return self._environment.store.parts[0]

    def start(self) -> None:
        """Start it again with the same data, port and keys, and wait until it answers."""
        self.part.start()

    def stop(self) -> None:
        """End it; connections are refused from now on, its data stay."""
        self.part.stop()

    def kill(self) -> None:
        """End it as kill -9 does; its data stay."""
        self.part.kill()

    def client(self, service: str = "s3", *, keys: Keys | None = None, session: Any = None) -> Any:
        """Return a boto3 client, the same one for the same user.

        Args:
            service: `s3` or `sts`.
            keys: Of which user; the loader (an administrator) by default.
            session: Instead: the `Credentials` of an AssumeRole answer.
        """
        import boto3  # noqa: PLC0415 - heavy, and not every test needs it
        from botocore.config import Config  # noqa: PLC0415 - as above

        access = self.access
        static = keys or access.loader
        identity = (
            {
                "aws_access_key_id": session["AccessKeyId"],
                "aws_secret_access_key": session["SecretAccessKey"],
                "aws_session_token": session["SessionToken"],
            }
            if session
            else {
                "aws_access_key_id": static.access_key_id,
                "aws_secret_access_key": static.secret_access_key,
            }
        )
        key = (service, access.endpoint, access.region, *identity.values())
        if key in self._clients:
            return self._clients[key]
        config = Config(
            s3={"addressing_style": "path"},
            # The default for a custom endpoint is an older signature, which sessions cannot use for
            # signed URLs.
            signature_version="s3v4" if service == "s3" else "v4",
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=30,
        )
        client: Any = boto3.client(
            service,
            endpoint_url=access.endpoint,
            region_name=access.region,
            config=config,
            **identity,
        )  # type: ignore[call-overload]
        self._clients[key] = client
        return client


class Cluster:
    """The running cluster: its parts, its users and the tools that talk to it."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.store = Store(environment)
        # What kubectl, helm and our own commands said, by their command lines.
        self.said: list[tuple[str, str]] = []
        # By user and groups: a key and a file for each run of kubectl take as long as kubectl.
        self._kubeconfigs: dict[tuple[str, ...], Path] = {}

    @property
    def apiserver(self) -> Part:
        """kube-apiserver: `kill()`, `stop()`, `start()`, `signal(SIGSTOP)`."""
        return self.environment.control_plane.apiserver

    @property
    def etcd(self) -> Part:
        """etcd, likewise."""
        return self.environment.control_plane.etcd

    @property
    def controller_manager(self) -> Part:
        """kube-controller-manager, likewise."""
        return self.environment.control_plane.controller_manager

    @property
    def scheduler(self) -> Part:
        """kube-scheduler, likewise."""
        return self.environment.control_plane.scheduler

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.environment.kubeconfig

    @cached_property
    def api(self) -> Api:
        """The API server as the administrator."""
        return Api(self.kubeconfig)

    def api_as(self, user: str, groups: Sequence[str] = ()) -> Api:
        """Return the API server as that user in these groups, who has no rights by that alone."""
        return Api(self.kubeconfig_for(user, groups))

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Return a kubeconfig with a client certificate for that user in these groups."""
        key = (user, *groups)
        if key not in self._kubeconfigs:
            made = self.environment.control_plane.kubeconfig_for(user, groups)
            self._kubeconfigs[key] = made
        return self._kubeconfigs[key]

    def kubeconfig_for_service_account(
        self, namespace: str, name: str, *, seconds: int = 3600
    ) -> Path:
        """Return a kubeconfig with a token of that service account, which must exist."""
        path = path_of("v1", "serviceaccounts", namespace=namespace, name=name)
        answer = self.api.create(f"{path}/token", {"spec": {"expirationSeconds": seconds}})
        target = self.environment.state.users / f"token.{namespace}.{name}.kubeconfig"
        return self.environment.control_plane.kubeconfig_with_token(
            answer["status"]["token"], target
        )

    def kubectl(
        self,
        *arguments: str,
        user: str | None = None,
        groups: Sequence[str] = (),
        stdin: str | None = None,
        check: bool = True,
        timeout: float = _TIMEOUT,
    ) -> subprocess.CompletedProcess[str]:
        """Run the real kubectl.

        Args:
            arguments: Its arguments.
            user: Who runs it; the administrator by default.
            groups: The user's groups.
            stdin: Its standard input.
            check: Fail the test when it exits with anything but 0.
            timeout: For how many seconds it may run.
        """
        return self._run(
            [str(self._kubectl), *arguments],
            self._kubeconfig(user, groups),
            stdin=stdin,
            check=check,
            timeout=timeout,
        )

    @cached_property
    def _kubectl(self) -> Path:
        return program_folder(KUBERNETES) / "kubectl"

    def helm(
        self,
        *arguments: str,
        user: str | None = None,
        groups: Sequence[str] = (),
        stdin: str | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run the real helm; arguments as of `kubectl`."""
        return self._run(
            [str(program_folder(HELM) / "helm"), *arguments],
            self._kubeconfig(user, groups),
            stdin=stdin,
            check=check,
        )

    def audit(self, *naming: str) -> list[dict[str, Any]]:
        """Return the audit events so far: all of them, or those that name one of these.

        Who asked what, and for our own kinds the whole request and answer.
        """
        return read_audit_log(self.environment.control_plane.audit_log, naming)

    def _kubeconfig(self, user: str | None, groups: Sequence[str]) -> Path:
        return self.kubeconfig if user is None else self.kubeconfig_for(user, groups)

    def _run(
        self,
        command: Sequence[str],
        kubeconfig: Path,
        *,
        stdin: str | None,
        check: bool,
        timeout: float = _TIMEOUT,
    ) -> subprocess.CompletedProcess[str]:
        home = self.environment.state.root / "home"
        home.mkdir(exist_ok=True)
        # Nothing of the person's own settings and caches.
        own = {
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(home),
            "KUBECACHEDIR": str(home / "cache"),
            "KUBERC": "off",
        }
        xdg = {
            name: str(home / name.lower())
            for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
        }
        done = subprocess.run(
            command,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **own, **xdg},
        )
        shown = " ".join(command[1:])
        self.said.append((f"{os.path.basename(command[0])} {shown}", done.stdout + done.stderr))  # noqa: PTH119 - bytes or text
        if check and done.returncode != 0:
            raise AssertionError(
                f"{os.path.basename(command[0])} {shown} gave"  # noqa: PTH119 - bytes or text
                f" {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done


def ensure_programs(progress: Progress) -> None:
    """Build what the cluster and its tools need, where the cache does not have it."""
    build_programs(PLANE_PROGRAMS, progress)


def build_before_the_first_test(
    session: pytest.Session, folder: Path, build: Callable[[Progress], None]
) -> None:
    """Build before the first test of a folder, where no time limit counts and it can be seen."""
    if session.config.option.collectonly or not any(
        folder in item.path.parents for item in session.items
    ):
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        build(terminal())


@contextmanager
def running_cluster(root: Path, *, nodes: int = 0) -> Iterator[Cluster]:
    """Start a cluster and a store whose files lie in `root`, and end them afterwards.

    Args:
        root: Their directory.
        nodes: How many nodes run pods; see `support.node`.

    The logs stay in `root/logs`. Must be entered in the main thread: the kernel ends the processes
    with the thread.
    """
    state = StateDir(root)
    state.create()
    description = Description.new("embedded", nodes=nodes)
    description.write(state)
    environment = Environment(state, description, tied=True)
    try:
        environment.up()
    except BaseException:
        if nodes:
            remove_leftovers(state)
        raise
    cluster = Cluster(environment)
    try:
        yield cluster
    finally:
        cluster.store.close()
        for part in reversed(environment.parts):
            try:
                part.kill()
            except LocalError as error:
                print(f"left behind: {error}")  # noqa: T201 - pytest shows it
        environment.store.remove()
        if nodes:
            remove_leftovers(state)
