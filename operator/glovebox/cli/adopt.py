"""`glovebox adopt`: after a restore, which Experiments take over what was run before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from glovebox.cli.named import qualified

if TYPE_CHECKING:
    from glovebox.cli.parted import Parted

_REFUSED = 1
_CANNOT = 2


def adopt(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(help="NAMESPACE/NAME of each Experiment that takes its former run over."),
    ] = None,
    bucket: Annotated[
        str, typer.Option(help="The bucket of artifacts (`spec.artifacts.bucket`).")
    ] = "",
    uid: Annotated[
        str, typer.Option(help="Which former one, where several of a name were run.")
    ] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Adopt whatever is adoptable and not ambiguous.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what store and cluster know, change nothing.")
    ] = False,
) -> None:
    """Let Experiments that a restore created again take over what the former ones have run.

    Exit code 0: done. 1: something that was asked for cannot be adopted. 2: store or cluster could
    not be asked. The store is found as every S3 tool finds it (AWS_ENDPOINT_URL, AWS_REGION, ...),
    the cluster as kubectl finds it. Setting `spec.adopts` needs the verb `adopt` on Experiments.
    """
    from glovebox.cli import experiments as reached
    from glovebox.cli import parted as parting
    from glovebox.data.printable import printable
    from glovebox.errors import GloveboxError

    if not bucket:
        raise typer.BadParameter("--bucket names the bucket of artifacts")
    if not (experiments or every or dry_run):
        raise typer.BadParameter("name Experiments, or give --all or --dry-run")
    for name in experiments or ():
        qualified(name, "EXPERIMENTS")
    try:
        cluster = reached.KubeconfigCluster()
        listed = parting.parted(parting.read_store(bucket), cluster.experiments())
        if dry_run:
            _show(listed)
            return
        chosen, problems = _chosen(listed, experiments or [], uid, every=every)
        for each in chosen:
            namespace, _, name = each.experiment.partition("/")
            cluster.adopt(namespace, name, each.uid)
            typer.echo(f"{each.experiment} takes over the run of UID {printable(each.uid)}")
    except GloveboxError as error:
        typer.secho(printable(str(error)), fg=typer.colors.RED, err=True)
        raise typer.Exit(_CANNOT) from None
    for problem in problems:
        typer.secho(problem, fg=typer.colors.RED, err=True)
    if problems:
        raise typer.Exit(_REFUSED)


def _chosen(
    listed: list[Parted], wanted: list[str], uid: str, *, every: bool
) -> tuple[list[Parted], list[str]]:
    """Return what is to be adopted, and why something cannot be."""
    adoptable = [each for each in listed if each.finding == "adoptable"]
    names = dict.fromkeys(each.experiment for each in adoptable) if every else wanted
    chosen, problems = [], []
    for name in names:
        found = [each for each in adoptable if each.experiment == name and uid in ("", each.uid)]
        if len(found) == 1:
            chosen += found
        elif found:
            uids = ", ".join(each.uid for each in found)
            problems.append(f"{name}: several were run: {uids}; name one with --uid")
        else:
            said = {each.finding for each in listed if each.experiment == name}
            why = ", ".join(sorted(said)) or "the store has no run of that name"
            problems.append(f"{name}: nothing to adopt: {why}; `--dry-run` lists all")
    return chosen, problems


def _show(listed: list[Parted]) -> None:
    from glovebox.data.printable import printable

    for each in listed:
        seal = "sealed" if each.sealed else "not sealed"
        began = f", begun {printable(each.began)}" if each.began else ""
        name, uid = printable(each.experiment), printable(each.uid)
        typer.echo(f"{each.finding:21} {name}  UID {uid}{began}, {seal}")
    if not listed:
        typer.echo("Store and cluster know the same runs.")
