"""A demonstration that goes on running at its end, so that all that it put out can be searched."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from glovebox_local.environment import Description, Environment
from glovebox_local.paths import StateDir
from support.api import Api
from support.cluster import Cluster
from support.no_leaks import expect_no_leaks
from support.secret_watch import watched_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

_GLOVEBOX = Path(sys.executable).with_name("glovebox")
_NAME = "d"
_METRICS = re.compile(r"curl http://127\.0\.0\.1:(\d+)/metrics")


@contextlib.contextmanager
def kept_demo(folder: Path, *options: str, timeout: float) -> Iterator[str]:
    """Play the demonstration, search every output of it for secrets, and end it after the block.

    Args:
        folder: Of its state; a short path, because sockets lie below it.
        options: Of `glovebox demo`.
        timeout: In seconds.

    Yields:
        What it said.
    """
    variables = {**os.environ, "XDG_STATE_HOME": str(folder), "TERM": "dumb"}
    state = StateDir(folder / "glovebox" / _NAME)
    command = [str(_GLOVEBOX), "demo", "--name", _NAME]
    try:
        with watched_secrets(lambda: Api(state.kubeconfig)) as secrets:
            done = subprocess.run(
                [*command, "--keep", *options],
                env=variables,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
        description = Description.read(state)
        port = _METRICS.search(done.stdout)
        assert description is not None
        assert port is not None, done.stdout
        cluster = Cluster(Environment(state, description))
        cluster.said.append(("glovebox demo", done.stdout + done.stderr))
        expect_no_leaks(cluster, secrets, state.logs, lambda: {"/metrics": _page(port[1])})
        cluster.store.close()
        yield done.stdout
    finally:
        subprocess.run([*command, "--end"], env=variables, timeout=timeout, check=True)


def _page(port: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
