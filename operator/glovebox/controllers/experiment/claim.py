"""Phase `claim`: the finalizer. Nothing begins without it; what is bound goes on without."""

from __future__ import annotations

from glovebox import names
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.errors import Conflict
from glovebox.status.outcome import Outcome, done, skipped


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


async def check_present(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Go no further with an Experiment that is gone, or another one by now.

    One that is bound goes on where the finalizer is refused. But who is told, when it is put on,
    that somebody wrote in between or that nothing is there, knows nothing of what is to be.
    """
    del scope
    return skipped("claim") if isinstance(outcomes["claim"].error, Conflict) else done()
