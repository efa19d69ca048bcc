"""Phase `namespace`: the experiment's own namespace, and whether it was recorded as complete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.desired.plan import Plan
from glovebox.errors import NotReady, Refused
from glovebox.kube.kinds import NAMESPACE
from glovebox.kube.objects import key_of
from glovebox.status.experiment_facts import NamespaceFacts
from glovebox.status.outcome import Outcome, done


async def ensure_namespace(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Create the namespace, or hold the one of that name that is this experiment's own.

    Raises:
        Refused: Somebody else's namespace has the name; it is left untouched.
        NotReady: It is being deleted.
    """
    plan = outcomes.need("bind", Plan)
    key = key_of(NAMESPACE, plan.namespace)
    status = scope.experiment.status
    # Freezing, going on and sealing change objects on purpose: what differs then is no drift.
    same_state = status.state == scope.state
    # Some labels and annotations come from fields that are free to edit: likewise.
    same_spec = status.observed_generation == scope.experiment.metadata.generation
    known = scope.ports.children.get(key)
    # One that was recorded as complete and is missing now was deleted.
    complete = status.provisioned.namespace_uid if status.provisioned is not None else ""
    latched = scope.is_latched(known.uid if known is not None else complete)
    news = scope.ports.children.news_of(key.name)
    applied = await scope.ports.writer.ensure(
        plan.namespace,
        established=latched and same_state and same_spec,
        owns=lambda live: check_own(scope.experiment, live),
    )
    child = scope.ports.children.get(key)
    if child is None or child.leaving:
        raise NotReady(
            reasons.NAMESPACE_TERMINATING,
            f"namespace `{key.name}` is being deleted; it is recreated when it is gone",
        )
    latched = scope.is_latched(child.uid)
    untouched = applied.result == "created" and scope.ports.children.news_of(key.name) == news
    facts = NamespaceFacts(
        child.uid,
        latched=latched,
        established=latched and same_state,
        made=scope.ports.children.version_of(key.name) if untouched else None,
    )
    return done(facts, applied=(applied,))


def is_own(experiment: Experiment, live: Mapping[str, Any]) -> bool:
    """Return whether a namespace is this experiment's own, and not another's of that name."""
    recorded = live["metadata"]["uid"] == experiment.status.namespace_uid
    return recorded or _is_labelled_for(experiment.uid, live)


async def is_there(scope: Scope) -> bool:
    """Return whether the experiment's own namespace is what has its name now, by a live read.

    Raises:
        Unavailable: No answer.
    """
    live = await read_or_absent(scope.ports, NAMESPACE, None, scope.namespace)
    return live is not None and is_own(scope.experiment, live)


def check_own(experiment: Experiment, live: Mapping[str, Any]) -> None:
    """Refuse a namespace that is not this experiment's own.

    Raises:
        Refused: `NamespaceTaken`.
    """
    if not is_own(experiment, live):
        raise Refused(
            reasons.NAMESPACE_TAKEN,
            f"namespace `{live['metadata']['name']}` exists and was not made for this Experiment;"
            " it is left untouched. Rename or remove that namespace, or give the Experiment another"
            " name",
        )


def may_delete(recorded_uid: str, experiment_uid: str, live: Mapping[str, Any]) -> bool:
    """Return whether a namespace may be closed or deleted for an experiment that goes.

    The UID that was recorded decides, whatever labels another namespace of that name bears; the
    label counts only before a UID was recorded.
    """
    if recorded_uid:
        return bool(live["metadata"]["uid"] == recorded_uid)
    return _is_labelled_for(experiment_uid, live)


def _is_labelled_for(experiment_uid: str, live: Mapping[str, Any]) -> bool:
    """Return whether the operator created a namespace for an experiment: only it may set the label.

    For what is kept, this counts also where another UID is recorded: the operator recreated it, and
    its answer was lost.
    """
    labels = live["metadata"].get("labels") or {}
    return bool(labels.get(names.LABEL_EXPERIMENT_UID) == experiment_uid)
