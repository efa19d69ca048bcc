"""An IsolationProfile: only read; Ready says that the operator understands it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from glovebox.api.isolation_profile import IsolationProfile
from glovebox.controllers.looking import Look, invalid_spec
from glovebox.controllers.ports import Ports
from glovebox.desired.profile_defects import check_profile
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import ISOLATION_PROFILE
from glovebox.kube.resources import Key
from glovebox.status.isolation_profile import compute_status
from glovebox.status.outcome import Outcome, done, of_error

KIND: Final = ISOLATION_PROFILE.kind


async def reconcile(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Check what the API server's rules cannot: defaults lie in their ranges and limits agree."""
    if obj["metadata"].get("deletionTimestamp"):
        return Look(obj, None)
    return Look(obj, compute_status(obj, _check(ports, obj), ports.now()))


def _check(ports: Ports, obj: Mapping[str, Any]) -> Outcome:
    try:
        profile = IsolationProfile.model_validate(obj)
        check_profile(profile, ports.settings.networks_never_reachable)
    except ValidationError as error:
        return of_error(invalid_spec(error))
    except GloveboxError as error:
        return of_error(error)
    return done()


def forget(ports: Ports, key: Key, uid: str) -> None:
    """Drop what is remembered of a profile that is gone."""
    del uid
    ports.failures.forget(key)
