"""Whether the profile's delivery mode works for these datasets; it needs the pins to see."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from glovebox.api import reasons
from glovebox.api.delivery_mode import DeliveryMode
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.desired.inputs import ResolvedInput
from glovebox.desired.refusals import within
from glovebox.errors import Refused

_PLAIN: Final = re.compile(r"[A-Za-z0-9!_.()/=@+-]*")


def check_deliverable(
    mode: DeliveryMode,
    profile: IsolationProfile,
    datasets: tuple[ResolvedInput, ...],
    now: datetime,
) -> None:
    """Return when every dataset can be delivered in this mode.

    Args:
        mode: The mode of the profile, or the one that the Experiment was bound to.
        profile: Its settings.
        datasets: The inputs that are datasets.
        now: Approvals of images end.

    Raises:
        Refused: `DeliveryUnavailable`, or `ImageNotApproved`; with the input and the cure.
    """
    by = f"IsolationProfile {profile.name}"
    settings = profile.spec.delivery
    if datasets and (
        (mode == "Cache" and settings.cache is None) or (mode == "CSI" and settings.csi is None)
    ):
        what = (
            f"{by} no longer has `spec.delivery.{mode.lower()}`, which this Experiment was bound to"
        )
        raise Refused(
            reasons.DELIVERY_UNAVAILABLE, f"{what}: restore it, or recreate the Experiment"
        )
    for item in datasets:
        if mode == "CSI" and not item.bucket:
            what = (
                f"input `{item.name}`: {by} delivers by a CSI driver, which mounts a whole prefix,"
                f" and DatasetPin '{item.pin_name}' does not pin one"
            )
            raise Refused(
                reasons.DELIVERY_UNAVAILABLE,
                f"{what}: pin a prefix (`spec.source.prefix`), or choose another profile",
            )
        if mode == "CSI" and not _is_plain(item.prefix):
            what = (
                f"input `{item.name}`: {by} hands the prefix of a pin to a CSI driver as it is, and"
                f" that of DatasetPin '{item.pin_name}' has other characters than letters, digits"
                " and `!_.()/=@+-`, or a folder with the name `.` or `..` or without one"
            )
            raise Refused(
                reasons.DELIVERY_UNAVAILABLE,
                f"{what}: copy the data below another prefix and pin that, or choose another"
                " profile",
            )
        if mode == "Image":
            _check_image(profile, item, now)


def _is_plain(prefix: str) -> bool:
    """Return whether a prefix is one word for every driver, and leads nowhere but below itself.

    A comma or a space in mount options would begin an option of the pin's own.
    """
    return bool(_PLAIN.fullmatch(prefix)) and not any(
        folder in {"", ".", ".."} for folder in prefix.removesuffix("/").split("/") if prefix
    )


def _check_image(profile: IsolationProfile, item: ResolvedInput, now: datetime) -> None:
    by = f"IsolationProfile {profile.name}"
    if not item.image:
        what = (
            f"input `{item.name}`: {by} delivers by image, and DatasetPin '{item.pin_name}' names"
            " none"
        )
        raise Refused(
            reasons.DELIVERY_UNAVAILABLE,
            f"{what}: pin the data with `spec.image`, or choose another profile",
        )
    repository = item.image.partition("@")[0]
    for entry in profile.spec.images:
        if within(repository, entry.repository) and (
            entry.expire_time is None or entry.expire_time > now
        ):
            return
    what = (
        f"input `{item.name}`: the image of DatasetPin '{item.pin_name}' comes from {repository},"
        f" which {by} does not approve"
    )
    raise Refused(
        reasons.IMAGE_NOT_APPROVED,
        f"{what}: publish it in an approved repository and create a new pin",
    )
