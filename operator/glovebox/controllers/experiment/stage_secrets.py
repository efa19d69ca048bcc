"""Phase `stage_secrets`: what the stages of the run are given of the platform's secrets.

Before anything is created each Secret has to be there, and its version is bound (`read_versions`).
Afterwards one Secret in the experiment's namespace holds the keys that stages name, made of the
versions that were bound. It does not follow its sources: what a run was given stays, and one that
has to be copied again once a source was written is refused, because it would be another one.
"""

from __future__ import annotations

from glovebox import names
from glovebox.controllers.experiment.copied_secret import read_copy, why_not_copied, write_copy
from glovebox.controllers.experiment.given_secrets import note_given
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.experiment.session_secret import session_metadata
from glovebox.controllers.pull_secrets import REREAD_SECONDS
from glovebox.controllers.stage_secrets import read_sources
from glovebox.desired.stage_secrets import (
    asked_secrets,
    check_versions,
    is_as_bound,
    offered_secrets,
    stage_secrets,
    version_of,
)
from glovebox.kube.kinds import SECRET
from glovebox.kube.objects import ObjectKey
from glovebox.status.outcome import Outcome, done


async def read_versions(scope: Scope, resolved: Resolved) -> dict[str, str]:
    """Return the version of each secret that stages ask for, by the name of the profile.

    Raises:
        NotReady: One is not there, may not be read, or does not hold what it has to.
        GloveboxError: The API server failed.
    """
    offered = offered_secrets(resolved.platform.profile, asked_secrets(scope.experiment))
    sources = await read_sources(scope.ports, offered, scope.experiment.namespace)
    stage_secrets({}, scope.experiment.spec.stages, offered, sources)
    return {name: version_of(source) for name, source in sources.items()}


async def ensure_stage_secrets(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Keep the Secret in an open namespace; from a closed one it was taken with the others.

    Raises:
        InvalidInput: `SecretChanged`: there is no copy, and a source is not what was bound.
        NotReady: There is no copy, and a source is missing.
        GloveboxError: The API server failed.
    """
    asked = asked_secrets(scope.experiment)
    if not asked or not scope.is_open:
        return done()
    early = why_not_copied(outcomes, "what stages are given of secrets")
    if early is not None:
        return early
    # As it is recorded: the look that binds resolved it before the versions were read.
    platform = scope.platform
    key = ObjectKey(SECRET.kind, scope.namespace, names.STAGE_SECRETS)
    metadata = session_metadata(scope.experiment, key)
    live = await read_copy(scope, outcomes, key)
    if live is not None and is_as_bound(live, metadata["labels"], platform.secrets):
        note_given(scope.ports, scope.key, live)
        return done(retry_seconds=REREAD_SECONDS)
    team = scope.experiment.namespace
    offered = offered_secrets(platform.profile, asked)
    sources = await read_sources(scope.ports, offered, team)
    check_versions(team, offered, sources, platform.secrets)
    wanted = stage_secrets(metadata, scope.experiment.spec.stages, offered, sources)
    # Before it is there: whoever reads a log at that moment has to know it.
    note_given(scope.ports, scope.key, wanted)
    applied = await write_copy(scope, outcomes, key, wanted, live, is_whole=False)
    return done(applied=applied, retry_seconds=REREAD_SECONDS)
