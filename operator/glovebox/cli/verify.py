"""`glovebox verify`.

Checks the seal of an experiment from outside, with public keys and nothing of the cluster. Names in
what it prints come from whoever wrote the artifacts: none of them reaches the terminal as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glovebox.cli.failing import in_one_line
from glovebox.cli.named import qualified

if TYPE_CHECKING:
    from glovebox.jobs.verifying import Verified
    from glovebox.jobs.verifying_ledger import InLedger

_FINDINGS = 1
_CANNOT = 2
# Of one word, so many are printed; `-o json` has all.
_SHOWN = 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


class Output(StrEnum):
    """How the outcome is shown."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


def verify(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            help=(
                "Folder with the evidence, or s3://BUCKET/.glovebox/seals/UID/ (`status.seal.uri`)."
            )
        ),
    ],
    key: Annotated[
        Path,
        typer.Option(
            "--key",
            help=(
                "Public keys: `keys.json` of the ConfigMap glovebox-signing-keys, or PEM (trusted"
                " at any time)."
            ),
        ),
    ],
    experiment: Annotated[
        str, typer.Option(help="The seal has to be of this Experiment: NAMESPACE/NAME.")
    ] = "",
    uid: Annotated[str, typer.Option(help="The seal has to be of the Experiment's UID.")] = "",
    digest: Annotated[
        str, typer.Option(help="The seal has to be of this identity (`status.digest`).")
    ] = "",
    builder: Annotated[
        str, typer.Option(help="The seal has to be made by this installation: `builder.id`.")
    ] = "",
    ledger: Annotated[
        str,
        typer.Option(
            help="An entry of this ledger has to vouch for the seal: s3://BUCKET/ORGANISATION, or a"
            " folder that was exported. With --policy."
        ),
    ] = "",
    policy: Annotated[
        Path | None, typer.Option(help="With --ledger: logs and witnesses that count.")
    ] = None,
    timestamp_roots: Annotated[
        Path | None,
        typer.Option(
            help="With --ledger: PEM certificates on which trusted timestamp authorities hang (RFC"
            " 3161); one of them has to have dated the seal."
        ),
    ] = None,
    allow_unlocked: Annotated[
        bool,
        typer.Option(
            "--allow-unlocked", help="Count what no lock protects (any more), and do not fail."
        ),
    ] = False,
    read_bytes: Annotated[
        bool,
        typer.Option("--bytes/--no-bytes", help="Read and hash every artifact, not only its lock."),
    ] = True,
    save: Annotated[
        Path | None, typer.Option(help="With an S3 source: keep the evidence in this folder.")
    ] = None,
    output: Annotated[
        Output, typer.Option("--output", "-o", help="text, or json or yaml for programs.")
    ] = Output.TEXT,
) -> None:
    """Verify a seal. Exit code 0: it holds. 1: something does not. 2: it could not be verified.

    The store is found as every S3 tool finds it: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID
    and so on.
    """
    from glovebox.cli.shown import as_document
    from glovebox.cli.watching import watching
    from glovebox.data.printable import printable
    from glovebox.errors import GloveboxError
    from glovebox.evidence.keys import read_bundle
    from glovebox.evidence.verification import Expected
    from glovebox.jobs.verifying import Demand, verify_folder, verify_store

    if bool(ledger) != (policy is not None) or (timestamp_roots is not None and not ledger):
        raise typer.BadParameter("give --ledger and --policy; --timestamp-roots goes with them")
    # Half of what is expected would be another one's: a mistake that is no finding.
    if experiment:
        qualified(experiment, "--experiment")
    if digest and not _DIGEST.fullmatch(digest):
        raise typer.BadParameter(
            "write it whole, as `status.digest` has it: sha256: and 64 hex digits",
            param_hint="--digest",
        )
    try:
        demand = Demand(
            read_bundle(key.read_text()),
            Expected(experiment, uid, digest, builder),
            locks=not allow_unlocked,
        )
        if source.startswith("s3://"):
            with watching(is_plain=context.color is False) as watcher:
                verified = verify_store(
                    source, demand, read_bytes=read_bytes, save=save, watcher=watcher
                )
        else:
            verified = verify_folder(Path(source), demand)
        if policy is not None:
            verified = _in_ledger(
                verified, ledger, policy, timestamp_roots, locks=not allow_unlocked
            )
    except (GloveboxError, OSError, UnicodeDecodeError) as error:
        message = f"It could not be verified: {printable(in_one_line(error))}"
        typer.secho(message, fg=typer.colors.RED, err=True)
        raise typer.Exit(_CANNOT) from None
    if output is not Output.TEXT:
        typer.echo(as_document(_document(verified), output))
    else:
        _show(verified)
    if verified.report.findings:
        raise typer.Exit(_FINDINGS)


