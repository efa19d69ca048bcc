"""`glovebox access-review`: who can read which content, through what, since when, last used when.

It reads pins, grants and Experiments with the rights of whoever calls, and says what follows from
them. What a namespace could pin by its store's `spec.access` and did not is no part of it.

Names in what it prints come from tenants: none of them reaches the terminal as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

_CANNOT: Final = 2
_SHORT: Final = len("sha256:") + 12
_HEADINGS: Final = (
    "CONTENT",
    "NAMESPACE",
    "THROUGH",
    "ROLES",
    "STATE",
    "SINCE",
    "UNTIL",
    "LAST USED",
)


class Shown(StrEnum):
    """How the answer is shown."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Reading:
    """One way in which a namespace can read a content.

    Attributes:
        content: The content root.
        namespace: Who can read it.
        through: A pin of its own, a grant, or an Experiment to which it was delivered.
        roles: In which roles; empty for all.
        state: `Ready`, or why not; of a grant with how many uses were taken.
        since: Since when, RFC 3339.
        until: Until when; empty for no end.
        last_used: When an Experiment of the namespace was last bound by it; empty for never.
    """

    content: str
    namespace: str
    through: str
    roles: tuple[str, ...]
    state: str
    since: str
    until: str
    last_used: str


def access_review(
    content: Annotated[
        str,
        typer.Argument(help="Only content whose root begins so; eight digits are enough."),
    ] = "",
    namespace: Annotated[
        str,
        typer.Option(
            "--namespace",
            "-n",
            help="Only what is declared in this namespace; needs no rights elsewhere.",
        ),
    ] = "",
    output: Annotated[
        Shown, typer.Option("--output", "-o", help="table, or json for programs.")
    ] = Shown.TABLE,
) -> None:
    """Show who can read which data, through which pin or grant, and when that was last used.

    Exit code 0: shown. 2: the cluster could not be asked, or refuses to list what is needed. The
    cluster is found as kubectl finds it.
    """
    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.data.printable import printable
    from glovebox.errors import GloveboxError

    try:
        cluster = KubeconfigCluster()
        pins = cluster.dataset_pins(namespace)
        found = review(pins, cluster.grants(namespace), cluster.experiments(namespace))
    except GloveboxError as error:
        typer.secho(printable(str(error)), fg=typer.colors.RED, err=True)
        raise typer.Exit(_CANNOT) from None
    root = content if content.startswith("sha256:") else f"sha256:{content}"
    shown = [each for each in found if each.content.startswith(root)]
    if output is Shown.JSON:
        # In ASCII: a terminal that shows it obeys none of it.
        typer.echo(json.dumps([asdict(each) for each in shown], indent=2))
        return
    for line in _table(shown):
        typer.echo(printable(line))


def review(
    pins: Iterable[Mapping[str, Any]],
    grants: Iterable[Mapping[str, Any]],
    experiments: Iterable[Mapping[str, Any]],
) -> list[Reading]:
    """Return who can read what, by content and namespace. Pure.

    Args:
        pins: DatasetPins.
        grants: AccessGrants.
        experiments: Experiments.
    """
    known, bound = list(grants), list(experiments)
    found = [
        *_by_pins(pins, bound),
        *(reading for grant in known for reading in _by_grant(grant, bound)),
        *_delivered(known, bound),
    ]
    return sorted(found, key=lambda each: (each.content, each.namespace, each.through))


def _by_pins(
    pins: Iterable[Mapping[str, Any]], experiments: list[Mapping[str, Any]]
) -> Iterator[Reading]:
    for pin in pins:
        root = str((pin.get("status") or {}).get("digest") or "")
        metadata = pin["metadata"]
        if root:
            last = _last_bound(experiments, metadata["namespace"], root, metadata["name"])
            yield Reading(
                content=root,
                namespace=metadata["namespace"],
                through=f"DatasetPin {metadata['namespace']}/{metadata['name']}",
                roles=(),
                state=_state(pin),
                since=str(metadata["creationTimestamp"]),
                until="",
                last_used=last,
            )


def _by_grant(grant: Mapping[str, Any], experiments: list[Mapping[str, Any]]) -> Iterator[Reading]:
    metadata, spec, status = grant["metadata"], grant["spec"], grant.get("status") or {}
    root = str(status.get("contentRoot") or "")
    name = f"{metadata['namespace']}/{metadata['name']}"
    for namespace in spec.get("namespaces") or () if root else ():
        uses = [
            str(use["time"])
            for use in status.get("uses") or ()
            if str(use["experiment"]).startswith(f"{namespace}/")
        ]
        uses += [time for time, ref in _granted(experiments, namespace, root) if ref == name]
        yield Reading(
            content=root,
            namespace=str(namespace),
            through=f"AccessGrant {name}",
            roles=tuple(sorted(spec.get("roles") or ())),
            state=f"{_state(grant)} ({status.get('used') or 0} of {spec.get('uses', 1)} used)",
            since=str(metadata["creationTimestamp"]),
            until=str(status.get("revokedTime") or spec.get("expireTime") or ""),
            last_used=max(uses, default=""),
        )


def _delivered(
    grants: list[Mapping[str, Any]], experiments: list[Mapping[str, Any]]
) -> Iterator[Reading]:
    """Yield the Experiments that hold what a grant let in that is not there any more."""
    there = {f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in grants}
    for experiment in experiments:
        metadata, status = experiment["metadata"], experiment.get("status") or {}
        over = (status.get("run") or {}).get("completionTime") or status.get("seal")
        for entry in status.get("inputs") or () if not over else ():
            gone = [str(each["grantRef"]) for each in entry.get("grants") or ()]
            if gone and not set(gone) <= there:
                yield Reading(
                    content=str(entry["digest"]),
                    namespace=metadata["namespace"],
                    through=f"Experiment {metadata['namespace']}/{metadata['name']}",
                    roles=(),
                    state="delivered; its grant is gone or not shown to you",
                    since=str(status.get("boundTime") or ""),
                    until="",
                    last_used=str(status.get("boundTime") or ""),
                )


def _last_bound(experiments: list[Mapping[str, Any]], namespace: str, root: str, pin: str) -> str:
    times = [
        str((each.get("status") or {}).get("boundTime") or "")
        for each in experiments
        if each["metadata"]["namespace"] == namespace
        and any(
            entry.get("digest") == root and entry.get("pinRef") == pin
            for entry in (each.get("status") or {}).get("inputs") or ()
        )
    ]
    return max(times, default="")


def _granted(
    experiments: list[Mapping[str, Any]], namespace: str, root: str
) -> Iterator[tuple[str, str]]:
    """Yield when Experiments of a namespace were bound to a content, and by which grant."""
    for each in experiments:
        status = each.get("status") or {}
        if each["metadata"]["namespace"] != namespace:
            continue
        for entry in status.get("inputs") or ():
            for grant in entry.get("grants") or () if entry.get("digest") == root else ():
                yield str(status.get("boundTime") or ""), str(grant["grantRef"])


def _state(obj: Mapping[str, Any]) -> str:
    for entry in (obj.get("status") or {}).get("conditions") or ():
        if entry["type"] == "Ready":
            return "Ready" if entry["status"] == "True" else str(entry["reason"])
    return "not looked at"


def _table(readings: Iterable[Reading]) -> list[str]:
    rows = [_HEADINGS] + [
        (
            each.content[:_SHORT],
            each.namespace,
            each.through,
            ",".join(each.roles) or "any",
            each.state,
            each.since,
            each.until or "-",
            each.last_used or "never",
        )
        for each in readings
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return [
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
