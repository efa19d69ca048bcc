"""Phase `pull_secret`: what opens the registries of the images, for the kubelet alone.

Before anything is created the Secrets that the profile names have to be there (`check_sources`).
Afterwards one Secret in the experiment's namespace holds what they hold: it is looked at with every
look, and written again when the sources changed or somebody changed it (`copied_secret.py`).

A source that is gone takes nothing away: the last that it said stays until the platform says
something else.
"""

from __future__ import annotations

from glovebox import names
from glovebox.controllers.experiment.copied_secret import read_copy, why_not_copied, write_copy
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.experiment.session_secret import session_metadata
from glovebox.controllers.pull_secrets import REREAD_SECONDS, render_pull_secret
from glovebox.desired.pull_secret import is_as_wanted, is_as_written
from glovebox.errors import NotReady
from glovebox.kube.kinds import SECRET
from glovebox.kube.objects import ObjectKey
from glovebox.status.experiment_facts import PullSecretFacts
from glovebox.status.outcome import Outcome, done


async def check_sources(scope: Scope, resolved: Resolved) -> None:
    """Return when every Secret that the profile names is there and says what it has to.

    Raises:
        NotReady: One is not.
        GloveboxError: The API server failed.
    """
    profile = resolved.platform.profile
    if profile.spec.image_pull_secrets:
        await render_pull_secret(scope.ports, profile, {})


async def ensure_pull_secret(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Keep the Secret in an open namespace; from a closed one it was taken with the others.

    Raises:
        NotReady: A source is missing, and there is no copy of what it held.
        GloveboxError: The API server failed.
    """
    resolved = outcomes.need("resolve", Resolved)
    profile = resolved.platform.profile
    if not profile.spec.image_pull_secrets or not scope.is_open:
        return done()
    early = why_not_copied(outcomes, "what opens the registries")
    if early is not None:
        return early
    key = ObjectKey(SECRET.kind, scope.namespace, names.PULL_SECRET)
    live = await read_copy(scope, outcomes, key)
    is_whole = live is not None and is_as_written(live)
    try:
        metadata = session_metadata(scope.experiment, key)
        wanted = await render_pull_secret(scope.ports, profile, metadata)
    except NotReady as error:
        if not is_whole:
            raise
        problem = f"what opens the registries stays as it is: {error.message}"
        return done(PullSecretFacts(problem), retry_seconds=error.retry_seconds)
    if live is not None and is_as_wanted(live, wanted):
        return done(retry_seconds=REREAD_SECONDS)
    applied = await write_copy(scope, outcomes, key, wanted, live, is_whole=is_whole)
    return done(applied=applied, retry_seconds=REREAD_SECONDS)