def _in_ledger(
    verified: Verified, where: str, policy: Path, roots: Path | None, *, locks: bool
) -> Verified:
    from datetime import UTC, datetime

    from glovebox.jobs.verifying_ledger import verify_in_ledger
    from glovebox.ledger.policy import parse_policy
    from glovebox.ledger.timestamps import read_root_file
    from glovebox.ledger.verification import LedgerDemand

    demand = LedgerDemand(
        parse_policy(policy.read_bytes()),
        datetime.now(UTC),
        locks=locks,
        timestamp_roots=read_root_file(roots) if roots is not None else (),
    )
    return verify_in_ledger(verified, where, demand)


def _document(verified: Verified) -> dict[str, Any]:
    from glovebox.evidence.told import not_read

    report = verified.report
    return {
        "verified": not report.findings,
        "experiment": _experiment(verified),
        "keyId": report.key.key_id if report.key is not None else None,
        "sealedTime": report.sealed.isoformat() if report.sealed is not None else None,
        "artifacts": len(report.artifacts),
        "locked": report.locks.locked,
        "lockedGovernance": report.locks.governance,
        "unlocked": report.locks.unlocked,
        "unreadable": report.locks.unreadable,
        "notRead": not_read(report),
        "deleteMarkers": report.locks.markers,
        "bytesRead": verified.bytes_read,
        **_values(verified),
        "ledger": _place(verified.ledger) if verified.ledger is not None else None,
        "checked": list(verified.checked),
        "unchecked": list(verified.unchecked),
        "remarks": list(report.remarks),
        "findings": [
            {"what": finding.what, "where": finding.where, "message": finding.message}
            for finding in report.findings
        ],
    }


def _place(found: InLedger) -> dict[str, Any]:
    from glovebox.ledger.entry import time_text

    return {
        "origin": found.origin,
        "index": found.index,
        "writtenTime": time_text(found.written),
        "notBeforeTime": time_text(found.not_before) if found.not_before is not None else None,
        "knownByTime": time_text(found.known_by) if found.known_by is not None else None,
    }


def _dates(found: InLedger | None) -> list[str]:
    if found is None:
        return []
    said = _place(found)
    lines = [f"in the ledger {found.origin}: entry {found.index}, written on {said['writtenTime']}"]
    if found.known_by is not None:
        lines.append(f"a trusted timestamp authority knew it on {said['knownByTime']}")
    if found.not_before is not None:
        lines.append(f"and knew the ledger without it on {said['notBeforeTime']}")
    return lines


def _experiment(verified: Verified) -> str | None:
    if not verified.report.statement:
        return None
    try:
        return str(verified.report.definition["externalParameters"]["experiment"])
    except (KeyError, TypeError):
        return None


def _told(verified: Verified) -> list[str]:
    from glovebox.evidence.told import lines_of

    try:
        return lines_of(verified.report)
    except (KeyError, TypeError, AttributeError):
        return []  # that it cannot be read is among the findings


def _values(verified: Verified) -> dict[str, Any]:
    from glovebox.evidence.told import values_of

    try:
        return values_of(verified.report)
    except (KeyError, TypeError, AttributeError):
        return {}


def _show(verified: Verified) -> None:
    from glovebox.data.counting import counted
    from glovebox.data.printable import printable
    from glovebox.evidence.told import not_read

    report = verified.report
    shown: Counter[str] = Counter()
    for finding in report.findings:
        shown[finding.what] += 1
        if shown[finding.what] <= _SHOWN:
            line = f"{finding.what}  {printable(finding.where)}: {printable(finding.message)}"
            typer.secho(line, fg=typer.colors.RED)
    for what, number in shown.items():
        if number > _SHOWN:
            typer.secho(f"{what}  and {number - _SHOWN:,} more", fg=typer.colors.RED)
    if report.findings:
        typer.secho(
            f"The seal does not hold: {counted(len(report.findings), 'finding')}.",
            fg=typer.colors.RED,
            bold=True,
        )
    else:
        said = f"The seal of {printable(_experiment(verified) or '')} holds"
        unread = not_read(report)
        if unread:
            whose = ", ".join(f"{number:,} {why}" for why, number in unread.items())
            count = counted(sum(unread.values()), "object version")
            said += f", and does not say what is in {count} that nobody could read ({whose})"
        colour = typer.colors.YELLOW if unread else typer.colors.GREEN
        typer.secho(f"{said}.", fg=colour, bold=True)
    if report.key is not None and report.sealed is not None:
        typer.echo(f"  signed on {report.sealed.isoformat()} with key {report.key.key_id}")
    typer.echo(f"  {counted(len(report.artifacts), 'object version')} listed: {report.locks}")
    lines = [
        *_told(verified),
        *_dates(verified.ledger),
        *(f"checked: {each}" for each in verified.checked),
        *(f"not checked: {each}" for each in verified.unchecked),
    ]
    for line in lines:
        typer.echo(f"  {printable(line)}")
    for remark in report.remarks:
        typer.secho(f"  note: {printable(remark)}", fg=typer.colors.YELLOW)
