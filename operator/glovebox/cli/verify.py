"""`glovebox verify`.

Checks the seal of an experiment from outside, with a public key and nothing of the cluster.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

if TYPE_CHECKING:
    from glovebox.jobs.verifying import Verified

_FINDINGS = 1
_CANNOT = 2


class Output(StrEnum):
    """How the outcome is shown."""

    TEXT = "text"
    JSON = "json"


def verify(
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
            "--key", help="Public key (PEM): `public.pem` of the Secret glovebox-signing-key."
        ),
    ],
    read_bytes: Annotated[
        bool,
        typer.Option("--bytes/--no-bytes", help="Read and hash every artifact, not only its lock."),
    ] = True,
    save: Annotated[
        Path | None, typer.Option(help="With an S3 source: keep the evidence in this folder.")
    ] = None,
    output: Annotated[
        Output, typer.Option("--output", "-o", help="text, or json for programs.")
    ] = Output.TEXT,
) -> None:
    """Verify a seal. Exit code 0: it holds. 1: something does not. 2: it could not be verified.

    The store is found as every S3 tool finds it: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID
    and so on.
    """
    from glovebox.errors import GloveboxError
    from glovebox.jobs.verifying import verify_folder, verify_store

    try:
        pem = key.read_text()
        if source.startswith("s3://"):
            verified = verify_store(source, pem, read_bytes=read_bytes, save=save)
        else:
            verified = verify_folder(Path(source), pem)
    except (GloveboxError, OSError, UnicodeDecodeError) as error:
        typer.secho(f"It could not be verified: {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(_CANNOT) from None
    _show(verified, output)
    if verified.report.findings:
        raise typer.Exit(_FINDINGS)


def _show(verified: Verified, output: Output) -> None:
    findings = verified.report.findings
    if output is Output.JSON:
        document = {
            "verified": not findings,
            "artifacts": len(verified.report.artifacts),
            "bytesRead": verified.bytes_read,
            "findings": [
                {"what": finding.what, "where": finding.where, "message": finding.message}
                for finding in findings
            ],
        }
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return
    for finding in findings:
        typer.secho(f"{finding.what}  {finding.where}: {finding.message}", fg=typer.colors.RED)
    if findings:
        typer.secho(
            f"The seal does not hold: {len(findings)} findings.", fg=typer.colors.RED, bold=True
        )
        return
    experiment = verified.report.statement["predicate"]["buildDefinition"]["externalParameters"][
        "experiment"
    ]
    typer.secho(f"The seal of {experiment} holds.", fg=typer.colors.GREEN, bold=True)
    typer.echo(
        f"  {len(verified.report.artifacts)} object versions listed and signed; {verified.looked}"
    )
