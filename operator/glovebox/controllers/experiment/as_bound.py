"""Goes on with what was bound, where an Experiment's declaration cannot be read, or is not that.

Its spec may be older or newer than this version of the operator, or was changed past the API
server's rules. What was bound lies in its namespace. Where it does not, nobody can say what is to
be kept: then access is closed, and no condition says that anything is as declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.experiment.freeze import take
from glovebox.controllers.experiment.namespace import may_delete
from glovebox.controllers.experiment.scope import Scope
from glovebox.controllers.ports import Ports
from glovebox.desired.as_bound import AsBound, experiment_as_bound
from glovebox.desired.bound_snapshot import read_snapshot
from glovebox.errors import Conflict, InvalidInput
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import CONFIG_MAP, NAMESPACE, ROLE_BINDING
from glovebox.kube.objects import ObjectKey
from glovebox.status.outcome import Outcome, of_error


async def scope_as_bound(
    ports: Ports, obj: Mapping[str, Any], problem: InvalidInput
) -> Scope | None:
    """Return a look at an Experiment as it was bound; None where nobody knows how that was.

    Args:
        ports: The outside world.
        obj: The Experiment, bound.
        problem: Why what it declares does not count.

    Raises:
        Conflict: One answer says that the snapshot is not there, and the watch says otherwise.
        GloveboxError: It could not be read.
    """
    status = obj["status"]
    namespace = status["namespace"]
    try:
        config_map = await ports.reader.get(CONFIG_MAP, namespace, names.SNAPSHOT_CONFIG_MAP)
    except NotFound:
        key = ObjectKey(CONFIG_MAP.kind, namespace, names.SNAPSHOT_CONFIG_MAP)
        if ports.children.get(key) is None:
            return None
        raise Conflict(
            reasons.CONFLICT, f"the snapshot in `{namespace}` was not found: looking again"
        ) from None
    try:
        snapshot = read_snapshot(config_map)
        if snapshot.digest != status["digest"]:
            return None
        bound = AsBound(snapshot, problem)
        experiment = experiment_as_bound(bound, obj)
    except (InvalidInput, ValidationError, KeyError, TypeError):
        return None
    return Scope(ports, obj, experiment, ports.now(), as_bound=bound)


def kept_as_bound(bound: AsBound) -> Outcome:
    """Return what a look says of a declaration that does not count."""
    problem = bound.problem
    message = f"{problem.message}; until then what was bound is kept, followed and sealed"
    return of_error(InvalidInput(problem.reason, message))


async def close_unkept(ports: Ports, obj: Mapping[str, Any]) -> None:
    """Take the team's access to a namespace that nobody can keep as it was bound.

    What runs is left to run, with credentials that end by themselves. What is closed for good stays
    as it is: no pod starts there.

    Raises:
        GloveboxError: The API server failed; calling again is safe.
    """
    status = obj["status"]
    if status.get("state") == names.STATE_SEALED:
        return
    live = await read_or_absent(ports, NAMESPACE, None, status["namespace"])
    if live is None:
        return
    if may_delete(status.get("namespaceUid") or "", obj["metadata"]["uid"], live):
        key = ObjectKey(ROLE_BINDING.kind, status["namespace"], names.TENANT_ROLE_BINDING)
        await take(ports, ROLE_BINDING, key)
