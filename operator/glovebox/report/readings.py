"""Who can read which content: by a pin of their own, by a grant, or by what was delivered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from glovebox.api.input_status import reading_grants_of
from glovebox.report import words
from glovebox.report.page import Table

# A grant that did what it was for is Ready.
_USED_UP: Final = "GrantUsedUp"
_DATA: Final = "DatasetPin"
# The one role in which definitions are used.
_FEATURES: Final = "features"
_ENDED: Final = {"GrantRevoked": "was revoked", "GrantExpired": "has expired"}


@dataclass(frozen=True, slots=True)
class Reading:
    """One way in which a namespace can read a content.

    Attributes:
        content: The content root; of definitions their digest.
        namespace: Who can read it.
        through: A pin of its own, a grant, or an Experiment to which it was delivered.
        roles: In which roles; empty for all.
        state: `Ready`, or why not; of a grant with how many uses were taken.
        since: Since when, RFC 3339.
        until: Until when; empty for no end.
        last_used: When an Experiment of the namespace was last bound by it; empty for never.
        last_read: When the store's access log last tells of a read of the pin, whoever read; empty
            for never, and where nobody knows.
        unusual: How many findings the log tells of.
    """

    content: str
    namespace: str
    through: str
    roles: tuple[str, ...]
    state: str
    since: str
    until: str
    last_used: str
    last_read: str = ""
    unusual: int = 0


def review(
    pins: Iterable[Mapping[str, Any]],
    grants: Iterable[Mapping[str, Any]],
    experiments: Iterable[Mapping[str, Any]],
) -> list[Reading]:
    """Return who can read what, by content and namespace. Pure.

    Args:
        pins: DatasetPins and FeatureSetPins.
        grants: AccessGrants.
        experiments: Experiments.
    """
    known, bound = list(grants), list(experiments)
    times = _times(bound)
    found = [
        *_by_pins(pins, times),
        *(reading for grant in known for reading in _by_grant(grant, times)),
        *_delivered(known, bound),
    ]
    return sorted(found, key=lambda each: (each.content, each.namespace, each.through))


# When Experiments of a namespace were last bound to a content, and through what: a pin or a grant.
_Times = Mapping[tuple[str, str, str], str]


def _times(experiments: Iterable[Mapping[str, Any]]) -> _Times:
    found: dict[tuple[str, str, str], str] = {}
    for each in experiments:
        status, namespace = each.get("status") or {}, str(each["metadata"]["namespace"])
        time = str(status.get("boundTime") or "")
        for entry in status.get("inputs") or ():
            root = str(entry.get("digest") or "")
            through = [(root, str(entry.get("pinRef") or ""))]
            through += [
                (str(grant.get("contentRoot") or root), _grant(grant["grantRef"]))
                for grant in entry.get("grants") or ()
            ]
            for content, what in through:
                key = namespace, content, what
                found[key] = max(time, found.get(key, ""))
    return found


def _grant(name: object) -> str:
    # No pin is called so.
    return f"AccessGrant {name}"


def _by_pins(pins: Iterable[Mapping[str, Any]], times: _Times) -> Iterator[Reading]:
    for pin in pins:
        metadata, status = pin["metadata"], pin.get("status") or {}
        root, namespace = str(status.get("digest") or ""), str(metadata["namespace"])
        reads = status.get("reads") or {}
        is_data = pin["kind"] == _DATA
        role = str((status.get("part") or {}).get("role") or "") if is_data else _FEATURES
        if root:
            yield Reading(
                content=root,
                namespace=namespace,
                through=f"{pin['kind']} {namespace}/{metadata['name']}",
                roles=(role,) if role else (),
                state=_state(pin),
                since=str(metadata["creationTimestamp"]),
                until="",
                last_used=times.get((namespace, root, str(metadata["name"])), ""),
                last_read=str(reads.get("lastTime") or ""),
                unusual=len(reads.get("unusual") or ()),
            )


def _by_grant(grant: Mapping[str, Any], times: _Times) -> Iterator[Reading]:
    metadata, spec, status = grant["metadata"], grant["spec"], grant.get("status") or {}
    root = str(status.get("contentRoot") or "")
    through = _grant(f"{metadata['namespace']}/{metadata['name']}")
    for namespace in spec.get("namespaces") or () if root else ():
        uses = [
            str(use["time"])
            for use in status.get("uses") or ()
            if str(use["experiment"]).startswith(f"{namespace}/")
        ]
        yield Reading(
            content=root,
            namespace=str(namespace),
            through=through,
            roles=tuple(sorted(spec.get("roles") or ())),
            state=f"{_state(grant)} ({status.get('used') or 0} of {spec.get('uses', 1)} used)",
            since=str(metadata["creationTimestamp"]),
            until=str(status.get("revokedTime") or spec.get("expireTime") or ""),
            last_used=max([*uses, times.get((str(namespace), root, through), "")]),
        )


def _delivered(
    grants: list[Mapping[str, Any]], experiments: list[Mapping[str, Any]]
) -> Iterator[Reading]:
    """Yield the Experiments that hold what a grant let in that is not in force any more."""
    states = {
        f"{each['metadata']['namespace']}/{each['metadata']['name']}": _state(each)
        for each in grants
    }
    for experiment in experiments:
        metadata, status = experiment["metadata"], experiment.get("status") or {}
        over = (status.get("run") or {}).get("completionTime") or status.get("seal")
        for entry in status.get("inputs") or () if not over else ():
            named = [states.get(str(each["grantRef"])) for each in reading_grants_of(entry)]
            ended = [_ENDED[each] for each in named if each in _ENDED]
            if None not in named and not ended:
                continue
            why = "is gone or not shown to you" if None in named else ended[0]
            yield Reading(
                content=str(entry["digest"]),
                namespace=metadata["namespace"],
                through=f"Experiment {metadata['namespace']}/{metadata['name']}",
                roles=(),
                state=f"delivered; its grant {why}",
                since=str(status.get("boundTime") or ""),
                until="",
                last_used=str(status.get("boundTime") or ""),
            )


def _state(obj: Mapping[str, Any]) -> str:
    for entry in (obj.get("status") or {}).get("conditions") or ():
        if entry["type"] == "Ready":
            is_plain = entry["status"] == "True" and entry["reason"] != _USED_UP
            return "Ready" if is_plain else str(entry["reason"])
    return "not checked"


def table_of(readings: Sequence[Reading]) -> Table:
    """Return who can read it, a row for each way."""
    return Table(
        ("Namespace", "Through", "Roles", "State", "Since", "Until", "Last used", "Last read"),
        tuple(
            (
                each.namespace,
                each.through,
                ", ".join(each.roles) or "any",
                each.state,
                _when(each.since),
                _when(each.until) or "no end",
                _when(each.last_used) or "never",
                _when(each.last_read) or "not known",
            )
            for each in readings
        ),
    )


def _when(moment: str) -> str:
    try:
        return words.time(datetime.fromisoformat(moment)) if moment else ""
    except ValueError:
        # What a user wrote into a grant, and the API server took: `z`, or an hour that is none.
        return moment
