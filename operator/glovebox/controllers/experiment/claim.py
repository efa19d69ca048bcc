"""Phase `claim`: the finalizer. Nothing begins without it; what is bound goes on without."""

from __future__ import annotations

from glovebox import names
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.status.outcome import Outcome, done


async def claim(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Make sure that deletion has to pass by here.

    Raises:
        Conflict: Somebody wrote in between.
    """
    del outcomes
    metadata = scope.experiment.metadata
    if names.FINALIZER in metadata.finalizers:
        return done()
    finalizers = [*metadata.finalizers, names.FINALIZER]
    answer = await scope.ports.writer.write_finalizers(scope.obj, finalizers)
    return done(obj=answer)
