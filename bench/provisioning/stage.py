"""What is measured on: a cluster, store and operator of our own, one ObjectStore, and the load."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
from bench.provisioning.ceiling import MANAGED_BY
from bench.provisioning.machine import Meter
from bench.provisioning.raw import Json

from glovebox import names
from glovebox.api.experiment import Experiment
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.object_store import ObjectStore
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.plan import desired_objects
from glovebox_local.operator_process import OPERATOR_USER
from glovebox_local.part import Part
from support.cluster import Cluster, running_cluster
from support.operator_process import (
    BREAK_GLASS,
    Operator,
    Team,
    experiment_spec,
    install_chart,
    profile_spec,
    store_secret,
    store_spec,
)

ROOT = Path(__file__).resolve().parents[2]
TEAM = "bench"
CEILING_TEAM = "bench-ceiling"
_REQUESTS = re.compile(r"glovebox_kube_requests_total\{(.*)\} (\S+)")
_WRITES = ("POST", "PUT", "PATCH", "DELETE", "DELETECOLLECTION")


@dataclass
class Load:
    """A load generator that runs."""

    child: subprocess.Popen[bytes]

    def line(self) -> str:
        """Return its next line of output."""
        stream = self.child.stdout
        return stream.readline().decode().strip() if stream is not None else ""

    def result(self) -> Json:
        """Wait for it and return what it found.

        Raises:
            RuntimeError: It failed.
        """
        out, error = self.child.communicate(timeout=900)
        if self.child.returncode != 0:
            raise RuntimeError(f"the load generator failed:\n{error.decode()[-4000:]}")
        result: Json = orjson.loads(out.splitlines()[-1])
        return result


@dataclass
class Stage:
    """One cluster with an operator that can be stopped and started."""

    cluster: Cluster
    operator: Operator
    folder: Path
    store: str
    rights: str
    templates: dict[str, Any] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)
    groups: tuple[str, ...] = ("system:masters", BREAK_GLASS)
    _tasks: int = 0

    @cached_property
    def user(self) -> str:
        """A kubeconfig of somebody who may do everything, past the guards too."""
        return str(self.cluster.kubeconfig_for("bench", self.groups))

    @cached_property
    def operator_config(self) -> str:
        """The operator's kubeconfig."""
        return str(self.cluster.kubeconfig_for(OPERATOR_USER))

    def pids(self, *, operator: bool = True) -> dict[str, int]:
        """Return the processes whose use of the processors is told apart."""
        cluster = self.cluster
        parts: Mapping[str, Part] = {
            "apiserver": cluster.apiserver,
            "etcd": cluster.etcd,
            "controllers": cluster.controller_manager,
            "scheduler": cluster.scheduler,
            "store": cluster.store.part,
        }
        pids = {name: part.pid for name, part in parts.items()} | self.others
        return pids | ({"operator": self.operator.part.pid} if operator else {})

    def meter(self, *, operator: bool = True) -> Meter:
        """Begin to measure."""
        return Meter(self.pids(operator=operator))

    def start_load(self, task: str, **what: Any) -> Load:
        """Start the load generator with a task."""
        self._tasks += 1
        file = self.folder / f"task-{self._tasks}.json"
        file.write_bytes(orjson.dumps({"task": task, "user": self.user, **what}))
        command = [sys.executable, "-m", "bench.provisioning.load", str(file)]
        return Load(
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        )

    def load(self, task: str, **what: Any) -> Json:
        """Run the load generator and return what it found."""
        return self.start_load(task, **what).result()

    def experiments(self, count: int) -> list[Json]:
        """Return so many new Experiments, not yet created."""
        batch = uuid.uuid4().hex[:6]
        return [self._experiment(TEAM, f"run-{batch}-{number:04d}") for number in range(count)]

    def _experiment(self, team: str, name: str) -> Json:
        return {
            "apiVersion": names.API_VERSION,
            "kind": "Experiment",
            "metadata": {"name": name, "namespace": team},
            "spec": experiment_spec("standard", "primary"),
        }

    def rendered(self, count: int) -> list[Json]:
        """Return the objects and the status of so many experiments that nobody will reconcile.

        They are what the operator makes, to the byte, but for the value of the label that its
        watches select, so that it does not look at most of them later.
        """
        batch = uuid.uuid4().hex[:6]
        return [self._rendered(f"run-{batch}-{number:04d}") for number in range(count)]

    def _rendered(self, name: str) -> Json:
        template = self.templates
        plain = self._experiment(CEILING_TEAM, name)
        metadata = {
            **template["experiment"]["metadata"],
            "name": name,
            "namespace": CEILING_TEAM,
            "uid": str(uuid.uuid4()),
        }
        experiment = Experiment.model_validate(
            {**template["experiment"], "metadata": metadata, "status": {}}
        )
        namespace = names.experiment_namespace(CEILING_TEAM, name, metadata["uid"])
        plan = desired_objects(
            ExperimentInputs(
                experiment=experiment,
                profile=IsolationProfile.model_validate(template["profile"]),
                store=ObjectStore.model_validate(template["store"]),
                inputs=(),
                namespace=namespace,
                platform_text=template["experiment"]["status"]["platform"],
            )
        )
        secret = {
            **template["secret"],
            "metadata": {**template["secret"]["metadata"], "namespace": namespace},
        }
        objects: list[Json] = orjson.loads(
            orjson.dumps([plan.namespace, *plan.isolation, secret, *plan.access])
        )
        for obj in objects:
            obj["metadata"]["labels"][names.LABEL_MANAGED_BY] = MANAGED_BY
        return {
            "experiment": plain,
            "objects": objects,
            "status": {**template["experiment"]["status"], "namespace": namespace},
        }

    def learn(self) -> None:
        """Let the operator provision one experiment; keep it as the template of the ceiling."""
        team = Team(self.cluster, TEAM)
        Team(self.cluster, CEILING_TEAM)
        made = team.declare("Experiment", "template", experiment_spec("standard", "primary"))
        ready = team.expect("Experiment", "template", timeout=60)
        api = self.cluster.api
        namespace = ready["status"]["namespace"]
        secret = api.get(f"/api/v1/namespaces/{namespace}/secrets/{names.CREDENTIALS_SECRET}")
        kept = {key: secret["metadata"][key] for key in ("name", "labels", "annotations")}
        self.templates = {
            "experiment": {
                **ready,
                "metadata": {
                    key: made["metadata"][key] for key in ("name", "namespace", "uid", "generation")
                },
            },
            "profile": api.get(team.path("IsolationProfile", "standard")),
            "store": api.get(team.path("ObjectStore", "primary")),
            "secret": {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": secret["type"],
                "data": secret["data"],
                "metadata": kept,
            },
        }

    def namespaces(self) -> list[str]:
        """Return the namespaces of the experiments that are Ready."""
        items = self.cluster.api.list(f"/apis/{names.API_VERSION}/namespaces/{TEAM}/experiments")
        return [
            item["status"]["namespace"]
            for item in items
            if (item.get("status") or {}).get("digest")
        ]

    def writes_by_resource(self) -> dict[str, int]:
        """Return what the operator has written since it started, by verb and resource."""
        found: dict[str, int] = {}
        for line in self.operator.page().splitlines():
            sample = _REQUESTS.fullmatch(line)
            if not sample:
                continue
            labels = dict(re.findall(r'(\w+)="([^"]*)"', sample[1]))
            if labels["verb"] in _WRITES:
                what = f"{labels['verb']} {labels['resource']}"
                found[what] = found.get(what, 0) + int(float(sample[2]))
        return found

    def settle(self, *, quiet: float = 1.0, timeout: float = 120.0) -> float:
        """Wait until the operator reconciled nothing for so long; return the time of its last.

        The time is in monotonic seconds.
        """
        deadline = time.monotonic() + timeout
        last, since = -1.0, time.monotonic()
        while time.monotonic() < deadline:
            now = self.operator.metric("glovebox_reconcile_total")
            if now != last:
                last, since = now, time.monotonic()
            if time.monotonic() - since >= quiet:
                return since
            time.sleep(0.2)
        return since


