"""The chapter that needs a node: the Experiment's program trains on the pinned files, and what it wrote is sealed and verified."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from glovebox import names
from glovebox.local.demo.declaring import condition
from glovebox.local.demo.refusing import quote
from glovebox.local.demo.stage import EXPERIMENT, TEAM, Stage
from glovebox.local.errors import LocalError
from glovebox.local.operator_process import OPERATOR_NAMESPACE

if TYPE_CHECKING:
    from rich.console import RenderableType

    from glovebox.local.progress import Step

_RUN_SECONDS = 300
_SEAL_SECONDS = 60
_VERIFY_SECONDS = 60


def wait_for_run(stage: Stage, step: Step) -> None:
    """Wait until the run has ended well.

    Raises:
        LocalError: It failed, or did not end in time; with what the Experiment's status says.
    """
    _wait(stage, "Succeeded", _RUN_SECONDS)
    run = stage.experiment["status"]["run"]
    step.say(f"attempts {run['attempts']}, {run['outcome']}")


def show_log(stage: Stage, step: Step) -> RenderableType:
    """Show what the program said, by `kubectl logs` as the team would.

    Raises:
        LocalError: kubectl failed, or it said nothing.
    """
    answer = stage.tools.try_kubectl("logs", f"job/{names.RUN_JOB}", "--container=run", f"--namespace={stage.sealed_namespace}")
    lines = answer.out.splitlines()
    if answer.code != 0 or not lines:
        raise LocalError(f"`{answer.command}`", f"it says: {answer.text or 'nothing'}")
    step.say(f"{len(lines)} lines")
    return quote(answer.command, answer.out)


def wait_for_seal(stage: Stage, step: Step) -> None:
    """Wait until the results are sealed.

    Raises:
        LocalError: They were not in time.
    """
    _wait(stage, "Sealed", _SEAL_SECONDS)
    seal = stage.experiment["status"]["seal"]
    step.say(f"{seal['objects']} objects, {seal['uri']}")


def verify(stage: Stage, step: Step) -> RenderableType:
    """Verify the seal as an auditor would: by the store and the public key, without the cluster.

    Raises:
        LocalError: It does not hold.
    """
    uri = stage.experiment["status"]["seal"]["uri"]
    secret = stage.tools.get("secret", "glovebox-signing-key", namespace=OPERATOR_NAMESPACE)
    key = stage.folder / "public.pem"
    key.write_bytes(base64.b64decode(secret["data"]["public.pem"]))
    access = stage.environment.access
    store = {
        "AWS_ENDPOINT_URL": access.endpoint,
        "AWS_REGION": access.region,
        "AWS_ACCESS_KEY_ID": access.loader.access_key_id,
        "AWS_SECRET_ACCESS_KEY": access.loader.secret_access_key,
    }
    command = [sys.executable, "-m", "glovebox.cli", "verify", uri, "--key", str(key)]
    done = subprocess.run(command, env={**os.environ, **store}, capture_output=True, text=True, timeout=_VERIFY_SECONDS, check=False)
    shown = f"glovebox verify {uri} --key {key.name}"
    if done.returncode != 0:
        raise LocalError(f"`{shown}`", f"exit code {done.returncode}, it says:\n{done.stdout}{done.stderr}")
    step.say("the seal holds")
    return quote(shown, done.stdout)


def _wait(stage: Stage, kind: str, seconds: int) -> None:
    waiting = ("wait", f"--for=condition={kind}", f"--timeout={seconds}s", f"experiments.glovebox.dev/{EXPERIMENT}", f"--namespace={TEAM}")
    answer = stage.tools.try_kubectl(*waiting, timeout=seconds + 30)
    if answer.code != 0:
        experiment = stage.experiment
        said = {entry: condition(experiment, entry).get("message", "") for entry in ("Ready", kind)}
        run = experiment["status"].get("run")
        raise LocalError(f"`{answer.command}`", f"it says: {answer.text}\n{said}\nrun: {run}", stage.operator.log)
