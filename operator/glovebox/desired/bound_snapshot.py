"""Reads the snapshot of a namespace back: all that is known of an Experiment that is lost. Pure.

Only the operator may write the ConfigMap (the guards see to it), and it is immutable. It is checked
all the same, because a person may have broken the glass, and what it says decides which store is
opened: its text has the digest that it names, and the settings beside it are those of the digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import ValidationError

from glovebox.api import reasons
from glovebox.api.experiment_status import BoundPurpose
from glovebox.api.input_status import InputStatus
from glovebox.api.leakage_status import LeakStatus
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.desired.platform import Platform, identity, read_platform
from glovebox.desired.snapshot import (
    KEY_DIGEST,
    KEY_IMAGES,
    KEY_INPUTS,
    KEY_LEAKAGE,
    KEY_PLATFORM,
    KEY_PURPOSE,
    KEY_SNAPSHOT,
)
from glovebox.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class BoundSnapshot:
    """What an Experiment was bound to.

    Attributes:
        text: What its digest was computed from, as canonical JSON.
        digest: Its identity.
        images: References of the images that may run.
        platform: The platform's settings.
        inputs: The inputs.
        has_run: Whether it declared a run.
        purpose: Why, as it was said before the run.
        leakage: The leakage sheet.
    """

    text: str
    digest: str
    images: tuple[str, ...]
    platform: Platform
    inputs: tuple[InputStatus, ...]
    has_run: bool
    purpose: BoundPurpose = field(default_factory=BoundPurpose)
    leakage: tuple[LeakStatus, ...] = ()


def read_snapshot(config_map: Mapping[str, Any]) -> BoundSnapshot:
    """Return what the ConfigMap of a namespace says.

    Raises:
        InvalidInput: `SnapshotDiffers`: it is not as the operator wrote it.
    """
    data = config_map.get("data") or {}
    text, digest = str(data.get(KEY_SNAPSHOT, "")), str(data.get(KEY_DIGEST, ""))
    if DIGEST_PREFIX + hashlib.sha256(text.encode()).hexdigest() != digest:
        raise _edited("its text has not the digest that it names")
    try:
        declared = orjson.loads(text)
        platform = read_platform(str(data[KEY_PLATFORM]))
        inputs = tuple(
            InputStatus.model_validate(entry) for entry in orjson.loads(data.get(KEY_INPUTS, "[]"))
        )
        leakage = tuple(
            LeakStatus.model_validate(entry) for entry in orjson.loads(data.get(KEY_LEAKAGE, "[]"))
        )
        purpose = BoundPurpose.model_validate_json(str(data.get(KEY_PURPOSE, "{}")))
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise _edited(
            f"this version of the operator cannot read it ({type(error).__name__})"
        ) from None
    stores = {store.name: store for store in (platform.store, *platform.input_stores)}
    ordered = tuple(stores[name] for name in sorted(stores))
    if declared.get("platform") != identity(platform.profile, ordered, secrets=platform.secrets):
        raise _edited("the settings beside it are not those of its digest")
    if declared["artifacts"]["storeRef"]["name"] != platform.store.name:
        raise _edited("the store beside it is not the one of its digest")
    named = {(entry["name"], entry["digest"]) for entry in declared.get("inputs") or ()}
    if named != {(entry.name, entry.digest) for entry in inputs}:
        raise _edited("the inputs beside it are not those of its digest")
    return BoundSnapshot(
        text=text,
        digest=digest,
        images=tuple(str(data.get(KEY_IMAGES, "")).split()),
        platform=platform,
        inputs=inputs,
        has_run="stages" in declared,
        purpose=purpose,
        leakage=leakage,
    )


def _edited(why: str) -> InvalidInput:
    return InvalidInput(
        reasons.SNAPSHOT_DIFFERS,
        f"the snapshot of the namespace is not as the operator wrote it: {why}",
    )
