"""`glovebox ledger`: make, verify, show, prove, check and export a ledger; forget people.

Everything but `init` and `forget` only reads. What entries and findings say is printed so that
nothing in it acts on a terminal.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glovebox.cli.commands import Commands
from glovebox.cli.failing import Failing
from glovebox.cli.ledger_forget import forget
from glovebox.cli.verify import Output

if TYPE_CHECKING:
    from glovebox.jobs.ledger_checking import OpenLedger
    from glovebox.ledger.policy import Policy

app = Commands(no_args_is_help=True, help="The ledger of what happened.")

_FINDINGS = 1

Where = Annotated[
    str, typer.Argument(help="s3://BUCKET/ORGANISATION, or a folder that was exported.")
]
PolicyFile = Annotated[
    Path,
    typer.Option(
        "--policy",
        exists=True,
        dir_okay=False,
        help="Logs and witnesses that count (c2sp.org/tlog-policy).",
    ),
]
AsOutput = Annotated[Output, typer.Option("--output", "-o", help="text, or json for programs.")]


@app.callback()
def ledger() -> None:
    """Look at the ledger. Exit code 0: it holds. 1: something does not. 2: it could not be seen."""


@app.command("init")
def init(
    where: Annotated[str, typer.Argument(help="s3://BUCKET/ORGANISATION")],
    key: Annotated[
        Path,
        typer.Option(
            exists=True, dir_okay=False, help="The log's private key (PEM); no key of seals."
        ),
    ],
    origin: Annotated[
        str, typer.Option(help="The log's name, a URL without scheme: ledger.example.com/acme.")
    ] = "",
    lock_days: Annotated[
        int, typer.Option(min=0, help="Lock each object for so many days; 0: as the bucket does.")
    ] = 0,
    new_epoch: Annotated[
        bool, typer.Option("--new-epoch", help="End the present epoch, and go on with --key.")
    ] = False,
    former_key: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="With --new-epoch: the key of the present epoch."
        ),
    ] = None,
) -> None:
    """Make a ledger; print the line that goes into everybody's policy."""
    from datetime import UTC, datetime

    from glovebox.evidence.signer import LocalSigner
    from glovebox.jobs.ledger_checking import parse_address, with_bucket
    from glovebox.store.ledger_init import begin_epoch, init_ledger

    if new_epoch != (former_key is not None) or new_epoch == bool(origin):
        raise typer.BadParameter("give --origin, or --new-epoch with --former-key")
    with Failing():
        bucket, organisation = parse_address(where)
        signer = LocalSigner.of(key.read_text())
        if former_key is not None:
            former = LocalSigner.of(former_key.read_text())
            genesis = with_bucket(
                bucket,
                lambda place, stop: begin_epoch(
                    place, organisation, former, signer, lambda: datetime.now(UTC), stop
                ),
            )
        else:
            genesis = with_bucket(
                bucket,
                lambda place, stop: init_ledger(
                    place,
                    organisation,
                    origin,
                    signer,
                    datetime.now(UTC),
                    stop,
                    lock_days=lock_days,
                ),
            )
    typer.secho(f"epoch {genesis.epoch} of the ledger of {organisation}", err=True)
    typer.echo(f"log {genesis.log_key}")


app.command("forget")(forget)


@app.command("verify")
def verify(
    where: Where,
    policy: PolicyFile,
    head: Annotated[
        list[Path] | None,
        typer.Option(
            help=(
                "A checkpoint that --save-head kept; what is here has to continue it. Leave it out"
                " the first time."
            )
        ),
    ] = None,
    save_head: Annotated[
        Path | None, typer.Option(help="When it holds: keep the newest checkpoint here.")
    ] = None,
    seals: Annotated[
        bool, typer.Option("--seals", help="Demand an entry for each seal in the bucket.")
    ] = False,
    objects: Annotated[
        bool, typer.Option("--objects/--no-objects", help="Compare what entries vouch for.")
    ] = True,
    allow_unlocked: Annotated[
        bool, typer.Option("--allow-unlocked", help="Do not fail for what no lock protects.")
    ] = False,
    timestamp_roots: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="PEM certificates on which trusted timestamp authorities hang (RFC 3161).",
        ),
    ] = None,
    output: AsOutput = Output.TEXT,
) -> None:
    """Verify the whole ledger: entries, chain, tree, signatures, witnesses, locks."""
    from datetime import UTC, datetime

    from glovebox.cli.ledger_shown import report_document, show_reports
    from glovebox.jobs.ledger_checking import newest_checkpoint, verify_epochs, with_ledger
    from glovebox.ledger.timestamps import read_root_file
    from glovebox.ledger.verification import LedgerDemand

    with Failing():
        demand = LedgerDemand(
            _policy(policy),
            datetime.now(UTC),
            [_kept(path) for path in head or ()],
            locks=not allow_unlocked,
            timestamp_roots=read_root_file(timestamp_roots) if timestamp_roots is not None else (),
        )

        def act(opened: OpenLedger) -> tuple[Any, bytes | None]:
            reports = verify_epochs(opened, demand, objects=objects, seals=seals)
            holds = not any(report.findings for report in reports)
            is_wanted = holds and save_head is not None and reports[-1].newest is not None
            return reports, newest_checkpoint(opened.epochs[-1]) if is_wanted else None

        reports, newest = with_ledger(where, act)
        if newest is not None and save_head is not None:
            save_head.write_bytes(newest)
    if output is Output.JSON:
        typer.echo(json.dumps(report_document(reports), indent=2))
    else:
        show_reports(reports)
    if any(report.findings for report in reports):
        raise typer.Exit(_FINDINGS)


