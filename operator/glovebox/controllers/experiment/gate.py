"""Phase `gate`: what is refused before anything exists.

A declaration whose run was started before, by an Experiment that this one was created again of, is
refused as well: see `earlier_runs.py`. Nothing here matters once the snapshot is taken.
"""

from __future__ import annotations

from typing import Final

from glovebox import names
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.stated_data import StatedData
from glovebox.controllers.experiment.bind import render_plan
from glovebox.controllers.experiment.earlier_runs import refuse_what_ran
from glovebox.controllers.experiment.pull_secret import check_sources
from glovebox.controllers.experiment.queue import require_queues
from glovebox.controllers.experiment.resolve import Resolved, with_secrets
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.experiment.stage_secrets import read_versions
from glovebox.controllers.provenance import assess_pin
from glovebox.controllers.run_work import JOB_SETS_MISSING, JOB_SETS_SECONDS
from glovebox.controllers.store_connections import encrypting_keys
from glovebox.controllers.team_budgets import check_team_budget
from glovebox.desired import refusals
from glovebox.desired.data_input import DataInput
from glovebox.desired.data_rules import check_data
from glovebox.desired.delivery_modes import check_deliverable
from glovebox.desired.inputs import ResolvedInput
from glovebox.desired.plan import Plan
from glovebox.desired.run_amounts import field_of
from glovebox.desired.run_resources import why_disk_never_fits
from glovebox.desired.stage_results import needed_prefixes, result_prefix
from glovebox.errors import InvalidInput, NotReady, Refused
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import DATASET_PIN, JOB_SET
from glovebox.kube.resources import Key
from glovebox.status.outcome import Outcome, done, skipped
from glovebox.store.credentials import session_policy

# As much as a ConfigMap holds, without its metadata.
PLAN_BYTES_MAX: Final = 1000 * 1024


async def check_gate(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Refuse what the profile, the store or the platform does not allow, and what is not held.

    Where stages are given secrets, it leaves what is to be bound, with their versions.
    """
    resolved = outcomes.need("resolve", Resolved)
    if scope.is_bound or resolved.profile is None or resolved.store is None:
        return done()
    if not outcomes.is_done("claim"):
        return skipped("claim")  # it could be deleted unseen, and what it got would stay
    plan = check_declared(scope, resolved)
    check_team_budget(scope.ports, scope.experiment, resolved.profile)
    await check_sources(scope, resolved)
    secrets = await read_versions(scope, resolved)
    await _require_job_sets(scope, plan)
    await require_queues(scope.ports, plan)
    await refuse_what_ran(scope, resolved.platform.store, plan)
    return done(with_secrets(scope, resolved, secrets)) if secrets else done()


def check_declared(scope: Scope, resolved: Resolved) -> Plan:
    """Return the plan of what nothing forbids, as far as no store has to be asked.

    Args:
        scope: The look; of its ports only what is known of resources is used.
        resolved: With the live profile and store.

    Raises:
        Refused: The first defect, with the field and the cure.
        NotReady: Sources of data were not read yet.
    """
    if resolved.profile is None or resolved.store is None:
        raise LookupError("what is not bound has its profile and its store")
    settings = scope.ports.settings
    refusals.check(
        scope.experiment,
        resolved.profile,
        resolved.store,
        scope.now,
        settings.image,
        settings.networks_never_reachable,
        settings.namespace,
    )
    platform = resolved.platform
    for each in platform.input_stores:
        refusals.check_store_reachable(
            each, "name pins of another store", settings.networks_never_reachable
        )
    # Sources, predecessors and references are followed only where the profile asks for them.
    rules = resolved.profile.spec.data
    asked = (rules.provenance, rules.compatibility, rules.distribution)
    is_asked = asked != ("None", "None", None)
    inputs = tuple(_data_input(scope, entry, is_asked=is_asked) for entry in resolved.datasets)
    check_data(resolved.profile, inputs, (platform.store, *platform.input_stores))
    mode = resolved.profile.spec.delivery.mode
    check_deliverable(mode, resolved.profile, resolved.datasets, scope.now)
    plan = render_plan(scope, resolved)
    _require_fitting(plan)
    _require_sessions(scope, resolved)
    # How much disk the inputs need is known by their pins alone.
    why = why_disk_never_fits(scope.experiment, resolved.profile, plan.stages)
    if why is not None:
        raise Refused(reasons.RUN_OUT_OF_RANGE, why)
    return plan


def _require_sessions(scope: Scope, resolved: Resolved) -> None:
    """Accept stages whose sessions can be issued: a policy holds so many prefixes.

    Raises:
        InvalidInput: `PolicyTooLong`, with the field where a stage needs others.
    """
    experiment, store = scope.experiment, resolved.platform.store
    role = store.spec.sts.role_arn if store.spec.sts is not None else ""
    keys = encrypting_keys(scope.ports, store)
    for stage in experiment.spec.stages:
        others = tuple(needed_prefixes(experiment, stage).values())
        own = result_prefix(experiment, stage)
        try:
            session_policy(store.spec.artifacts.bucket, own, role, keys, others)
        except InvalidInput as error:
            if not others:
                raise
            raise InvalidInput(
                error.reason,
                f"{field_of(stage, 'needs')}: {error.message} (the names of the Experiment and of"
                " the stages), or let the stage need fewer others",
            ) from None


async def _require_job_sets(scope: Scope, plan: Plan) -> None:
    """Accept a run of several stages or workers where the cluster has what makes them.

    Raises:
        NotReady: `JobSetMissing`: looked for again, as nothing tells when it is installed.
        GloveboxError: No answer.
    """
    if plan.run is None or plan.run["kind"] != JOB_SET.kind:
        return
    try:
        async for _ in scope.ports.reader.pages(JOB_SET):
            break
    except NotFound:
        raise NotReady(
            reasons.JOB_SET_MISSING, JOB_SETS_MISSING, retry_seconds=JOB_SETS_SECONDS
        ) from None


def _require_fitting(plan: Plan) -> None:
    """Accept plans of inputs that fit into one ConfigMap, which holds one for each stage.

    Raises:
        Refused: `InvalidSpec`.
    """
    named = (obj for obj in plan.isolation if obj["metadata"]["name"] == names.INPUTS_CONFIG_MAP)
    size = sum(len(text.encode()) for obj in named for text in obj["data"].values())
    if size > PLAN_BYTES_MAX:
        raise Refused(
            reasons.INVALID_SPEC,
            f"what the fetchers of all stages have to know of the inputs takes {size} bytes, more"
            f" than the {PLAN_BYTES_MAX} of one ConfigMap: give large feature sets, by the `inputs`"
            " of the stages, to fewer of them",
        )


def _data_input(scope: Scope, entry: ResolvedInput, *, is_asked: bool) -> DataInput:
    """Return an input with what its pin said when it was resolved, which is what is recorded."""
    key = Key(DATASET_PIN.kind, *entry.place(scope.experiment.namespace))
    pin = scope.ports.resources.parsed(key, DatasetPin) if is_asked else None
    return DataInput(
        name=entry.name,
        pin=entry.pin_name,
        role=entry.role or "",
        stated=entry.stated or StatedData(),
        now=scope.now,
        # The words for what is missing, as it is now.
        gaps=assess_pin(scope.ports, pin).gaps if pin is not None else (),
        evolution=pin.status.evolution if pin is not None else None,
        distribution=pin.spec.distribution if pin is not None else None,
        compared=pin.status.distribution if pin is not None else None,
    )
