"""Phase `bind`: the identity of the experiment, recorded before anything is created.

The digest, the inputs and the platform's settings are written to the status in a request of their
own; from then on the API server freezes the spec. It is never a by-product of something that
failed: either the record is there and everything later starts from it, or nothing was created.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from glovebox import names
from glovebox.api import reasons
from glovebox.api.delivery_mode import DeliveryMode
from glovebox.api.leakage_status import LeakStatus
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.experiment.resolve import Resolved, to_bind
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.remembered import remember
from glovebox.controllers.team_budgets import claimed
from glovebox.desired.as_bound import plan_as_bound
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.leakage import recorded_sheet, sheet_text
from glovebox.desired.plan import Plan, desired_objects
from glovebox.desired.snapshot import purpose_text, recorded_input, recorded_purpose
from glovebox.errors import InvalidInput
from glovebox.kube.kinds import NAMESPACE
from glovebox.kube.objects import ObjectKey
from glovebox.status.experiment import compute_bound_status, compute_recreating_status
from glovebox.status.experiment_facts import GrantFacts, LeakageFacts
from glovebox.status.outcome import Outcome, done, of_error
from glovebox.status.text import format_time

# Plans are some ten kilobytes each.
_REMEMBERED: Final = 256


async def bind(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Return the plan; record its digest where none is recorded yet.

    Raises:
        InvalidInput: `SnapshotDiffers`: what is declared is not what was bound.
        Conflict: Somebody wrote in between.
    """
    resolved = to_bind(outcomes)
    compared = outcomes.facts("leakage", LeakageFacts)  # a deletion compares nothing
    sheet = compared.rows if compared is not None else ()
    granted = outcomes.facts("uses", GrantFacts)
    if granted is not None:
        resolved = replace(resolved, bound=granted.inputs)
    plan = render_plan(scope, resolved, sheet)
    status = scope.experiment.status
    if status.digest:
        if scope.as_bound is not None:
            plan = plan_as_bound(plan, scope.as_bound.snapshot)
        elif plan.digest != status.digest:
            raise InvalidInput(
                reasons.SNAPSHOT_DIFFERS,
                f"what is declared has the digest {plan.digest}, the snapshot {status.digest}: a"
                " frozen field was changed past the API server's rules; restore it, or create a"
                " new Experiment",
            )
        return done(plan, obj=await _record_intention(scope))
    fields = {
        "digest": plan.digest,
        "boundTime": format_time(scope.now),
        "namespace": scope.namespace,
        "platform": resolved.platform_text,
        "platformImage": scope.ports.settings.image or None,
        "deliveryMode": _mode(scope, resolved) if resolved.datasets else None,
        "inputs": [recorded_input(entry) for entry in resolved.bound],
        "purpose": recorded_purpose(scope.experiment.spec.purpose),
        "leakage": recorded_sheet(sheet) or None,
    }
    # As it was looked at by the gate: only then is it what is bound.
    profile = resolved.profile or resolved.platform.profile
    with claimed(scope.ports, scope.experiment, profile) as counted:
        fields["teamBudget"] = dict(counted) or None
        bound = compute_bound_status(scope.obj, fields, resolved.inputs_verified, scope.now)
        answer = await scope.ports.writer.write_status(scope.obj, bound)
    if (answer.get("status") or {}).get("platform") != resolved.platform_text:
        # A field that the API server does not know is dropped without a word.
        problem = InvalidInput(
            reasons.INTERNAL_ERROR,
            "the installed CRD of Experiment is older than this operator and does not keep"
            " `status.platform`: apply the chart's CRDs, then create a new Experiment",
        )
        return replace(of_error(problem), obj=answer)
    return done(plan, obj=answer)


async def _record_intention(scope: Scope) -> Mapping[str, Any] | None:
    """Take back what the next phases make untrue, before they do it; None where nothing is.

    That the namespace was closed goes before it is opened again. Its UID goes before another one is
    created in its place: from then on the label says whose the new one is, and a deletion that
    comes before its UID is recorded closes it like any other.
    """
    status = scope.experiment.status
    opens = scope.is_open and status.state not in {"", names.STATE_OPEN}
    recorded = bool(status.namespace_uid) and not scope.experiment.is_deleting
    recreates = recorded and await _is_gone(scope)
    if not opens and not recreates:
        return None
    status_now = dict(scope.obj.get("status") or {})
    if recreates:
        status_now = compute_recreating_status(scope.obj, scope.now)
    if opens:
        status_now.pop("state", None)
    return await scope.ports.writer.write_status(scope.obj, status_now)


async def _is_gone(scope: Scope) -> bool:
    """Whether there is no namespace of that name.

    One that merely lost its labels is not seen by any watch, and is told by its UID alone.
    """
    key = ObjectKey(NAMESPACE.kind, scope.namespace, scope.namespace)
    if scope.ports.children.get(key) is not None:
        return False
    return await read_or_absent(scope.ports, NAMESPACE, None, scope.namespace) is None


def render_plan(scope: Scope, resolved: Resolved, sheet: tuple[LeakStatus, ...] = ()) -> Plan:
    """Return all that must exist; remembered by what it is rendered from."""
    sheet = scope.experiment.status.leakage or sheet
    plans, key = scope.ports.plans, (scope.experiment.uid, *_versions(scope, resolved), sheet)
    plan = plans.get(key) or _render(scope, resolved, sheet)
    remember(plans, key, plan, _REMEMBERED)
    return plan


def _versions(scope: Scope, resolved: Resolved) -> tuple[object, ...]:
    experiment = scope.experiment
    return (
        experiment.metadata.generation,
        scope.as_bound is not None,
        scope.state,
        scope.namespace,
        experiment.status.digest,
        experiment.status.platform_image or scope.ports.settings.image,
        resolved.platform_text,
        resolved.bound,
        tuple(item.document is None for item in resolved.inputs),
    )


def _render(scope: Scope, resolved: Resolved, sheet: tuple[LeakStatus, ...]) -> Plan:
    status = scope.experiment.status
    image = status.platform_image if status.digest else scope.ports.settings.image
    return desired_objects(
        ExperimentInputs(
            experiment=scope.experiment,
            profile=resolved.platform.profile,
            store=resolved.platform.store,
            inputs=resolved.inputs,
            namespace=scope.namespace,
            state=scope.state,
            platform_image=image,
            input_stores=resolved.platform.input_stores,
            delivery_mode=_mode(scope, resolved),
            operator_namespace=scope.ports.settings.namespace,
            platform_text=resolved.platform_text,
            bound=resolved.bound,
            # As it was bound: a purpose that is edited later changes nothing here.
            purpose_text=purpose_text(status.purpose or scope.experiment.spec.purpose),
            leakage_text=sheet_text(sheet),
            never_reachable=scope.ports.settings.networks_never_reachable,
            secrets=resolved.platform.secrets,
        )
    )


def _mode(scope: Scope, resolved: Resolved) -> DeliveryMode:
    status = scope.experiment.status
    if status.digest:
        return status.delivery_mode or "Fetch"
    return resolved.platform.profile.spec.delivery.mode
