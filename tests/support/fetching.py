"""The real fetcher as a process, as in a pod: not root, with a plan, credentials and a volume."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glovebox.data.delivery import (
    DatasetDelivery,
    DeliveryPlan,
    FeatureDelivery,
    ManifestObject,
    MountedDataset,
    StoreAddress,
    render_plan,
)
from support.own_store import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from glovebox.store.connection import Credentials
    from glovebox.store.pins import BuiltPin

POD_USER = 65532


@dataclass(frozen=True)
class Ended:
    """How the fetcher ended."""

    code: int
    message: dict[str, Any]
    output: str

    @property
    def reason(self) -> tuple[int, str]:
        return self.code, self.message["reason"]


@dataclass
class Pod:
    """What the fetcher finds in its pod.

    Attributes:
        base: An empty folder.
        endpoint: Of the store `primary`.
        credentials: Of that store.
        settings: More environment variables.
    """

    base: Path
    endpoint: str
    credentials: Credentials = ADMIN
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("inputs", "keys", "log", "datasets"):
            (self.base / name).mkdir(parents=True)
            self.base.joinpath(name).chmod(0o777)
        # The folders of pytest are for its own user alone; a pod's volume is for whom it is
        # mounted.
        for folder in (self.base, *self.base.parents[:2]):
            folder.chmod(folder.stat().st_mode | 0o055)
        self.write_credentials(self.credentials)

    @property
    def inputs(self) -> Path:
        return self.base / "inputs"

    def file(self, name: str, path: str) -> Path:
        return self.inputs / name / path

    def proof(self, name: str) -> dict[str, Any] | None:
        file = self.inputs / ".glovebox" / f"{name}.json"
        return json.loads(file.read_bytes()) if file.exists() else None

    def write_credentials(self, credentials: Credentials) -> None:
        """Replace the file in place, as the kubelet does: by a rename."""
        text = (
            f"[default]\naws_access_key_id = {credentials.access_key_id}\naws_secret_access_key ="
            f" {credentials.secret_access_key}\n"
        )
        if credentials.session_token:
            text += f"aws_session_token = {credentials.session_token}\n"
        new = self.base / "keys" / ".new"
        new.write_text(text)
        new.rename(self.base / "keys" / "primary.credentials")

    def plan(
        self,
        *datasets: DatasetDelivery,
        features: Sequence[FeatureDelivery] = (),
        mounted: Sequence[MountedDataset] = (),
    ) -> None:
        stores = (StoreAddress(name="primary", endpoint=self.endpoint),) if datasets else ()
        plan = DeliveryPlan(
            datasets=datasets, features=tuple(features), stores=stores, mounted=tuple(mounted)
        )
        (self.base / "inputs.json").write_bytes(render_plan(plan))

    def fetch(self) -> Ended:
        with self.fetching() as process:
            output, _ = process.communicate(timeout=90)
        return self.ended(process, output)

    def ended(self, process: subprocess.Popen[str], output: str) -> Ended:
        log = self.base / "log" / "termination"
        raw = log.read_bytes() if log.exists() else b"{}"
        assert len(raw) <= 4096
        assert raw.count(b"\n") == 0
        for secret in (self.credentials.secret_access_key, self.credentials.session_token):
            assert secret is None or secret not in output + raw.decode()
        return Ended(process.returncode, json.loads(raw), output)

    @contextlib.contextmanager
    def fetching(self) -> Iterator[subprocess.Popen[str]]:
        """Start it; whatever is left of it in the end is killed."""
        (self.base / "log" / "termination").unlink(missing_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "GLOVEBOX_INPUTS_PLAN": str(self.base / "inputs.json"),
            "GLOVEBOX_INPUTS_CREDENTIALS": str(self.base / "keys"),
            "GLOVEBOX_INPUTS": str(self.inputs),
            "GLOVEBOX_MOUNTED": str(self.base / "datasets"),
            "GLOVEBOX_TERMINATION_LOG": str(self.base / "log" / "termination"),
            "GLOVEBOX_FETCH_DEADLINE_SECONDS": "20",
            **self.settings,
        }
        with pod_process(["-m", "glovebox.jobs.fetch"], environment, self.base) as process:
            yield process


@contextlib.contextmanager
def pod_process(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path
) -> Iterator[subprocess.Popen[str]]:
    """Run Python as in a pod, output and errors together; what is left in the end is killed.

    Args:
        arguments: Of Python.
        environment: All of it.
        folder: Where it runs.
    """
    process = subprocess.Popen(
        [*as_pod_user(), sys.executable, *arguments],
        env=environment,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def as_pod_user() -> list[str]:
    """Return how to run a program without root's rights, when we are root.

    It may still read where Python is installed.
    """
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return []
    user = [
        "setpriv",
        f"--reuid={POD_USER}",
        f"--regid={POD_USER}",
        "--clear-groups",
        "--no-new-privs",
    ]
    only = "-all,+dac_read_search"
    return [*user, f"--inh-caps={only}", f"--ambient-caps={only}", f"--bounding-set={only}"]


def dataset(built: BuiltPin, name: str = "train", **changes: Any) -> DatasetDelivery:
    """Return the delivery of a pin, with some fields changed."""
    where = built.manifest
    manifest = ManifestObject(
        bucket=where.bucket, key=where.key, version_id=where.version_id, digest=where.digest
    )
    roots = built.roots
    delivery = DatasetDelivery(
        name=name,
        digest=roots.content,
        pin_digest=roots.pin,
        objects=roots.objects,
        bytes=roots.bytes,
        manifest=manifest,
        store="primary",
    )
    return delivery.model_copy(update=changes)


def relocated(built: BuiltPin, version_id: str, **changes: Any) -> BuiltPin:
    """Return a pin whose manifest is another version."""
    return dataclasses.replace(
        built, manifest=dataclasses.replace(built.manifest, version_id=version_id, **changes)
    )
