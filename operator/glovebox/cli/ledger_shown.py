"""How a ledger is shown: lines for people, documents for programs, and nothing that acts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import typer

from glovebox.data.counting import counted
from glovebox.data.printable import printable
from glovebox.errors import InvalidInput
from glovebox.ledger.entry import Entry, decode_entry, digest_of_bytes, time_text
from glovebox.ledger.findings import LedgerReport
from glovebox.ledger.policy import Accepted
from glovebox.ledger.timestamps import Stamp

# Of one word, so many are printed; `-o json` has all.
_SHOWN = 20
_RED, _GREEN, _YELLOW = typer.colors.RED, typer.colors.GREEN, typer.colors.YELLOW


def show_reports(reports: Sequence[LedgerReport]) -> None:
    """Print what a verification found, epoch by epoch."""
    for number, report in enumerate(reports, 1):
        _show_findings(report)
        count = len(report.findings)
        if count:
            line = f"Epoch {number} of the ledger does not hold: {counted(count, 'finding')}."
            typer.secho(line, fg=_RED, bold=True)
        else:
            typer.secho(f"Epoch {number} of the ledger holds.", fg=_GREEN, bold=True)
        if report.genesis is not None:
            typer.echo(f"  log {printable(report.genesis.origin)}")
        entries = counted(report.entries, "entry", "entries")
        heads = counted(report.checkpoints, "signed head")
        typer.echo(f"  {entries}, {heads} {'fits' if report.checkpoints == 1 else 'fit'} them")
        for kind, times in sorted(report.kinds.items()):
            typer.echo(f"    {kind}: {times:,}")
        if report.locks.locked or report.locks.unlocked or report.locks.governance:
            typer.echo(f"  {report.locks}")
        if report.newest is not None:
            _show_accepted(report.newest)
        if report.stamped is not None:
            known = f"size {report.stamped.size:,} was known on {time_text(report.stamped.time)}"
            typer.echo(f"  {counted(report.stamps, 'timestamp')}; {known}")
        for remark in report.remarks:
            typer.secho(f"  note: {printable(remark)}", fg=_YELLOW)
        for each in report.unchecked:
            typer.echo(f"  not checked: {printable(each)}")


def report_document(reports: Sequence[LedgerReport]) -> dict[str, Any]:
    """Return what a verification found, for programs; in ASCII, so no terminal obeys it."""
    return {
        "verified": not any(report.findings for report in reports),
        "epochs": [
            {
                "origin": report.genesis.origin if report.genesis is not None else None,
                "entries": report.entries,
                "checkpoints": report.checkpoints,
                "kinds": report.kinds,
                "newest": _accepted(report.newest) if report.newest is not None else None,
                "timestamps": report.stamps,
                "timestamped": _stamped(report.stamped) if report.stamped is not None else None,
                "locked": report.locks.locked,
                "lockedGovernance": report.locks.governance,
                "unlocked": report.locks.unlocked,
                "remarks": report.remarks,
                "unchecked": report.unchecked,
                "findings": [
                    {"what": each.what, "where": each.where, "message": each.message}
                    for each in report.findings
                ],
            }
            for report in reports
        ],
    }


def entry_line(index: int, body: bytes, *, as_json: bool) -> str:
    """Return an entry as one line."""
    try:
        entry = decode_entry(body)
    except InvalidInput as error:
        if as_json:
            return json.dumps({"index": index, "invalid": error.message})
        return f"{index:>9}  not readable: {printable(error.message)}"
    if as_json:
        return json.dumps({"sha256": digest_of_bytes(body), "entry": json.loads(body)})
    subject = f"{entry.subject.kind} {entry.subject.uid}".strip()
    words = [f"{name}={text}" for name, text in sorted(entry.details.items())]
    parts = (f"{index:>9}", time_text(entry.time), f"{entry.kind:<16}", _short(entry.actor))
    return printable("  ".join((*parts, subject, *words)).rstrip())


def show_checked(entry: Entry, accepted: Accepted) -> None:
    """Print what a proof shows."""
    typer.secho(
        f"The proof holds: entry {entry.index}, {entry.kind}, {time_text(entry.time)}.",
        fg=_GREEN,
        bold=True,
    )
    typer.echo(f"  log {printable(accepted.opened.checkpoint.origin)}")
    typer.echo(f"  by {printable(entry.actor)}")
    for name, text in (
        ("subject", f"{entry.subject.kind} {entry.subject.uid}".strip()),
        ("digest", entry.subject.digest),
        ("document", entry.document),
        *((f"object {each.key}", f"sha256:{each.sha256}") for each in entry.objects),
        *sorted(entry.details.items()),
    ):
        if text:
            typer.echo(f"  {printable(name)}: {printable(text)}")
    _show_accepted(accepted)


def checked_document(entry: Entry, accepted: Accepted) -> dict[str, Any]:
    """Return what a proof shows, for programs."""
    return {
        "verified": True,
        "index": entry.index,
        "kind": entry.kind,
        "time": time_text(entry.time),
        "actor": entry.actor,
        "subject": {
            "kind": entry.subject.kind,
            "uid": entry.subject.uid,
            "digest": entry.subject.digest,
            "name": entry.subject.name,
        },
        "document": entry.document,
        "objects": [{"key": each.key, "sha256": each.sha256} for each in entry.objects],
        "details": dict(entry.details),
        "checkpoint": _accepted(accepted),
    }


def _accepted(accepted: Accepted) -> dict[str, Any]:
    checkpoint = accepted.opened.checkpoint
    return {
        "origin": checkpoint.origin,
        "size": checkpoint.head.size,
        "root": checkpoint.head.root_text,
        "witnesses": {name: time_text(moment) for name, moment in accepted.cosigned.items()},
    }


def _stamped(stamp: Stamp) -> dict[str, Any]:
    return {"size": stamp.size, "time": time_text(stamp.time)}


def _show_accepted(accepted: Accepted) -> None:
    head = accepted.opened.head
    typer.echo(f"  signed at size {head.size:,}, root {head.root_text}")
    for name, moment in accepted.cosigned.items():
        typer.echo(f"  witness {printable(name)} saw it on {time_text(moment)}")


def _show_findings(report: LedgerReport) -> None:
    shown: Counter[str] = Counter()
    for finding in report.findings:
        shown[finding.what] += 1
        if shown[finding.what] <= _SHOWN:
            line = f"{finding.what}  {printable(finding.where)}: {printable(finding.message)}"
            typer.secho(line, fg=_RED)
    for what, number in shown.items():
        if number > _SHOWN:
            typer.secho(f"{what}  and {number - _SHOWN:,} more", fg=_RED)


def _short(actor: str) -> str:
    # A commitment is long, and its beginning enough to see whether two are the same.
    head, colon, rest = actor.partition(":")
    return f"{head}{colon}{rest[:12]}"
