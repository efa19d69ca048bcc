"""An IsolationProfile: only read; Ready says that the operator understands it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from glovebox.api.isolation_profile import IsolationProfile
from glovebox.controllers.looking import Look, invalid_spec
from glovebox.controllers.ports import Ports
from glovebox.controllers.pull_secrets import REREAD_SECONDS, render_pull_secret
from glovebox.desired.profile_defects import check_profile
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import ISOLATION_PROFILE
from glovebox.kube.resources import Key
from glovebox.status.isolation_profile import compute_status
from glovebox.status.outcome import Outcome, Verdict, done, of_error
from glovebox.status.summary import holds_back

KIND: Final = ISOLATION_PROFILE.kind
_PULL_SECRETS: Final = "pull_secrets"
# What it waits for is looked for so often, for all who wait for it: its condition wakes them.
_MISSING_SECONDS: Final = 10.0


async def reconcile(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Check what the API server's rules cannot.

    Defaults lie in their ranges, limits agree, and the Secrets that it names are there.
    """
    if obj["metadata"].get("deletionTimestamp"):
        return Look(obj, None)
    key = Key.of(obj)
    outcome = await _check(ports, obj)
    if not outcome.is_failed:
        ports.failures.clear(key, _PULL_SECRETS)
        status = compute_status(obj, outcome, ports.now())
        waits = outcome.verdict is Verdict.WAITING
        return Look(obj, status, retry_seconds=_MISSING_SECONDS if waits else outcome.retry_seconds)
    outcome = outcome.with_failure(*ports.failures.note(key, _PULL_SECRETS))
    if holds_back(obj, outcome, ports.grace):
        return Look(obj, None, error=outcome.error)
    return Look(obj, compute_status(obj, outcome, ports.now()), error=outcome.error)


async def _check(ports: Ports, obj: Mapping[str, Any]) -> Outcome:
    settings = ports.settings
    try:
        profile = IsolationProfile.model_validate(obj)
        check_profile(profile, settings.networks_never_reachable, settings.namespace)
        if profile.spec.image_pull_secrets:
            await render_pull_secret(ports, profile, {})
            return done(retry_seconds=REREAD_SECONDS)
    except ValidationError as error:
        return of_error(invalid_spec(error))
    except GloveboxError as error:
        return of_error(error)
    return done()


def forget(ports: Ports, key: Key, uid: str) -> None:
    """Drop what is remembered of a profile that is gone."""
    del uid
    ports.failures.forget(key)
