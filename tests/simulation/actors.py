"""The other controllers of a cluster, as small actors that may be slow.

Namespaces, garbage, service accounts, Jobs, kubelet.

Each looks at what changed, waits a while, and then acts on the state as it is at that moment,
through the stand-in's own verbs. They know nothing of Glovebox, but for the kubelet, which must say
how a run's and a probe's containers end.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import orjson

from glovebox import names
from glovebox.data.probing import EXIT_CODES, FORMAT, Outcome
from glovebox.desired.pods import FETCH_CONTAINER
from glovebox.desired.probe import PROBE_CONTAINER
from glovebox.desired.task_job import TASK_CONTAINER
from glovebox.kube import kinds
from glovebox.kube.kinds import JOB, JOB_SET, NAMESPACE, POD, SECRET, SERVICE_ACCOUNT, Kind
from glovebox.status.run_stages import job_set_end
from simulation.api_kinds import SERVED
from simulation.api_server import ApiServer, Asked, Change, Refused
from simulation.story import Story

Json = dict[str, Any]
_LAST: Final = (POD,)
_BACKOFF_SECONDS: Final = 5.0
_RESUMED_SECONDS: Final = 1.0


class Actors:
    """All of them.

    Args:
        server: The stand-in.
        story: Told of what they do.
        chance: How long each takes, and how pods end.
        moment: Now, as the server writes it.
        slowest: Most seconds that an actor takes for a step.
    """

    def __init__(
        self,
        server: ApiServer,
        story: Story,
        chance: random.Random,
        moment: Callable[[], str],
        *,
        slowest: float = 1.0,
    ) -> None:
        self._server, self._story, self._chance = server, story, chance
        self._moment, self._slowest = moment, slowest
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: set[tuple[str, str, str]] = set()
        # Gives the seconds that a run's pod takes and whether it succeeds; tests replace it.
        self.run_ends: Callable[[Json], tuple[float, bool]] = lambda _: (
            chance.uniform(1, 30),
            True,
        )
        self.probe_outcome: Callable[[Json], Outcome] = lambda _: Outcome.PASSED
        # Does what a task's pod does; returns its exit code and termination message.
        self.do_task: Callable[[Json], Awaitable[tuple[int, str]]] = _no_task
        # The same of a pod that fills a cache.
        self.fill_cache: Callable[[Json], Awaitable[tuple[int, str]]] = _no_task
        # Called when a run's pod begins, for what it writes into the store.
        self.run_writes: Callable[[Json], None] = lambda _: None
        server.on_change.append(self._see)

    @property
    def idle(self) -> bool:
        """Whether none of them has anything to do."""
        return not self._tasks

    def stop(self) -> None:
        """End all of them."""
        for task in self._tasks:
            task.cancel()

    def resume(self) -> None:
        """Take up what is there, as after a restore: what is to run is run once more."""
        self.stop()
        self._busy.clear()
        for job in self._server.everything(kinds.JOB):
            self._start("Job", job, self._follow_job)
        for job_set in self._server.everything(kinds.JOB_SET):
            self._start("JobSet", job_set, self._follow_job_set)
        for pod in self._server.everything(kinds.POD):
            if _phase(pod) in ("", "Pending", "Running"):
                self._start("Pod", pod, self._run_pod)

    def _see(self, change: Change) -> None:
        new, old = change.new, change.old
        match change.served.kind:
            case kinds.NAMESPACE if new is not None and not _dying(new):
                if old is None:
                    self._start("ServiceAccount", new, self._default_account)
            case kinds.NAMESPACE if new is not None:
                self._start("Namespace", new, self._end_namespace)
            case kinds.JOB if new is not None and not _dying(new):
                self._start("Job", new, self._follow_job)
            case kinds.JOB_SET if new is not None and not _dying(new):
                self._start("JobSet", new, self._follow_job_set)
            case kinds.POD if new is not None and _dying(new):
                self._start("dying Pod", new, self._end_pod)
            case kinds.POD if new is not None and old is None:
                self._start("Pod", new, self._run_pod)
        if new is None and old is not None:
            self._start(f"owned by {change.served.kind.kind}", old, self._collect)

    def _start(self, what: str, obj: Json, act: Callable[[Json], Awaitable[None]]) -> None:
        key = (what, obj["metadata"]["uid"], "")
        if key in self._busy:
            return
        self._busy.add(key)

        async def acting() -> None:
            try:
                await act(obj)
            finally:
                self._busy.discard(key)

        task = asyncio.get_running_loop().create_task(acting())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _later(self) -> None:
        await asyncio.sleep(self._chance.uniform(0.01, self._slowest))

    def _now(self, kind: Kind, obj: Json) -> Json | None:
        """Return an object as it is now, or None when it is gone or another one."""
        metadata = obj["metadata"]
        live = self._server.peek(kind, metadata.get("namespace"), metadata["name"])
        return live if live is not None and live["metadata"]["uid"] == metadata["uid"] else None

    # -- namespaces

    async def _default_account(self, namespace: Json) -> None:
        await self._later()
        name = namespace["metadata"]["name"]
        asked = Asked("serviceaccount-controller", "create", SERVICE_ACCOUNT, name, "default")
        self._try(
            lambda: self._server.create(
                asked,
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}},
            )
        )

    async def _end_namespace(self, namespace: Json) -> None:
        name = namespace["metadata"]["name"]
        while self._now(NAMESPACE, namespace) is not None:
            await self._later()
            left = list(self._content(name))
            if not left:
                self._story.tell("namespaces", f"lets go of {name}")
                self._server.finalize_namespace(name)
                return
            pods = [(kind, obj) for kind, obj in left if kind in _LAST]
            for kind, obj in pods or left:
                if not _dying(obj):
                    self._delete(kind, obj, "namespace-controller")

    def _content(self, namespace: str) -> Iterator[tuple[Kind, Json]]:
        for served in SERVED.values():
            if served.kind.namespaced:
                for obj in self._server.everything(served.kind, namespace):
                    yield served.kind, obj

    # -- garbage

    async def _collect(self, owner: Json) -> None:
        await self._later()
        uid = owner["metadata"]["uid"]
        for served in SERVED.values():
            for obj in self._server.everything(served.kind):
                owners = obj["metadata"].get("ownerReferences") or ()
                if any(entry["uid"] == uid for entry in owners) and len(owners) == 1:
                    self._delete(served.kind, obj, "garbage-collector")

    def _delete(self, kind: Kind, obj: Json, user: str) -> None:
        metadata = obj["metadata"]
        asked = Asked(user, "delete", kind, metadata.get("namespace", ""), metadata["name"])
        self._try(lambda: self._server.delete(asked, {"preconditions": {"uid": metadata["uid"]}}))

    def _try(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except Refused as refusal:
            self._story.tell("controllers", str(refusal))
            return False
        return True

    # -- JobSets

    async def _follow_job_set(self, job_set: Json) -> None:
        """Make each Job when those that it depends on are complete, until all are or one failed."""
        while True:
            await self._later()
            live = self._now(JOB_SET, job_set)
            if live is None or _dying(live) or job_set_end(live):
                return
            jobs = {job["metadata"]["name"]: job for job in self._jobs_of(live)}
            ends = {name: _ended_as(job) for name, job in jobs.items()}
            if "Failed" in ends.values():
                first = next(name for name, end in ends.items() if end == "Failed")
                self._end_job_set(live, "Failed", f"failed jobs (first failed job: {first})")
                for name, job in jobs.items():
                    if not ends[name] and not _dying(job):
                        self._delete(JOB, job, "jobset-controller")
                return
            wanted = live["spec"]["replicatedJobs"]
            if all(ends.get(_job_name(live, each["name"])) == "Complete" for each in wanted):
                self._end_job_set(live, "Completed", "jobset completed successfully")
                return
            refused = False
            for each in wanted:
                needs = [_job_name(live, need["name"]) for need in each.get("dependsOn", ())]
                is_due = all(ends.get(need) == "Complete" for need in needs)
                if is_due and _job_name(live, each["name"]) not in jobs:
                    refused = not self._make_job(live, each) or refused
            if refused:
                await asyncio.sleep(_BACKOFF_SECONDS)
            else:
                await self._server.changed(JOB)

    def _jobs_of(self, job_set: Json) -> list[Json]:
        uid = job_set["metadata"]["uid"]
        return [
            job
            for job in self._server.everything(JOB, job_set["metadata"]["namespace"])
            if any(entry["uid"] == uid for entry in job["metadata"].get("ownerReferences") or ())
        ]

    def _make_job(self, job_set: Json, replicated: Json) -> bool:
        metadata, name = job_set["metadata"], _job_name(job_set, replicated["name"])
        template = replicated["template"]
        own = {
            "jobset.sigs.k8s.io/jobset-name": metadata["name"],
            "jobset.sigs.k8s.io/replicatedjob-name": replicated["name"],
        }
        pods = template["spec"]["template"]
        labels = {**pods["metadata"].get("labels", {}), **own}
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "labels": {**template["metadata"].get("labels", {}), **own},
                "ownerReferences": [
                    {
                        "apiVersion": job_set["apiVersion"],
                        "kind": "JobSet",
                        "name": metadata["name"],
                        "uid": metadata["uid"],
                        "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ],
            },
            "spec": {
                **template["spec"],
                "suspend": False,
                "template": {**pods, "metadata": {**pods["metadata"], "labels": labels}},
            },
        }
        asked = Asked("jobset-controller", "create", JOB, metadata["namespace"], name)
        return self._try(lambda: self._server.create(asked, job))

    def _end_job_set(self, job_set: Json, word: str, message: str) -> None:
        metadata = job_set["metadata"]
        condition = {
            "type": word,
            "status": "True",
            "reason": "AllJobsCompleted" if word == "Completed" else "ReachedMaxRestarts",
            "message": message,
            "lastTransitionTime": self._moment(),
        }
        self._story.tell("jobsets", f"{metadata['namespace']}/{metadata['name']}: {word}")
        self._write_status(JOB_SET, job_set, {"conditions": [condition], "terminalState": word})

    # -- Jobs and their pods

    async def _follow_job(self, job: Json) -> None:
        """Make pods until one succeeds or the tries are used up."""
        while True:
            await self._later()
            live = self._now(JOB, job)
            if live is None or _dying(live) or _end(live):
                return
            pods = self._pods_of(live)
            done = [pod for pod in pods if _phase(pod) in ("Succeeded", "Failed")]
            failed = [pod for pod in done if _phase(pod) == "Failed"]
            status: Json = {
                "startTime": live.get("status", {}).get("startTime", self._moment()),
                "active": len(pods) - len(done),
                "failed": len(failed),
                "succeeded": len(done) - len(failed),
            }
            if status["succeeded"] >= int(live["spec"].get("completions", 1)):
                self._end_job(live, status, "Complete", "CompletionsReached")
                return
            if len(failed) > int(live["spec"].get("backoffLimit", 6)):
                self._end_job(live, status, "Failed", "BackoffLimitExceeded")
                return
            if live["spec"].get("suspend"):
                for pod in pods:
                    if pod not in done and not _dying(pod):
                        self._delete(POD, pod, "job-controller")
            elif not self._make_missing(live, pods):
                await asyncio.sleep(_BACKOFF_SECONDS)
                continue
            else:
                status["active"] = len(self._pods_of(live)) - len(done)
            self._write_status(JOB, live, {**live.get("status", {}), **status})
            if not await self._until_pods_change(live):
                return

    async def _until_pods_change(self, job: Json) -> bool:
        before = [(pod["metadata"]["uid"], _phase(pod)) for pod in self._pods_of(job)]
        suspended = bool(job["spec"].get("suspend"))
        while True:
            # A queue suspends and resumes Jobs, and no pod tells of it.
            is_queued = names.LABEL_QUEUE in job["metadata"].get("labels", {})
            await self._server.changed(POD, _RESUMED_SECONDS if is_queued else 3600.0)
            live = self._now(JOB, job)
            if live is None or _dying(live):
                return False
            if bool(live["spec"].get("suspend")) != suspended:
                return True
            if [(pod["metadata"]["uid"], _phase(pod)) for pod in self._pods_of(live)] != before:
                return True

    def _end_job(self, job: Json, status: Json, word: str, reason: str) -> None:
        moment = self._moment()
        condition = {
            "type": word,
            "status": "True",
            "reason": reason,
            "message": reason,
            "lastProbeTime": moment,
            "lastTransitionTime": moment,
        }
        ended = {**job.get("status", {}), **status, "conditions": [condition]}
        if word == "Complete":
            ended["completionTime"] = moment
        self._story.tell(
            "jobs", f"{job['metadata']['namespace']}/{job['metadata']['name']}: {word}"
        )
        self._write_status(JOB, job, ended)

    def _pods_of(self, job: Json) -> list[Json]:
        uid = job["metadata"]["uid"]
        return [
            pod
            for pod in self._server.everything(POD, job["metadata"]["namespace"])
            if any(entry["uid"] == uid for entry in pod["metadata"].get("ownerReferences") or ())
        ]

    def _make_missing(self, job: Json, pods: list[Json]) -> bool:
        """Make a pod for each worker that has neither succeeded nor runs."""
        failed = sum(_phase(pod) == "Failed" for pod in pods)
        missing = int(job["spec"].get("completions", 1)) - (len(pods) - failed)
        made = [self._make_pod(job) for _ in range(missing)]
        return all(made)

    def _make_pod(self, job: Json) -> bool:
        metadata, template = job["metadata"], job["spec"]["template"]
        account = template["spec"].get("serviceAccountName") or "default"
        if self._server.peek(SERVICE_ACCOUNT, metadata["namespace"], account) is None:
            self._story.tell("jobs", f"no pod for {metadata['name']}: no ServiceAccount {account}")
            return False
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                **template["metadata"],
                "generateName": f"{metadata['name']}-",
                "ownerReferences": [
                    {
                        "apiVersion": "batch/v1",
                        "kind": "Job",
                        "name": metadata["name"],
                        "uid": metadata["uid"],
                        "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ],
            },
            "spec": template["spec"],
            "status": {"phase": "Pending"},
        }
        asked = Asked("job-controller", "create", POD, metadata["namespace"], "")
        return self._try(lambda: self._server.create(asked, pod))

    async def _run_pod(self, pod: Json) -> None:
        await self._later()
        live = self._now(POD, pod)
        if live is None:
            return
        metadata = live["metadata"]
        bound = {**live, "spec": {**live["spec"], "nodeName": "node-1"}}
        asked = Asked("scheduler", "update", POD, metadata["namespace"], metadata["name"])
        self._try(lambda: self._server.replace(asked, bound))
        live = self._now(POD, pod) or live
        self._write_status(POD, live, {"phase": "Running", "startTime": self._moment()})
        containers = {entry["name"] for entry in pod["spec"].get("containers", ())}
        if containers & {TASK_CONTAINER, FETCH_CONTAINER}:
            act = self.do_task if TASK_CONTAINER in containers else self.fill_cache
            code, message = await act(pod)
            self._end_containers(pod, message, code)
            return
        if PROBE_CONTAINER in containers:
            outcome = self.probe_outcome(pod)
            await asyncio.sleep(self._chance.uniform(0.5, 3))
            self._end_containers(pod, _verdict(outcome), EXIT_CODES[outcome])
            return
        self._write_log(pod)
        seconds, succeeds = self.run_ends(pod)
        self.run_writes(pod)
        await asyncio.sleep(seconds)
        self._end_containers(pod, "", 0 if succeeds else 1)

    def _write_log(self, pod: Json) -> None:
        """Let a run print what it should not: all the credentials that it has."""
        metadata = pod["metadata"]
        secret = self._server.peek(SECRET, metadata["namespace"], names.CREDENTIALS_SECRET)
        data = (secret or {}).get("data") or {}
        files = [base64.b64decode(each).decode() for each in data.values()]
        self._server.logs[metadata["uid"]] = "\n".join(("begins", *files, "ends", ""))

    def _end_containers(self, pod: Json, message: str, code: int) -> None:
        live = self._now(POD, pod)
        if live is None or _dying(live):
            return
        moment = self._moment()
        # Those that go before, and those that go beside, end well.
        before = [_ended(each, 0, "", moment) for each in pod["spec"].get("initContainers", ())]
        own = [_ended(each, code, message, moment) for each in pod["spec"].get("containers", ())]
        # A pod whose container ends with an error has failed, whatever its Job thinks of it.
        phase = "Succeeded" if code == 0 else "Failed"
        status = {"phase": phase, "initContainerStatuses": before, "containerStatuses": own}
        self._write_status(POD, live, status)

    async def _end_pod(self, pod: Json) -> None:
        await self._later()
        self._server.end_pod(pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _write_status(self, kind: Kind, obj: Json, status: Json) -> None:
        metadata = obj["metadata"]
        asked = Asked(
            "controllers", "update", kind, metadata.get("namespace", ""), metadata["name"], "status"
        )
        live = self._now(kind, obj)
        if live is not None:
            rest = {
                key: value for key, value in live["metadata"].items() if key != "resourceVersion"
            }
            self._try(
                lambda: self._server.replace(asked, {**live, "metadata": rest, "status": status})
            )


def _ended(container: Json, code: int, message: str, moment: str) -> Json:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": container["image"],
        "state": {
            "terminated": {
                "exitCode": code,
                "reason": "Completed" if code == 0 else "Error",
                "message": message,
                "startedAt": moment,
                "finishedAt": moment,
            }
        },
    }


async def _no_task(pod: Json) -> tuple[int, str]:
    raise NotImplementedError(pod["metadata"]["name"])


def _dying(obj: Json) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


def _phase(pod: Json) -> str:
    return str((pod.get("status") or {}).get("phase", ""))


def _end(job: Json) -> bool:
    return any(
        entry["type"] in ("Complete", "Failed")
        for entry in (job.get("status") or {}).get("conditions") or ()
    )


def _ended_as(job: Json) -> str:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return next((each["type"] for each in conditions if each["type"] in ("Complete", "Failed")), "")


def _job_name(job_set: Json, stage: str) -> str:
    return f"{job_set['metadata']['name']}-{stage}-0"


def _verdict(outcome: Outcome) -> str:
    counts = {"passed": 0, "failed": 0, "unknown": 0}
    counts[outcome.value.lower()] = 1
    entry = {"id": "default-deny", "outcome": outcome.value, "expected": "Blocked"}
    return orjson.dumps(
        {"format": FORMAT, "outcome": outcome.value, "counts": counts, "entries": [entry]}
    ).decode()
