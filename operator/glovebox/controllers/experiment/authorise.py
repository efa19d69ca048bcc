"""Phase `authorise`: what other people have to consent to, before anything is bound.

What was bound stays: a grant that is withdrawn later ends no experiment. Inputs were authorised
when their pins were made; each check of a pin asks again.
"""

from __future__ import annotations

from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.store_access import require_artifacts
from glovebox.status.outcome import Outcome, done


async def authorise(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Refuse a store that is not granted to this namespace for artifacts."""
    resolved = outcomes.need("resolve", Resolved)
    if not scope.is_bound and resolved.store is not None:
        await require_artifacts(scope.ports, resolved.store, scope.experiment.namespace)
    return done()
