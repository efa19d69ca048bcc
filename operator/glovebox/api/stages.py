"""Stages: the programs that a run is made of, and what each of them is given.

What a program has read it may have learnt from. So data to test with are given to none that does
not name them.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.parameters import SHORT_NAMES
from glovebox.api.run_config import Environment
from glovebox.api.scalars import DnsLabel, Quantity, not_less
from glovebox.api.schema import Checked, list_atomic, list_set, naming, rule, rules
from glovebox.api.stage_secrets import StageSecrets

# The API server estimates what the rules of all of them cost, and takes no more.
MAX_STAGES: Final = 8
MAX_VARIABLES: Final = 32
MAX_WORKERS: Final = 64
# As many as are recorded (`attempt_status.MAX_PODS`).
MAX_RUN_PODS: Final = 128
MAX_STAGE_NAME: Final = 32
MAX_STAGE_INPUTS: Final = 96
# What a stage has to name.
TESTS: Final[frozenset[str]] = frozenset({"test", "holdout"})
# Experiments are held in memory, all of them.
MAX_COMMAND: Final = 65536

MAX_EXIT_CODES: Final = 16
ExitCode = Annotated[int, Field(ge=1, le=255, json_schema_extra={"format": "int32"})]

StageName = Annotated[DnsLabel, Field(max_length=MAX_STAGE_NAME)]
# Less is a slip of the unit: no container starts with it.
LEAST_MEMORY: Final = "1Mi"
STAGE_RESOURCE: Final = r"^(cpu|memory|[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9._-]+)$"
_STAGE_RESOURCE_MESSAGE: Final = (
    "`cpu`, `memory`, or an extended resource with its domain, such as 'nvidia.com/gpu'. Local disk"
    " (`ephemeral-storage`) is `scratch`, and `/dev/shm` is `sharedMemory`"
)
_STAGE_RESOURCES = Checked[dict[str, str]](
    lambda resources: all(re.fullmatch(STAGE_RESOURCE, name) for name in resources),
    f"self.all(name, name.matches(r'{STAGE_RESOURCE}'))",
    f"must name in each key {_STAGE_RESOURCE_MESSAGE}",
    message_expression=(
        f"\"must not name '\" + self.filter(name, !name.matches(r'{STAGE_RESOURCE}'))[0]"
        f' + "\', but {_STAGE_RESOURCE_MESSAGE}"'
    ),
)


class Stage(Model):
    """A program of the run."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.command.map(part, part.size()).sum() + (has(self.args) ?"
                f" self.args.map(part, part.size()).sum() : 0) <= {MAX_COMMAND}",
                f"`command` and `args` must have at most {MAX_COMMAND} characters together: put a"
                " long program or list into the image or a dataset, and name its file here",
                field_path=".command",
            ),
            rule(
                "!has(self.secrets) || !has(self.env) || self.secrets.all(s, !has(s.env) || !(s.env"
                " in self.env))",
                "must not name an environment variable that `env` of the stage sets as well",
                field_path=".secrets",
            ),
            *(
                rule(
                    f"!has(self.{field}) || {given}{not_less(amount, LEAST_MEMORY)}",
                    f"must be at least {LEAST_MEMORY}, such as '512Mi' or '4Gi': 'm' is a"
                    " thousandth of a byte, and without a unit it is bytes",
                    field_path=f".{path}",
                )
                for field, path, given, amount in (
                    (
                        "resources",
                        "resources.memory",
                        "!('memory' in self.resources) || ",
                        "self.resources['memory']",
                    ),
                    ("sharedMemory", "sharedMemory", "", "self.sharedMemory"),
                    ("scratch", "scratch", "", "self.scratch"),
                )
            ),
        )
    )

    name: StageName = Field(
        description="Name of the stage, by which its pods and its results are known.",
    )
    needs: tuple[StageName, ...] = Field(
        default=(),
        max_length=MAX_STAGES,
        json_schema_extra=list_set(),
        description=(
            "Names of the stages that must have succeeded before it begins; each stands before it"
            " in the list. When empty: it begins at once."
        ),
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=MAX_WORKERS,
        json_schema_extra={"format": "int32"},
        description=(
            "How many pods the stage has at once, each with the same program and with the same"
            " inputs; they find each other by name."
        ),
    )
    inputs: tuple[DnsLabel, ...] = Field(
        default=(),
        max_length=MAX_STAGE_INPUTS,
        json_schema_extra=list_set(),
        description=(
            "Names of the inputs that the stage reads, and of no others; at most 96. When empty:"
            " all, except datasets of the roles `test` and `holdout`, which no program is given"
            " that does not name them here."
        ),
    )
    image: DnsLabel = Field(description="Name of an entry of `spec.images`.")
    command: tuple[Annotated[str, Field(max_length=4096)], ...] = Field(
        min_length=1,
        max_length=64,
        json_schema_extra=list_atomic(),
        description=(
            "Program and its first arguments. It is not run in a shell; as in every pod, `$(NAME)`"
            " is replaced by the variable of that name, and `$$` by `$`. With `args` at most 65,536"
            " characters."
        ),
    )
    args: tuple[Annotated[str, Field(max_length=4096)], ...] = Field(
        default=(),
        max_length=256,
        json_schema_extra=list_atomic(),
        description="Further arguments, as in `command`. When empty: none.",
    )
    active_deadline_seconds: (
        Annotated[int, Field(ge=1, le=31536000, json_schema_extra={"format": "int64"})] | None
    ) = Field(
        default=None,
        description=(
            "Seconds after which the stage is stopped, retries included. When absent: the profile's"
            " default."
        ),
    )
    env: Environment = Field(
        default={},
        max_length=MAX_VARIABLES,
        description=(
            "Environment variables of the stage by name, as text; at most 32. Nothing in a value is"
            " expanded. They are recorded and shown, so secrets are refused, and what Glovebox sets"
            " itself (`GLOVEBOX_*`, `AWS_*`, proxies) cannot be set."
        ),
    )
    secrets: StageSecrets = Field(
        default=(),
        description=(
            "Secrets that the profile offers, each key as an environment variable or as a file;"
            " at most 16. No other stage is given them, and no value is recorded or shown: the"
            " digest covers where they come from and which version was bound. When empty: none."
        ),
    )
    retries: int = Field(
        default=0,
        ge=0,
        le=100,
        json_schema_extra={"format": "int32"},
        description=(
            "How often each worker that failed is started again. One that was evicted, or whose"
            " node was lost, is started again without counting."
        ),
    )
    fail_on_exit_codes: tuple[ExitCode, ...] = Field(
        default=(),
        max_length=MAX_EXIT_CODES,
        json_schema_extra=list_set(),
        description=(
            "Exit codes (1 to 255) of the program that no retry can cure: the stage has failed"
            " with the first. When empty: each failure is retried."
        ),
    )
    resources: Annotated[dict[str, Quantity], SHORT_NAMES, _STAGE_RESOURCES] = Field(
        default={},
        max_length=16,
        description=(
            "What a pod of the stage needs, by resource, requested and limited alike: `cpu`"
            " (cores), `memory` (bytes), and accelerators and other extended resources by their"
            " name, such as `nvidia.com/gpu: 1`, where the profile offers them. Of `cpu` and"
            " `memory` a stage that names none gets the profile's default for containers. Local"
            " disk is `scratch`."
        ),
    )
    shared_memory: Quantity | None = Field(
        default=None,
        description=(
            "Size (bytes) of `/dev/shm`, through which the processes of a stage exchange data, as"
            " those of PyTorch's DataLoader do. It is memory: its limit is raised by as much,"
            " and the quota counts it. When absent: what the node's runtime gives, mostly 64 MiB."
        ),
    )
    scratch: Quantity | None = Field(
        default=None,
        description=(
            "Local disk (bytes) for what a pod of the stage writes: `/tmp`, where its home and its"
            " caches are, and its log; requested and limited alike. A pod that writes more is"
            " evicted. The size of its inputs comes on top. With `run.scratch` of the profile"
            " `/tmp` is a volume of this size instead. When absent: the profile's default for"
            " containers."
        ),
    )

    @property
    def extended_resources(self) -> dict[str, str]:
        """What it asks for beside processor and memory, by resource."""
        return {name: amount for name, amount in self.resources.items() if "/" in name}

    @property
    def attempts(self) -> int:
        """How many pods it can have until it has failed, those that were evicted apart."""
        return self.workers * (1 + self.retries)

    def reads(self, name: str, role: str | None) -> bool:
        """Whether the stage is given an input.

        Args:
            name: Of the input.
            role: Of the dataset; None for features.
        """
        return name in self.inputs if self.inputs else role not in TESTS


