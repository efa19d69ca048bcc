"""The environment of a run, from the snapshot: folders, seeds, parameters, and the run's own.

Names are `GLOVEBOX_SEED_<NAME>` and `GLOVEBOX_PARAM_<NAME>`, in upper snake case (`learningRate`
becomes `LEARNING_RATE`). The whole truth is the snapshot itself, at `$GLOVEBOX_SNAPSHOT`; the
variables are for programs that would rather not read JSON. What they hold is what the snapshot
says: Kubernetes would put other variables, of the cluster too, where a value says `$(NAME)`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from glovebox import names
from glovebox.api.run_config import Config, Determinism
from glovebox.api.stages import Stage
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.pods import SESSION_ENDPOINT
from glovebox.desired.run_ways import SNAPSHOT_FOLDER, authority_variables, proxy_variables
from glovebox.desired.session_files import CONFIG_FILE, PROCESS_CONFIG_FILE, SESSION_FOLDER
from glovebox.desired.stage_results import checkpoint_prefix, needed_prefixes, result_prefix

INPUTS_FOLDER: Final = "/inputs"
ARTIFACTS_FOLDER: Final = SESSION_FOLDER
_THREADS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
# The root file system is read-only, and libraries look for a place of their own; the user has no
# entry in the image's /etc/passwd, and programs that ask for its name would fail.
_OF_THE_USER: Final = {
    "HOME": "/tmp",  # noqa: S108 - a path in the pod
    "LOGNAME": "glovebox",
    "TMPDIR": "/tmp",  # noqa: S108 - a path in the pod
    "USER": "glovebox",
}
# PyTorch wants a call besides (`torch.use_deterministic_algorithms`), and JAX a flag whose name
# depends on its version.
_DETERMINISTIC: Final = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "LC_ALL": "C.UTF-8",
    "MKL_CBWR": "COMPATIBLE",
    "NVIDIA_TF32_OVERRIDE": "0",
    "PYTHONHASHSEED": "0",
    "TF_CUDNN_DETERMINISTIC": "1",
    "TF_DETERMINISTIC_OPS": "1",
    "TZ": "UTC",
}
_INDEX: Final = "batch.kubernetes.io/job-completion-index"
_FAILED: Final = "batch.kubernetes.io/job-index-failure-count"
_INTERRUPTED: Final = "batch.kubernetes.io/job-index-ignored-failure-count"
# Python takes no other as PYTHONHASHSEED.
_HASH_SEED_MAX: Final = 4294967295


def run_environment(inputs: ExperimentInputs, stage: Stage) -> list[dict[str, str]]:
    """Return the variables of the container of a stage, by name."""
    experiment = inputs.experiment
    config, bucket = experiment.spec.config, f"s3://{inputs.store.spec.artifacts.bucket}/"
    variables = dict(_OF_THE_USER)
    seed = config.seeds.get("python")
    if config.determinism is not None:
        variables |= _fixed_by(config.determinism)
    if seed is not None and seed <= _HASH_SEED_MAX:
        variables["PYTHONHASHSEED"] = str(seed)
    # An image may have authorities of its own, which a stage names.
    variables |= authority_variables(inputs.profile)
    variables |= stage.env
    # What follows has names that a stage cannot choose.
    variables |= {
        "GLOVEBOX_ARTIFACTS_URI": f"{bucket}{result_prefix(experiment, stage)}",
        "GLOVEBOX_CHECKPOINTS_URI": f"{bucket}{checkpoint_prefix(experiment, stage)}",
        "GLOVEBOX_EXPERIMENT": f"{experiment.namespace}/{experiment.name}",
        "GLOVEBOX_INPUTS": INPUTS_FOLDER,
        "GLOVEBOX_SNAPSHOT": f"{SNAPSHOT_FOLDER}/snapshot.json",
        "GLOVEBOX_STAGE": stage.name,
    }
    variables |= {
        f"GLOVEBOX_STAGE_{upper_snake(name)}_ARTIFACTS_URI": f"{bucket}{prefix}"
        for name, prefix in needed_prefixes(experiment, stage).items()
    }
    variables |= store_variables(inputs) | proxy_variables(inputs)
    variables |= declared_variables(config)
    # A secret goes before what is set for everybody (HOME, TZ): a variable has one value.
    secret = {each.env for each in stage.secrets}
    variables = {name: value for name, value in variables.items() if name not in secret}
    return [{"name": name, "value": _literal(value)} for name, value in sorted(variables.items())]


def attempt_environment() -> list[dict[str, Any]]:
    """Return the variables that say which attempt a pod is, as its Job's controller counts them.

    `GLOVEBOX_ATTEMPT` is how often its worker failed before, from 0; `GLOVEBOX_INTERRUPTIONS` how
    often it was ended by what is no failure of its own, and empty or 0 if never.
    """
    counted = {"GLOVEBOX_ATTEMPT": _FAILED, "GLOVEBOX_INTERRUPTIONS": _INTERRUPTED}
    return [_annotation(name, annotation) for name, annotation in counted.items()]


def _annotation(name: str, annotation: str) -> dict[str, Any]:
    """Return the variable that holds what an annotation of the pod says."""
    return {
        "name": name,
        "valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{annotation}']"}},
    }


def worker_environment(stage: Stage) -> list[dict[str, Any]]:
    """Return the variables by which the workers of a stage find each other; none of a single one.

    Which of them a pod is, its Job's controller writes beside it.
    """
    if stage.workers == 1:
        return []
    return [
        {"name": "GLOVEBOX_LEADER", "value": names.stage_leader(stage.name)},
        _annotation("GLOVEBOX_WORKER", _INDEX),
        {"name": "GLOVEBOX_WORKERS", "value": str(stage.workers)},
    ]


def _fixed_by(determinism: Determinism) -> dict[str, str]:
    """Return the variables that make a second run like the first."""
    variables: dict[str, str] = {}
    if determinism.libraries == "Deterministic":
        variables |= _DETERMINISTIC
    if determinism.threads is not None:
        variables |= dict.fromkeys(_THREADS, str(determinism.threads))
    if determinism.loader_workers is not None:
        variables["GLOVEBOX_LOADER_WORKERS"] = str(determinism.loader_workers)
    return variables


def store_variables(inputs: ExperimentInputs) -> dict[str, str]:
    """Return the variables by which every AWS SDK finds the store, and a session that is renewed.

    No file with keys is named: an SDK that finds one takes it, and never looks at it again.
    """
    spec = inputs.store.spec
    variables = {
        # Not every SDK reads these two from the configuration.
        "AWS_ENDPOINT_URL_S3": spec.endpoint,
        "AWS_REGION": spec.region,
        # Else an SDK that finds no session asks the node's metadata service, and waits for it.
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if not inputs.platform_image:
        return variables | {"AWS_CONFIG_FILE": f"{SESSION_FOLDER}/{PROCESS_CONFIG_FILE}"}
    return variables | {
        "AWS_CONFIG_FILE": f"{SESSION_FOLDER}/{CONFIG_FILE}",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": SESSION_ENDPOINT,
    }


def declared_variables(config: Config) -> dict[str, str]:
    """Return the variables of seeds and parameters."""
    seeds = {f"GLOVEBOX_SEED_{upper_snake(name)}": str(seed) for name, seed in config.seeds.items()}
    return seeds | {
        f"GLOVEBOX_PARAM_{upper_snake(name)}": value for name, value in config.parameters.items()
    }


def colliding_names(config: Config) -> list[str]:
    """Return the seeds and parameters that share a variable, so that one would hide the other."""
    for group in (config.seeds, config.parameters):
        counted = Counter(upper_snake(name) for name in group)
        collisions = [name for name in group if counted[upper_snake(name)] > 1]
        if collisions:
            return sorted(collisions)
    return []


def colliding_stages(stages: Sequence[Stage]) -> list[str]:
    """Return the stages whose names become one variable, so that one would hide the other."""
    counted = Counter(upper_snake(stage.name) for stage in stages)
    return sorted(stage.name for stage in stages if counted[upper_snake(stage.name)] > 1)


def _literal(value: str) -> str:
    """Return what Kubernetes makes this value of: it takes `$$` for `$`, and replaces `$(NAME)`."""
    return value.replace("$", "$$")


def upper_snake(name: str) -> str:
    """Return a name as part of a variable's.

    `learningRate` and `learning-rate` both become `LEARNING_RATE`.
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^A-Za-z0-9]+", "_", parted).strip("_").upper()