@app.command("show")
def show(
    where: Where,
    begin: Annotated[int, typer.Option("--from", min=0, help="First index.")] = 0,
    end: Annotated[int | None, typer.Option("--to", min=0, help="Index behind the last.")] = None,
    epoch: Annotated[int, typer.Option(min=0, help="Another epoch than the newest.")] = 0,
    output: AsOutput = Output.TEXT,
) -> None:
    """Show entries. Nothing is verified: that is `verify`."""
    from glovebox.cli.ledger_shown import entry_line
    from glovebox.jobs.ledger_checking import find_entries, with_ledger

    def act(opened: OpenLedger) -> None:
        for index, body in find_entries(_epoch(opened, epoch), begin, end):
            typer.echo(entry_line(index, body, as_json=output is Output.JSON))

    with Failing():
        with_ledger(where, act)


@app.command("prove")
def prove(
    where: Where,
    what: Annotated[str, typer.Argument(help="An index, or a digest that an entry speaks of.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; else it is printed.")
    ] = None,
) -> None:
    """Write a proof (c2sp.org/tlog-proof) of one entry, which needs no ledger to be checked."""
    from glovebox.jobs.ledger_checking import prove as find_proof
    from glovebox.jobs.ledger_checking import with_ledger

    with Failing():
        raw = with_ledger(where, lambda opened: find_proof(opened, what)).encode()
        if output is not None:
            output.write_bytes(raw)
    if output is None:
        typer.echo(raw.decode(), nl=False)


@app.command("check")
def check(
    proof: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .tlog-proof file.")],
    policy: PolicyFile,
    digest: Annotated[
        str, typer.Option(help="The entry has to speak of this digest: of a seal, an experiment.")
    ] = "",
    entry: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="The entry's bytes, when the proof does not hold them.",
        ),
    ] = None,
    output: AsOutput = Output.TEXT,
) -> None:
    """Check a proof against a policy, with nothing else at hand."""
    from glovebox.cli.ledger_shown import checked_document, show_checked
    from glovebox.errors import InvalidInput
    from glovebox.jobs.ledger_checking import speaks_of
    from glovebox.ledger.entry import decode_entry
    from glovebox.ledger.proof import check_proof, parse_proof

    with Failing():
        rules = _policy(policy)
        raw = proof.read_bytes()
        body = entry.read_bytes() if entry is not None else None
    try:
        parsed = parse_proof(raw)
        body = parsed.extra if body is None else body
        accepted = check_proof(parsed, body, rules)
        found = decode_entry(body)
        if found.index != parsed.index or (digest and not speaks_of(found, digest)):
            _refuse(f"the entry does not speak of {digest or f'index {parsed.index}'}")
    except InvalidInput as error:
        _refuse(error.message)
    if output is Output.JSON:
        typer.echo(json.dumps(checked_document(found, accepted), indent=2))
    else:
        show_checked(found, accepted)


@app.command("export")
def export(
    where: Where,
    folder: Annotated[Path, typer.Argument(help="An empty folder.")],
    begin: Annotated[int, typer.Option("--from", min=0, help="First index.")] = 0,
    end: Annotated[int | None, typer.Option("--to", min=0, help="Index behind the last.")] = None,
    epoch: Annotated[int, typer.Option(min=0, help="Another epoch than the newest.")] = 0,
) -> None:
    """Write the ledger into a folder: whole, as a static log, or a part with proofs."""
    from glovebox.data.counting import counted
    from glovebox.jobs.ledger_checking import find_entries, newest_checkpoint, with_ledger
    from glovebox.jobs.ledger_folder import export_part, export_whole, proof_from

    def act(opened: OpenLedger) -> int:
        source = _epoch(opened, epoch)
        if not begin and end is None:
            return export_whole(source, folder)
        raw = newest_checkpoint(source)
        entries = find_entries(source, begin, end)
        return export_part(
            folder, entries, lambda index, body: proof_from(source, raw, index, body)
        )

    with Failing():
        count = with_ledger(where, act)
    typer.echo(counted(count, "entry", "entries"))


def _policy(path: Path) -> Policy:
    from glovebox.ledger.policy import parse_policy

    return parse_policy(path.read_bytes())


def _kept(head: Path) -> bytes:
    """Return a head that was kept. One that is missing is never passed over: it is the memory."""
    try:
        return head.read_bytes()
    except FileNotFoundError:
        raise typer.BadParameter(
            f"there is no file {head}. The first time there is none: leave --head out, and"
            " --save-head writes it. Later, find it: only a head that was kept shows that nothing"
            " was taken back",
            param_hint="--head",
        ) from None


def _epoch(opened: OpenLedger, epoch: int) -> Any:
    from glovebox.api import reasons
    from glovebox.errors import InvalidInput

    if epoch > len(opened.epochs):
        raise InvalidInput(reasons.LEDGER_ABSENT, f"the ledger has no epoch {epoch}")
    return opened.epochs[epoch - 1]


def _refuse(message: str) -> None:
    from glovebox.data.printable import printable

    typer.secho(f"The proof does not hold: {printable(message)}", fg=typer.colors.RED, err=True)
    raise typer.Exit(_FINDINGS)
