"""A run of several stages as a JobSet, written out by hand, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from support.api import Api, path_of
from support.jobset import VERSION
from support.waiting import eventually

Json = dict[str, Any]
NAME = "glovebox-run"
# On a Job and on its pods alike: the guards look for the first.
_STAGE = "glovebox.dev/stage"


@dataclass(frozen=True)
class StageOf:
    """A stage of a JobSet.

    Args:
        name: Its name.
        workers: How many pods it has at once.
        needs: Stages that must complete before it begins.
    """

    name: str
    workers: int = 1
    needs: tuple[str, ...] = ()


def jobset_of(namespace: str, stages: Sequence[StageOf], pod: Mapping[str, Any]) -> Json:
    """Return a JobSet whose pods all have the same spec.

    Args:
        namespace: Of an experiment.
        stages: In the order in which they need each other.
        pod: The spec of each pod.
    """
    return {
        "apiVersion": VERSION,
        "kind": "JobSet",
        "metadata": {"name": NAME, "namespace": namespace, "labels": _labels("")},
        "spec": {
            "network": {
                "enableDNSHostnames": True,
                "subdomain": NAME,
                "publishNotReadyAddresses": True,
            },
            "failurePolicy": {"maxRestarts": 0},
            "replicatedJobs": [_replicated(stage, pod) for stage in stages],
        },
    }


def jobs_of(run: Json) -> list[Json]:
    """Return the Jobs of a run as it is rendered: itself, or one for each stage of a JobSet."""
    if run["kind"] == "Job":
        return [run]
    namespace = run["metadata"].get("namespace")
    return [
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": f"{run['metadata']['name']}-{stage['name']}-0",
                "namespace": namespace,
                **stage["template"]["metadata"],
            },
            "spec": stage["template"]["spec"],
        }
        for stage in run["spec"]["replicatedJobs"]
    ]


def _replicated(stage: StageOf, pod: Mapping[str, Any]) -> Json:
    needs = [{"name": need, "status": "Complete"} for need in stage.needs]
    template = {
        "completionMode": "Indexed",
        "completions": stage.workers,
        "parallelism": stage.workers,
        "backoffLimit": 0,
        "template": {"metadata": {"labels": _labels(stage.name)}, "spec": dict(pod)},
    }
    return {
        "name": stage.name,
        "replicas": 1,
        "template": {"metadata": {"labels": _labels(stage.name)}, "spec": template},
        # JobSet refuses the field, even when it is empty, on the first.
        **({"dependsOn": needs} if needs else {}),
    }


def _labels(stage: str) -> dict[str, str]:
    return {"app.kubernetes.io/managed-by": "glovebox"} | ({_STAGE: stage} if stage else {})


@dataclass(frozen=True)
class Stages:
    """The JobSet of a namespace, as an administrator sees it."""

    api: Api
    namespace: str

    @property
    def path(self) -> str:
        """Of the JobSet."""
        return path_of(VERSION, "jobsets", namespace=self.namespace, name=NAME)

    def status(self) -> Json:
        """Return the status of the JobSet, empty before its controller wrote one."""
        return dict(self.api.get(self.path).get("status") or {})

    def jobs(self) -> list[str]:
        """Return the names of the Jobs."""
        jobs = self.api.list(path_of("batch/v1", "jobs", namespace=self.namespace))
        return sorted(job["metadata"]["name"] for job in jobs)

    def pods(self, stage: str, workers: int = 1) -> list[Json]:
        """Wait until a stage has its pods; return them by their index."""
        path = path_of("v1", "pods", namespace=self.namespace)

        def look() -> list[Json]:
            found = self.api.list(path, labelSelector=f"{_STAGE}={stage}")
            assert len(found) == workers, [pod["metadata"]["name"] for pod in found]
            return found

        found = eventually(look, what=f"stage {stage} has {workers} pods", timeout=60)
        index = "batch.kubernetes.io/job-completion-index"
        return sorted(found, key=lambda pod: int(pod["metadata"]["labels"][index]))

    def expect(self, terminal: str) -> Json:
        """Wait until the JobSet is `Completed` or `Failed`; return its status."""

        def look() -> Json:
            status = self.status()
            assert status.get("terminalState") == terminal, status
            return status

        return eventually(look, what=f"the JobSet is {terminal}", timeout=60)
