"""An IsolationProfile: nothing is made of it, it is only read; Ready says that the operator understands it."""

from __future__ import annotations

from typing import Any

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.controllers.world import DONE, Result, World
from glovebox.desired.profile_defects import check_profile
from glovebox.kube.kinds import ISOLATION_PROFILE
from glovebox.kube.resources import Key
from glovebox.status.draft import Draft

KIND = ISOLATION_PROFILE.kind
LASTING = (types.READY,)
REQUIRED: tuple[str, ...] = ()
READY = (reasons.READY, "Experiments may choose this profile")


async def arrange(world: World, obj: dict[str, Any], draft: Draft) -> Result:
    """Check what the API server's rules cannot: that defaults lie in their ranges and limits agree with each other."""
    del world, draft
    check_profile(IsolationProfile.model_validate(obj))
    return DONE


def forget(world: World, key: Key) -> None:
    """Nothing is remembered of a profile."""
    del world, key
