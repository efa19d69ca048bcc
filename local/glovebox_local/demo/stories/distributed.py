"""A run of several workers and stages: one worker is killed, and the holdout is for the last."""

from __future__ import annotations

import base64
import configparser
import json
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from glovebox import names
from glovebox_local.demo import loading
from glovebox_local.demo.declaring import waited_for, write_example
from glovebox_local.demo.refusing import quote
from glovebox_local.demo.running import verified
from glovebox_local.demo.stage import EXPERIMENTS, TEAM, Stage
from glovebox_local.demo.stories.telling import expect
from glovebox_local.errors import LocalError
from glovebox_local.jobset import JobSetController

if TYPE_CHECKING:
    from rich.console import RenderableType

    from glovebox_local.progress import Step

FOLDER = Path("docs/examples/distributed")
NAME = "delay-by-two"
# The killed worker has this number; the other one leads.
_VICTIM = 1
_KILLED_AFTER = 2
_TRAIN, _EVALUATE = "train", "evaluate"
_HOLDOUT = "2013/test/flights-2013-10.parquet"
_POLL_SECONDS = 0.2
_BEGIN_SECONDS = 180
_RUN_SECONDS = 600
_SEAL_SECONDS = 120
_T = TypeVar("_T")


def start_jobset(stage: Stage, step: Step) -> None:
    """Install JobSet as it is shipped, and run its controller beside the API server.

    Raises:
        LocalError: It ended, or was not ready in time.
    """
    controller = JobSetController(stage.environment, stage.tools.kubectl, stage.folder, tied=False)
    controller.start(step.say)
    step.say("kinds, rights, webhooks and the controller")


def declare(stage: Stage, step: Step) -> None:
    """Apply the example with the trainer's image of this machine filled in.

    Raises:
        LocalError: kubectl failed.
    """
    target, access = stage.folder / "distributed", stage.environment.access_for_pods
    folder = write_example(stage.repository / FOLDER, target, access, trainer=stage.trainer)
    stage.tools.kubectl("apply", f"--filename={folder}")
    status = _holding(stage, "Ready", _BEGIN_SECONDS)
    step.say(f"Ready, in {status['namespace']}")


def ask_for_holdout(stage: Stage, step: Step) -> None:
    """Ask the store for the holdout with what each stage's fetcher has.

    Raises:
        LocalError: Training could have it, or who measures could not.
    """
    if _reads_holdout(stage, _TRAIN) or not _reads_holdout(stage, _EVALUATE):
        raise LocalError("Asking for the holdout", f"only the stage {_EVALUATE} may read it")
    step.say(f"refused to the session of `{_TRAIN}`, given to that of `{_EVALUATE}`")


def meet(stage: Stage, step: Step) -> RenderableType:
    """Wait until the two workers learn together, and show what the second one says.

    Raises:
        LocalError: They did not in time.
    """
    pod = _waited(lambda: _pod(stage), "the workers are started")
    shown, lines = _waited(lambda: _learned(stage, pod), "the workers learn together")
    step.say("by name, over the headless Service of the JobSet")
    return quote(shown, "\n".join(lines))


def kill(stage: Stage, step: Step) -> RenderableType:
    """Kill the second worker's program, as the kernel does when memory is used up.

    Raises:
        LocalError: It was not started again.
    """
    pod = _pod(stage)
    if pod is None:
        raise LocalError("Killing a worker", "its pod is not there")
    container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
    (node,) = stage.environment.nodes
    words = ("tasks", "kill", "--signal=SIGKILL", container)
    node.ctr(*words)
    _waited(lambda: _pod(stage, after=pod), "the worker is started again")
    step.say("started again, with the same name and number")
    return quote(f"ctr --namespace=k8s.io {' '.join(words[:-1])} {container[:12]}…", "")


def go_on(stage: Stage, step: Step) -> RenderableType:
    """Wait until the run has ended well, and show from where the second worker went on.

    Raises:
        LocalError: It failed, or it did not go on from a checkpoint.
    """
    again = _waited(lambda: _with_log(stage), "the worker learns again")
    run = _holding(stage, "Succeeded", _RUN_SECONDS)["run"]
    shown, lines = _log(stage, again)
    told = [json.loads(line) for line in lines]
    began, met = (next(each for each in told if each["event"] == what) for what in ("began", "met"))
    if began["attempt"] != 1 or met["epoch"] <= _KILLED_AFTER:
        raise LocalError("Going on", f"it must go on from a checkpoint, and said {began}, {met}")
    stages = ", ".join(f"{each['name']} {each['phase']}" for each in run["stages"])
    step.say(f"attempts {run['attempts']}, {stages}")
    return quote(shown, "\n".join([*lines[:3], "...", lines[-1]]))