@contextmanager
def staged(folder: Path, store: str, settings: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """Start all of it, with a Ready ObjectStore.

    Args:
        folder: For data and logs.
        store: `real`, or `instant` for an STS that answers at once after the proofs.
        settings: More environment of the operator.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with running_cluster(folder / "cluster") as cluster:
        install_chart(cluster)
        rights = "the chart's rights and guards, installed by helm"
        store_secret(cluster)
        kubeconfig = cluster.kubeconfig_for(OPERATOR_USER)
        stage = Stage(
            cluster,
            Operator(cluster, folder / "operator", kubeconfig=kubeconfig, settings=settings),
            folder,
            store,
            rights,
        )
        instant = _start_instant(cluster.store.endpoint) if store == "instant" else None
        try:
            stage.operator.start()
            team = Team(cluster, TEAM)
            team.declare("IsolationProfile", "standard", profile_spec())
            sts = {"roleArn": cluster.store.access.role_arn}
            if instant is not None:
                stage.others["instant STS"] = instant.child.pid
                sts["endpoint"] = f"http://127.0.0.1:{instant.line()}"
            team.declare("ObjectStore", "primary", store_spec(cluster, "bench-artifacts", sts=sts))
            team.expect("ObjectStore", "primary", timeout=120)
            if instant is not None:
                instant.child.send_signal(signal.SIGUSR1)
            stage.learn()
            yield stage
        finally:
            stage.operator.kill()
            if instant is not None:
                instant.child.kill()
                instant.child.wait()


def _start_instant(real: str) -> Load:
    command = [sys.executable, "-m", "bench.provisioning.instant_sts", real]
    return Load(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE))
