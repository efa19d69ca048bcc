"""How a plan is shown: names in it come from files and tenants, and none acts on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

from glovebox.cli.shown import aligned, as_json, as_yaml
from glovebox.data.printable import printable

if TYPE_CHECKING:
    from glovebox.cli.planning import Planned


class Shown(StrEnum):
    """How a plan is shown."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


_KIBI = 1024
_WORDS = {"ACCEPTED": "would be accepted", "REFUSED": "refused", "WAITS": "would wait"}


def show(planned: Sequence[Planned], output: Shown) -> None:
    """Print what would become of each object."""
    if output is Shown.JSON:
        typer.echo(as_json([document(each) for each in planned]))
    elif output is Shown.YAML:
        typer.echo(as_yaml([document(each) for each in planned]))
    else:
        for each in planned:
            _show_one(each, is_wide=output is Shown.WIDE)


def document(planned: Planned) -> dict[str, Any]:
    """Return one as plain values, for programs."""
    return {
        "kind": planned.key.kind,
        "namespace": planned.key.namespace,
        "name": planned.key.name,
        "verdict": planned.verdict.name.capitalize(),
        "by": planned.by,
        "reason": planned.reason,
        "message": planned.message,
        "digest": planned.digest,
        "inputs": [dict(each) for each in planned.inputs],
        "objects": list(planned.objects),
        "remarks": list(planned.remarks),
    }


def _show_one(planned: Planned, *, is_wide: bool) -> None:
    colors = {"ACCEPTED": "green", "REFUSED": "red", "WAITS": "yellow"}
    verdict = planned.verdict.name
    reason = f": {printable(planned.reason)}" if planned.reason else ""
    by = f" ({planned.by})" if planned.by else ""
    said = f"{printable(str(planned.key))} {_WORDS[verdict]}{reason}{by}"
    typer.secho(said, fg=colors[verdict])
    if planned.message:
        typer.echo(f"  {printable(planned.message)}")
    if planned.digest:
        typer.echo(f"  digest {printable(planned.digest)}")
    for remark in planned.remarks:
        typer.echo(f"  note: {printable(remark)}")
    if planned.inputs:
        rows = [
            [each[name] for name in ("name", "role", "pin", "state")] for each in planned.inputs
        ]
        _table(["INPUT", "ROLE", "PIN", "STATE"], rows)
    quota = _quota(planned.objects)
    if quota:
        _table(["QUOTA OF THE NAMESPACE", "HARD"], [list(each) for each in quota])
    if planned.objects:
        headings = ["OBJECT", "NAME", *(["NAMESPACE", "DETAIL"] if is_wide else [])]
        _table(headings, [_row(each, is_wide=is_wide) for each in planned.objects])


def _quota(objects: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    for each in objects:
        if each["kind"] == "ResourceQuota":
            hard = each["spec"]["hard"]
            return [(name, _readable(name, str(hard[name]))) for name in sorted(hard)]
    return []


def _readable(resource: str, amount: str) -> str:
    """Return bytes in the largest unit in which they are a whole number; all else as it is."""
    if not resource.endswith(("memory", "storage")) or not (amount.isascii() and amount.isdigit()):
        return amount
    number, units = int(amount), ["", "Ki", "Mi", "Gi", "Ti"]
    while number and number % _KIBI == 0 and len(units) > 1:
        number, units = number // _KIBI, units[1:]
    return f"{number}{units[0]}"


def _row(obj: Mapping[str, Any], *, is_wide: bool) -> list[str]:
    metadata = obj["metadata"]
    row = [obj["kind"], metadata["name"]]
    if is_wide:
        row += [metadata.get("namespace", ""), _detail(obj)]
    return row


def _detail(obj: Mapping[str, Any]) -> str:
    if obj["kind"] == "NetworkPolicy":
        return ", ".join(obj["spec"].get("policyTypes", ()))
    if obj["kind"] == "Job":
        containers = obj["spec"]["template"]["spec"]["containers"]
        return ", ".join(each["image"] for each in containers)
    return ""


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    shown = [list(headings), *([printable(cell) for cell in row] for row in rows)]
    for line in aligned(shown):
        typer.echo(f"  {line}")
