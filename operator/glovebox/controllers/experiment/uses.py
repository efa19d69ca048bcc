"""Phase `uses`: a use of each grant is taken, last of all before the binding.

What decides is the store (`store/grant_uses.py`), where one writer wins each number: two
Experiments that race for the last use, two replicas, a lost answer, a process that dies between the
use and the binding, and a cluster that was restored since, all come to the same count. An
Experiment takes one use of a grant, ever, whatever becomes of it.
"""

from __future__ import annotations

from datetime import datetime

from glovebox.api import reasons
from glovebox.api.access_grant import GrantUse
from glovebox.api.input_status import MAX_GRANTS, InputGrant, InputStatus
from glovebox.controllers.experiment.bind import render_plan
from glovebox.controllers.experiment.grants import require_live
from glovebox.controllers.experiment.overlap_grants import with_overlap
from glovebox.controllers.experiment.resolve import to_bind
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.grant_records import known_uses, note_uses, open_records
from glovebox.desired.grants import used_up
from glovebox.errors import Refused
from glovebox.kube.kinds import ACCESS_GRANT
from glovebox.kube.resources import Key
from glovebox.status.experiment_facts import GrantFacts, LeakageFacts
from glovebox.status.outcome import Outcome, done
from glovebox.status.text import format_time
from glovebox.store.connection import Stop
from glovebox.store.grant_uses import UseRecord, take_use, uses_folder


async def take_uses(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Return the inputs with the uses that were taken (`GrantFacts`).

    Raises:
        Refused: `GrantUsedUp`: others have all uses; or the grant is not in force any more; or the
            inputs need more of them than are counted for one Experiment.
        NotReady: The store of the records is not ready.
        GloveboxError: The store or the API server does not answer; the next look finds what was
            taken.
    """
    resolved = to_bind(outcomes)
    compared = outcomes.facts("leakage", LeakageFacts)
    bound = with_overlap(resolved.bound, compared.grants if compared is not None else ())
    if scope.is_bound or not any(entry.grants for entry in bound):
        return done()
    wanted = {_counted(entry, each) for entry in bound for each in entry.grants}
    if len(wanted) > MAX_GRANTS:
        raise Refused(
            reasons.NOT_GRANTED,
            f"the inputs take {len(wanted)} uses of AccessGrants, and at most {MAX_GRANTS} are"
            " counted for one Experiment: use fewer such inputs, or have them pinned as one",
        )
    sheet = compared.rows if compared is not None else ()
    digest = render_plan(scope, resolved, sheet).digest
    taken: dict[tuple[str, str], int] = {}
    for entry in bound:
        for grant in entry.grants:
            if _counted(entry, grant) not in taken:
                use = await _take(scope, entry, grant, digest)
                taken[_counted(entry, grant)] = use.use
    return done(GrantFacts(tuple(_with_uses(entry, taken) for entry in bound)))


def _counted(entry: InputStatus, grant: InputGrant) -> tuple[str, str]:
    """Return what one use is counted of: a grant, and the content that it grants."""
    return grant.grant_ref, grant.content_root or entry.digest


def _with_uses(entry: InputStatus, taken: dict[tuple[str, str], int]) -> InputStatus:
    grants = tuple(
        grant.model_copy(update={"use": taken[_counted(entry, grant)]}) for grant in entry.grants
    )
    return entry.model_copy(update={"grants": grants}) if grants else entry


async def _take(scope: Scope, entry: InputStatus, grant: InputGrant, digest: str) -> UseRecord:
    ports, experiment = scope.ports, scope.experiment
    # Whatever the watch has not told yet: from the binding on nobody asks again.
    await require_live(ports, grant, ports.now())
    connection, bucket = await open_records(ports, grant.store_ref)
    folder = uses_folder(*_counted(entry, grant))
    wanted = UseRecord(
        grant_uid=grant.uid,
        grant_digest=grant.digest,
        experiment=f"{experiment.namespace}/{experiment.name}",
        uid=experiment.uid,
        digest=digest,
        time=format_time(ports.now()),
    )
    known = known_uses(ports, folder)

    def take(stop: Stop) -> tuple[UseRecord | None, dict[int, UseRecord]]:
        return take_use(connection, bucket, folder, grant.uses, wanted, known, stop)

    async with ports.metrics.on_store("take_use"):
        use, taken = await connection.run_job(take)
    note_uses(ports, folder, taken.values())
    namespace, _, name = grant.grant_ref.partition("/")
    ports.wake(Key(ACCESS_GRANT.kind, namespace, name))
    if use is None:
        said = used_up(grant.grant_ref, experiment.namespace, map(shown_use, taken.values()))
        raise Refused(reasons.GRANT_USED_UP, f"input `{entry.name}`: {said}")
    return use


def shown_use(record: UseRecord) -> GrantUse:
    """Return a use as a status shows it."""
    return GrantUse(
        use=record.use,
        experiment=record.experiment,
        uid=record.uid,
        digest=record.digest,
        time=datetime.fromisoformat(record.time),
    )
