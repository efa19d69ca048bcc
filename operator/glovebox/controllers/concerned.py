"""Whom a change of a resource concerns: who refers to it, and what it refers to."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from glovebox.controllers.in_use import tells_its_users
from glovebox.controllers.ports import Ports
from glovebox.kube.kinds import ACCESS_GRANT, OBJECT_STORE
from glovebox.kube.resources import Key, Resources, Stored, references
from glovebox.kube.store import Change


def references_of(change: Change[Key, Stored]) -> Iterable[Key]:
    """Return what gained or lost a user by a change."""
    before, after = (
        tuple(references(change.key, state.obj.get("spec") or {}, holding=True)) if state else ()
        for state in (change.before, change.after)
    )
    lost = (key for key in before if key not in after)
    gained = (key for key in after if key not in before)
    return dict.fromkeys((*lost, *gained))


def concerned_by(change: Change[Key, Stored], ports: Ports) -> Collection[Key]:
    """Return whom a change may concern: who refers to it; of a grant, whom it lets in."""
    if change.key.kind == ACCESS_GRANT.kind:
        return tuple(ports.registry.concerned_by(change))
    users = ports.resources.referring_to(change.key)
    if change.key.kind == OBJECT_STORE.kind:
        # A grant names the pin, and waits for what the pin's store lets be lent.
        return dict.fromkeys((*users, *_grants_of(change.key.name, ports.resources)))
    return users


def _grants_of(store: str, resources: Resources) -> Iterable[Key]:
    for grant in resources.of_kind(ACCESS_GRANT):
        if (grant.get("status") or {}).get("storeRef") == store:
            yield Key.of(grant)


def used_otherwise(change: Change[Key, Stored], resources: Resources) -> Iterable[Key]:
    """Return what has to look who uses it, which it shows and which keeps it from going."""
    for used in references_of(change):
        shown = resources.get(used)
        if shown is None or not tells_its_users(shown, len(resources.users_of(used))):
            yield used
