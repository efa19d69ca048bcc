"""What of a run is in the cluster: a Job, or a JobSet and the Jobs that were made for it.

Who owns a Job is written by the controller that made it; what calls itself like one of the run's is
none (`is_made_for` says why). A JobSet's Jobs are read live, with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from glovebox import names
from glovebox.api.experiment_status import RunStatus
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.job_pods import is_of_job, pods_in
from glovebox.controllers.ports import Ports
from glovebox.kube.kinds import JOB, JOB_SET, Kind
from glovebox.status.run_stages import job_set_ended, stages_of
from glovebox.status.runs import is_made_for, job_end, job_ended

JOB_SETS_MISSING: Final = (
    "a run of several stages, or of several workers, is a JobSet, and this cluster does not serve"
    f" {JOB_SET.api_version}: ask the platform team to install JobSet"
    " (https://jobset.sigs.k8s.io), or declare one stage of one worker"
)
# Nothing tells when it is installed.
JOB_SETS_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class RunWork:
    """A run that was created.

    Attributes:
        kind: Job or JobSet.
        live: The object that the operator created, as it is now.
        jobs: Its Jobs by stage; the Job itself under an empty name where it is one.
    """

    kind: Kind
    live: Mapping[str, Any]
    jobs: Mapping[str, Mapping[str, Any]] = field(hash=False)

    @property
    def uid(self) -> str:
        """The UID that the status records."""
        return str(self.live["metadata"]["uid"])

    @property
    def is_over(self) -> bool:
        """Whether its end is known: of a JobSet also where its controller has not said so yet."""
        if self.kind == JOB:
            return job_end(self.live) is not None
        return self.ended((), ()).completion_time is not None

    def owns(self, pod: Mapping[str, Any]) -> bool:
        """Return whether a pod was made for one of its Jobs."""
        return any(is_of_job(pod, job["metadata"]["uid"]) for job in self.jobs.values())

    def ended(self, pods: Iterable[Mapping[str, Any]], secrets: Iterable[str] = ()) -> RunStatus:
        """Return the run as it shows now; without an outcome while it goes on.

        Args:
            pods: Its pods, the oldest first.
            secrets: Values that are known to be in play.
        """
        if self.kind == JOB:
            return job_ended(self.live, list(pods), secrets)
        return job_set_ended(self.live, self.jobs, list(pods), secrets)


async def find_run(
    ports: Ports,
    namespace: str,
    kinds: Iterable[Kind] = (JOB, JOB_SET),
    *,
    is_expected: bool = True,
) -> RunWork | None:
    """Return the run of a namespace; None when there is none.

    Args:
        ports: The outside world.
        namespace: The experiment's.
        kinds: What it may be. A cluster that does not serve JobSets has none.
        is_expected: As in `read_or_absent`.

    Raises:
        GloveboxError: No answer, or none that was allowed.
    """
    for kind in kinds:
        live = await read_or_absent(ports, kind, namespace, names.RUN_JOB, is_expected=is_expected)
        if live is not None:
            return await work_of(ports, kind, live)
    return None


async def work_of(ports: Ports, kind: Kind, live: Mapping[str, Any]) -> RunWork:
    """Return a run by what the operator created for it."""
    if kind == JOB:
        return RunWork(JOB, live, {"": live})
    named = {names.stage_job(stage): stage for stage in stages_of(live)}
    namespace, uid = live["metadata"]["namespace"], live["metadata"]["uid"]
    jobs: dict[str, Mapping[str, Any]] = {}
    async for page in ports.reader.pages(
        JOB, namespace=namespace, label_selector=names.MANAGED_SELECTOR
    ):
        for job in page.get("items") or ():
            stage = named.get(job["metadata"]["name"])
            if stage is not None and is_made_for(job, uid):
                jobs[stage] = {"apiVersion": "batch/v1", "kind": "Job", **job}
    return RunWork(kind, live, jobs)


async def pods_of_run(ports: Ports, work: RunWork) -> list[dict[str, Any]]:
    """Return the pods of a run, the oldest first."""
    namespace = work.live["metadata"]["namespace"]
    everybody = await pods_in(ports, namespace, label_selector=names.MANAGED_SELECTOR)
    return [pod for pod in everybody if work.owns(pod)]
