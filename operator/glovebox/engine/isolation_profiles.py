"""An IsolationProfile: nothing is made of it, it is only read; Ready says that the operator understands it."""

from __future__ import annotations

from typing import Any

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.desired import quantity
from glovebox.engine.world import DONE, Result, World
from glovebox.errors import InvalidInput
from glovebox.kube.kinds import ISOLATION_PROFILE
from glovebox.observe.resources import Key
from glovebox.status.draft import Draft

KIND = ISOLATION_PROFILE.kind
LASTING = (types.READY,)
REQUIRED: tuple[str, ...] = ()
READY = (reasons.READY, "Experiments may choose this profile")


async def arrange(world: World, obj: dict[str, Any], draft: Draft) -> Result:
    """Check what the API server's rules cannot: that each default lies inside its range."""
    del world, draft
    profile = IsolationProfile.model_validate(obj)
    for entry in profile.spec.quota:
        where = f"`spec.quota[{entry.resource}]`"
        if quantity.compare(entry.default, entry.maximum) > 0:
            raise InvalidInput(
                reasons.PROFILE_INVALID, f"{where}: `default` {entry.default} must not be more than `maximum` {entry.maximum}"
            )
        if entry.minimum is not None and quantity.compare(entry.default, entry.minimum) < 0:
            raise InvalidInput(
                reasons.PROFILE_INVALID, f"{where}: `default` {entry.default} must not be less than `minimum` {entry.minimum}"
            )
    return DONE


def forget(world: World, key: Key) -> None:
    """Nothing is remembered of a profile."""
    del world, key
