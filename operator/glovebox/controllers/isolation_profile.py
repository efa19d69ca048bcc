"""An IsolationProfile: only read; Ready says that the operator understands it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.controllers.looking import Look, invalid_spec
from glovebox.controllers.ports import Ports
from glovebox.desired.profile_defects import check_profile
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import ISOLATION_PROFILE
from glovebox.kube.resources import Key
from glovebox.status.builder import StatusBuilder
from glovebox.status.outcome import Outcome, done, of_error
from glovebox.status.summary import summarise

KIND: Final = ISOLATION_PROFILE.kind
CONDITIONS: Final = (types.READY,)
_READY: Final = (reasons.READY, "Experiments may choose this profile")


async def reconcile(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Check what the API server's rules cannot: defaults lie in their ranges and limits agree."""
    if obj["metadata"].get("deletionTimestamp"):
        return Look(obj, None)
    metadata = obj["metadata"]
    builder = StatusBuilder(
        obj.get("status"), metadata.get("generation", 0), CONDITIONS, ports.now()
    )
    summarise(builder, _check(obj), (), _READY)
    return Look(obj, builder.render())


def _check(obj: Mapping[str, Any]) -> Outcome:
    try:
        check_profile(IsolationProfile.model_validate(obj))
    except ValidationError as error:
        return of_error(invalid_spec(error))
    except GloveboxError as error:
        return of_error(error)
    return done()


def forget(ports: Ports, key: Key, uid: str) -> None:
    """Nothing is remembered of a profile."""
    del ports, key, uid
