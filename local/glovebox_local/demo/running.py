"""The chapter that needs a node.

The Experiment's program trains on the pinned files, and what it wrote is sealed and verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glovebox import names
from glovebox_local.demo.declaring import waited_for
from glovebox_local.demo.refusing import quote
from glovebox_local.demo.stage import EXPERIMENT, EXPERIMENTS, TEAM, Stage
from glovebox_local.errors import LocalError
from glovebox_local.operator_process import OPERATOR_NAMESPACE

if TYPE_CHECKING:
    from rich.console import RenderableType

    from glovebox_local.progress import Step

# On a network that enforces nothing it is never proven, which the status says after some seconds.
_PROOF_SECONDS = 120
_RUN_SECONDS = 300
_SEAL_SECONDS = 60


def wait_for_proof(stage: Stage, step: Step) -> None:
    """Wait until isolation was checked from inside and proven.

    The run waits for that too, as the example's profile requires.

    Raises:
        LocalError: They do not hold, or nothing was proven in time; with what the Experiment's
            status says.
    """
    isolation = _wait(stage, "Isolated", _PROOF_SECONDS)["isolation"]
    step.say(f"{isolation['attempts']} attempts from inside")


def wait_for_run(stage: Stage, step: Step) -> None:
    """Wait until the run has ended well.

    Raises:
        LocalError: It failed, or did not end in time; with what the Experiment's status says.
    """
    run = _wait(stage, "Succeeded", _RUN_SECONDS)["run"]
    step.say(f"attempts {run['attempts']}, {run['outcome']}")


def show_log(stage: Stage, step: Step) -> RenderableType:
    """Show what the program said, by `kubectl logs` as the team would.

    Raises:
        LocalError: kubectl failed, or it said nothing.
    """
    answer = stage.tools.try_kubectl(
        "logs", f"job/{names.RUN_JOB}", "--container=run", f"--namespace={stage.sealed_namespace}"
    )
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
    seal = _wait(stage, "Sealed", _SEAL_SECONDS)["seal"]
    step.say(f"{seal['objects']} objects, {seal['uri']}")


def verify(stage: Stage, step: Step) -> RenderableType:
    """Verify the seal as an auditor would: by the store and the public key, without the cluster.

    Raises:
        LocalError: It does not hold.
    """
    shown, said = verified(stage, stage.experiment["status"]["seal"]["uri"])
    step.say("the seal holds")
    return quote(shown, said)


def verified(stage: Stage, uri: str) -> tuple[str, str]:
    """Return how a seal is verified, and what is said of one that holds.

    Args:
        stage: The demonstration.
        uri: The seal.

    Raises:
        LocalError: It does not hold.
    """
    published = stage.tools.get(
        "configmap", names.SIGNING_KEYS_CONFIG_MAP, namespace=OPERATOR_NAMESPACE
    )
    key = stage.folder / names.SIGNING_KEYS_FILE
    key.write_text(published["data"][names.SIGNING_KEYS_FILE])
    answer = stage.glovebox("verify", uri, "--key", str(key))
    shown = answer.command.replace(str(key), key.name)
    if answer.code != 0:
        raise LocalError(f"`{shown}`", f"exit code {answer.code}, it says:\n{answer.text}")
    return shown, answer.out


def _wait(stage: Stage, kind: str, seconds: int) -> dict[str, Any]:
    (experiment,) = waited_for(
        stage, EXPERIMENTS, EXPERIMENT, namespace=TEAM, kind=kind, seconds=seconds
    )
    status: dict[str, Any] = experiment["status"]
    return status