def measure(stage: Stage, step: Step) -> RenderableType:
    """Show what was measured on the holdout.

    Raises:
        LocalError: The stage was given something else.
    """
    (pod,) = _pods(stage, _EVALUATE)
    shown, lines = _log(stage, pod)
    expect("The log of the stage evaluate", "\n".join(lines), ['"inputs": ["holdout"]', '"auc"'])
    step.say("by the stage that names it")
    return quote(shown, "\n".join(lines))


def seal(stage: Stage, step: Step) -> RenderableType:
    """Wait for the seal and verify it as an auditor would.

    Raises:
        LocalError: It does not hold, or does not say which pod was of which stage.
    """
    status = _holding(stage, "Sealed", _SEAL_SECONDS)
    shown, said = verified(stage, status["seal"]["uri"])
    expect(f"`{shown}`", said, ["holds", f"of stage {_TRAIN}", f"of stage {_EVALUATE}"])
    step.say(f"{status['seal']['objects']} objects, the seal holds")
    return quote(shown, said)


def show_leakage(stage: Stage, step: Step) -> RenderableType:
    """Show what the leakage sheet says of test data in training.

    Raises:
        LocalError: It is not proved.
    """
    path = '{.status.leakage[?(@.type=="TestDataInTraining")]}'
    words = ("get", "experiment", NAME, "-n", TEAM, "-o", f"jsonpath={path}")
    said = stage.tools.kubectl(*words)
    if json.loads(said)["level"] != "Proved":
        raise LocalError("Reading the leakage sheet", f"it says {said}")
    step.say("proved")
    return quote(f"kubectl get experiment {NAME} -n {TEAM} -o jsonpath='{path}'", said)


def _holding(stage: Stage, kind: str, seconds: int) -> dict[str, Any]:
    (found,) = waited_for(stage, EXPERIMENTS, NAME, namespace=TEAM, kind=kind, seconds=seconds)
    status: dict[str, Any] = found["status"]
    return status


def _namespace(stage: Stage) -> str:
    return str(stage.tools.get(EXPERIMENTS, NAME, namespace=TEAM)["status"]["namespace"])


def _pods(stage: Stage, of: str) -> list[dict[str, Any]]:
    selector = f"{names.LABEL_STAGE}={of}"
    found = stage.tools.get("pods", namespace=_namespace(stage), selector=selector)
    items: list[dict[str, Any]] = found["items"]
    return items


def _pod(stage: Stage, *, after: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """Return the pod of the worker that is killed; a later one than that, or nothing yet."""
    name = f"{names.stage_job(_TRAIN)}-{_VICTIM}"
    known = after["metadata"]["uid"] if after else ""
    own = (
        each
        for each in _pods(stage, _TRAIN)
        if each["spec"]["hostname"] == name and each["metadata"]["uid"] != known
    )
    return max(own, key=lambda each: each["metadata"]["creationTimestamp"], default=None)


def _with_log(stage: Stage) -> dict[str, Any] | None:
    """Return the pod of the worker that was killed once it says something again."""
    pod = _pod(stage)
    return pod if pod and _log(stage, pod)[1] else None


def _learned(stage: Stage, pod: dict[str, Any]) -> tuple[str, list[str]] | None:
    shown, lines = _log(stage, pod)
    epochs = [each["epoch"] for each in map(json.loads, lines) if each["event"] == "epoch"]
    return (shown, lines) if epochs and epochs[-1] > _KILLED_AFTER else None


def _log(stage: Stage, pod: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the command that shows what a pod of the run says, and what it said so far."""
    metadata = pod["metadata"]
    where = ("--container=run", f"--namespace={metadata['namespace']}")
    answer = stage.tools.try_kubectl("logs", metadata["name"], *where)
    return answer.command, answer.out.splitlines() if answer.code == 0 else []


def _waited(look: Callable[[], _T | None], what: str) -> _T:
    deadline = time.monotonic() + _BEGIN_SECONDS
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise LocalError(f"Waiting until {what}", f"not after {_BEGIN_SECONDS} s")
        time.sleep(_POLL_SECONDS)
    return found


def _reads_holdout(stage: Stage, of: str) -> bool:
    """Return whether the session of a stage's fetcher reads the holdout."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - heavy

    secret = stage.tools.get("secret", names.INPUTS_CREDENTIALS_SECRET, namespace=_namespace(stage))
    file = configparser.ConfigParser()
    file.read_string(base64.b64decode(secret["data"][f"{of}.primary.credentials"]).decode())
    client = loading.client_of(stage.environment.access, session=file["default"])
    try:
        client.head_object(Bucket=loading.BUCKET, Key=_HOLDOUT)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.FORBIDDEN:
            raise
        return False
    return True