def _needs_stand_before(stages: tuple[Stage, ...]) -> bool:
    named: set[str] = set()
    for stage in stages:
        if not named.issuperset(stage.needs):
            return False
        named.add(stage.name)
    return True


_NEEDS_STAND_BEFORE: Final = (
    "!has(s.needs) || s.needs.all(n, self.exists(j, t, j < i && t.name == n))"
)
_NEEDS_LATER: Final = (
    "must name in `needs` of a stage nothing but stages that stand before it in the list: put the"
    " stages in the order in which they run"
)
# So there is no circle, and who reads the list from top to bottom sees what happens.
Stages = Annotated[
    tuple[Stage, ...],
    Checked[tuple[Stage, ...]](
        lambda stages: sum(stage.attempts for stage in stages) <= MAX_RUN_PODS,
        f"self.map(s, s.?workers.orValue(1) * (1 + s.?retries.orValue(0))).sum() <= {MAX_RUN_PODS}",
        f"must have at most {MAX_RUN_PODS} pods in all stages together, which are `workers` times"
        " one more than `retries`: of each pod the seal says what it was",
    ),
    Checked[tuple[Stage, ...]](
        _needs_stand_before,
        f"self.all(i, s, {_NEEDS_STAND_BEFORE})",
        _NEEDS_LATER,
        message_expression=naming(
            _NEEDS_LATER,
            "stage ",
            f"self.transformList(i, s, !({_NEEDS_STAND_BEFORE}), s.name)[0]",
        ),
    ),
]
