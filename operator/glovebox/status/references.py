"""InputsVerified, InputsGranted, ArtifactsProtected, PlatformChanged: what is referred to. Pure.

What was bound holds whatever becomes of it outside; these conditions say what became of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.feature_set_pin import FeatureSetPin
from glovebox.api.input_status import InputStatus
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.object_store import ObjectStore
from glovebox.data.counting import counted
from glovebox.desired.platform import Platform, profile_changes, store_changes
from glovebox.errors import GloveboxError
from glovebox.status.experiment_facts import Finding
from glovebox.status.text import format_time

Pin = DatasetPin | FeatureSetPin
AS_BOUND: Final = Finding(
    types.FALSE, reasons.PLATFORM_AS_BOUND, "profile and stores are as they were bound"
)
_GOES_ON: Final = "no credentials for it are issued any more; what was delivered stays"
_KEEPS: Final = "this experiment keeps the settings that were bound"


class NotValid:
    """Stands for what is there and cannot be read: a pin, a profile or a store."""


def inputs_verified(
    entries: Sequence[InputStatus], pins: Mapping[str, Pin | NotValid | None]
) -> Finding:
    """Return InputsVerified: the first bound input that is not what it was, or that all are.

    Args:
        entries: The inputs as they were bound.
        pins: The pin of each as it is now, by the input's name; None where there is none. An input
            that is not in it is not judged.
    """
    problems = (_problem(entry, pins[entry.name]) for entry in entries if entry.name in pins)
    first = next((problem for problem in problems if problem is not None), None)
    if first is not None:
        return first
    count = counted(len(entries), "input")
    message = f"{count} pinned and verified" if entries else "no inputs are declared"
    warned = "".join(_warning(entry, pins.get(entry.name)) for entry in entries)
    return Finding(types.TRUE, reasons.VERIFIED, f"{message}{warned}")


def _warning(entry: InputStatus, pin: Pin | NotValid | None) -> str:
    """Return what users of a pin that goes out of use are told, to go behind the message."""
    if pin is None or isinstance(pin, NotValid):
        return ""
    retiring = pin.status.condition(types.RETIRING)
    if retiring is None or not retiring.is_true:
        return ""
    return f"; input `{entry.name}`: {entry.kind} '{entry.pin_ref}': {retiring.message}"


def _problem(entry: InputStatus, pin: Pin | NotValid | None) -> Finding | None:
    what = f"input `{entry.name}`: {entry.kind} '{entry.pin_ref}'"
    if isinstance(pin, NotValid):
        return Finding(types.UNKNOWN, reasons.PIN_NOT_READY, f"{what} is not valid any more")
    if pin is None:
        message = (
            f"{what} was deleted; the snapshot keeps its digest {entry.digest}, and nobody verifies"
            " the data any more"
        )
        return Finding(types.FALSE, reasons.PIN_DELETED, message)
    if pin.uid != entry.uid:
        message = f"{what} was deleted and recreated; the experiment stays bound to {entry.digest}"
        return Finding(types.FALSE, reasons.PIN_CHANGED, message)
    if pin.status.digest and pin.status.digest != entry.digest:
        message = (
            f"{what} now has the digest {pin.status.digest}; the experiment is bound to"
            f" {entry.digest}"
        )
        return Finding(types.FALSE, reasons.PIN_CHANGED, message)
    # Not Ready, which also falls for what says nothing about the data.
    verified = pin.status.condition(types.VERIFIED)
    if verified is not None and not verified.is_true:
        answer: Answer = types.FALSE if verified.status == types.FALSE else types.UNKNOWN
        return Finding(answer, verified.reason, f"{what}: {verified.message}")
    return None


def inputs_granted(
    inputs: Sequence[InputStatus], lapsed: Mapping[str, GloveboxError]
) -> Finding | None:
    """Return InputsGranted of inputs that were bound; None where none needed a grant.

    Args:
        inputs: The inputs as they were bound.
        lapsed: Why inputs may not be read any more, by the name of the input.
    """
    granted = [(entry, grant) for entry in inputs for grant in entry.reading_grants]
    if not granted:
        return None
    over = next((lapsed[entry.name] for entry, _ in granted if entry.name in lapsed), None)
    if over is not None:
        return Finding(types.FALSE, over.reason, f"{over.message}; {_GOES_ON}")
    ends, name = min((grant.expire_time, grant.grant_ref) for _, grant in granted)
    message = f"by AccessGrant '{name}' until {format_time(ends)}"
    return Finding(types.TRUE, reasons.GRANTED, message)


def artifacts_protected(store: ObjectStore) -> Finding:
    """Return ArtifactsProtected by what was proven of the store that was bound."""
    lock = store.status.condition(types.LOCK_PROVEN)
    if lock is not None and lock.is_true:
        message = f"bucket `{store.spec.artifacts.bucket}` locks what is written: {lock.message}"
        return Finding(types.TRUE, reasons.PROVEN, message)
    if lock is not None and lock.status == types.UNKNOWN:
        message = f"the lock of ObjectStore '{store.name}' is not proven at present: {lock.message}"
        return Finding(types.UNKNOWN, reasons.PROOF_OUTDATED, message)
    message = f"the lock of ObjectStore '{store.name}' is not proven: results could be rewritten"
    return Finding(types.FALSE, reasons.PROOF_FAILED, message)


def artifacts_protected_as_bound(
    platform: Platform, store: ObjectStore | NotValid | None
) -> Finding:
    """Return ArtifactsProtected of an Experiment that is bound.

    Args:
        platform: What was bound.
        store: The store of that name as it is now, if there is one.
    """
    bucket = platform.store.spec.artifacts.bucket
    if isinstance(store, NotValid):
        message = (
            f"{_not_valid('ObjectStore', platform.store.name)}; until then nobody checks the lock"
            f" of bucket `{bucket}`"
        )
        return Finding(types.UNKNOWN, reasons.STORE_NOT_READY, message)
    if store is not None and not store_changes(platform.store, store):
        return artifacts_protected(store)
    message = (
        f"ObjectStore '{platform.store.name}' was deleted or replaced, so nobody checks the lock of"
        f" bucket `{bucket}` any more; declare it again"
    )
    return Finding(types.UNKNOWN, reasons.STORE_DELETED, message)


def platform_changed(
    platform: Platform,
    profile: IsolationProfile | NotValid | None,
    stores: Mapping[str, ObjectStore | NotValid | None],
) -> Finding:
    """Return PlatformChanged: the first of profile and stores that is not as it was bound.

    Args:
        platform: What was bound.
        profile: The profile of that name as it is now, if there is one.
        stores: The same of each store, by its name.
    """
    bound = {store.name: store for store in (platform.store, *platform.input_stores)}
    found = [
        _profile_changed(platform, profile),
        *(_store_changed(store, stores.get(name)) for name, store in bound.items()),
    ]
    changed = [each for each in found if each is not None]
    # What nobody can read hides nothing that is known to be another.
    known = (each for each in changed if each.answer == types.TRUE)
    return next(iter((*known, *changed)), AS_BOUND)


def _profile_changed(
    platform: Platform, profile: IsolationProfile | NotValid | None
) -> Finding | None:
    name = platform.profile.name
    if profile is None:
        message = f"IsolationProfile '{name}' was deleted; {_KEEPS}"
        return Finding(types.TRUE, reasons.PROFILE_DELETED, message)
    if isinstance(profile, NotValid):
        message = f"{_not_valid('IsolationProfile', name)}; {_KEEPS}"
        return Finding(types.UNKNOWN, reasons.PROFILE_INVALID, message)
    changed = profile_changes(platform.profile, profile)
    if not changed:
        return None
    message = f"IsolationProfile '{name}' differs in `{'`, `'.join(changed)}`; {_KEEPS}"
    return Finding(types.TRUE, reasons.PROFILE_CHANGED, message)


def _store_changed(bound: ObjectStore, live: ObjectStore | NotValid | None) -> Finding | None:
    if live is None:
        message = f"ObjectStore '{bound.name}' was deleted; {_KEEPS}"
        return Finding(types.TRUE, reasons.STORE_DELETED, message)
    if isinstance(live, NotValid):
        message = f"{_not_valid('ObjectStore', bound.name)}; {_KEEPS}"
        return Finding(types.UNKNOWN, reasons.STORE_NOT_READY, message)
    changed = store_changes(bound, live)
    if not changed:
        return None
    message = f"ObjectStore '{bound.name}' differs in `{'`, `'.join(changed)}`; {_KEEPS}"
    return Finding(types.TRUE, reasons.STORE_CHANGED, message)


def _not_valid(kind: str, name: str) -> str:
    return f"{kind} '{name}' is not valid; its own status says what to correct there"
