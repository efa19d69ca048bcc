"""A noisy neighbour and a quiet one.

Programs (Python for `python -c` in a pod), experiments, and who hammers the API server.
"""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from support.api import ApiError, path_of
from support.operator_process import Team, experiment_spec, profile_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.node import NodeCluster

# More than any limit of a test, and bounded: the machine that tests run on is no one's alone.
ENDLESS_MEMORY = "hoard = [bytearray(b'x' * (8 << 20)) for _ in range(256)]"

ENDLESS_DISK = """
import time
with open("/tmp/hoard", "wb") as hoard:
    for _ in range(32):
        hoard.write(b"x" * (8 << 20))
time.sleep(75)
"""

ENDLESS_PROCESSES = """
import errno, os, signal, time
children = []
try:
    for _ in range(4096):
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
    refusal = "none"
except OSError as error:
    refusal = errno.errorcode[error.errno]
time.sleep(3)
print(len(children), "then", refusal)
for child in children:
    os.kill(child, signal.SIGKILL)
"""

# Prints which share of one processor it got.
FOUR_BUSY_PROCESSES = """
import os, time
begun = time.monotonic()
end = begun + 8
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        while time.monotonic() < end:
            pass
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
used = os.times()
print((used.children_user + used.children_system) / (time.monotonic() - begun))
"""

# Prints how long it took (seconds), by the clock.
FIXED_WORK = """
import hashlib, time
begun = time.monotonic()
block = hashlib.sha256()
for _ in range(600):
    block.update(b"x" * (1 << 20))
print("done", time.monotonic() - begun)
"""

NO_TOKEN = """
import os
print("token" if os.path.exists("/var/run/secrets/kubernetes.io") else "no-token")
"""


class Noisy:
    """Experiments of two teams whose user code is Python."""

    def __init__(self, node: NodeCluster, image: str) -> None:
        self.node = node
        self.image = image
        self.loud, self.quiet = Team(node.cluster, "loud"), Team(node.cluster, "quiet")
        limits = {"defaultEphemeralStorage": "64Mi", "defaultRequestEphemeralStorage": "16Mi"}
        self.loud.declare(
            "IsolationProfile",
            "noisy",
            profile_spec(images=[{"repository": image.partition("@")[0]}], limits=limits),
        )
        self.loud.expect("IsolationProfile", "noisy")

    def declare(
        self, team: Team, name: str, code: str, resources: Mapping[str, Any] | None = None
    ) -> None:
        """Declare an experiment whose run is this program and asks for these resources."""
        images = [{"name": "python", "reference": self.image}]
        asked = {
            "image": "python",
            "command": ["python", "-c", code],
            "activeDeadlineSeconds": 80,
            "resources": dict(resources or {}),
        }
        team.declare(
            "Experiment", name, experiment_spec("noisy", "primary", images=images, run=asked)
        )

    def sealed(self, team: Team, name: str) -> dict[str, Any]:
        """Wait for its seal; return the status."""
        return dict(team.expect("Experiment", name, "Sealed", timeout=100)["status"])

    def said(self, status: dict[str, Any]) -> list[str]:
        """Return the words that its program printed."""
        return self.node.cluster.kubectl(
            "logs", "-n", status["namespace"], "job/glovebox-run"
        ).stdout.split()


class hammering:  # noqa: N801 - reads as a sentence
    """Ask the API server as a team's user, from threads without a rest, while the block runs."""

    def __init__(self, noisy: Noisy, team: Team, namespace: str, threads: int = 6) -> None:
        self._api = noisy.node.cluster.api_as("eve", [f"glovebox:team:{team.name}"])
        self._paths = [
            path_of("v1", "pods", namespace=namespace),
            path_of("v1", "secrets", namespace=namespace),
        ]
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(threads)
        self._threads = threads
        self.answers: Counter[str] = Counter()

    def __enter__(self) -> Counter[str]:
        for _ in range(self._threads):
            self._pool.submit(self._ask)
        return self.answers

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._pool.shutdown()

    def _ask(self) -> None:
        while not self._over.is_set():
            for path in self._paths:
                try:
                    self._api.list(path)
                    self.answers["OK"] += 1
                except ApiError as error:
                    self.answers[error.reason] += 1
                except OSError as error:
                    self.answers[str(error)] += 1
