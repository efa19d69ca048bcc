"""`glovebox render`: the objects that an Experiment would get, from files alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glovebox.cli.failing import CANNOT, Failing


def render(
    files: Annotated[
        list[Path],
        typer.Argument(
            help=(
                "YAML or JSON, or folders of it: the Experiments, their profile, stores and pins."
            )
        ),
    ],
    image: Annotated[
        str, typer.Option(help="The operator's image by digest, where a Job is to name it.")
    ] = "",
) -> None:
    """Print the objects that Experiments would get as YAML, without a cluster.

    Everything that an Experiment refers to has to be in the files. Pins, stores and profiles count
    as Ready; a pin without a status gets a made-up digest, so that the snapshot's digest and the
    name of the namespace are not those of the cluster.

    Exit code 0: printed. 1: something would be refused. 2: the files cannot be read, or hold no
    Experiment. 3: something it refers to is not in the files.
    """
    import yaml
    from pydantic import ValidationError

    from glovebox.cli.planning import Verdict, read_objects, rendered
    from glovebox.controllers.experiment.preview import SOME_IMAGE
    from glovebox.data.printable import printable
    from glovebox.settings import Settings

    try:
        Settings(image=image or SOME_IMAGE)
    except ValidationError:
        raise typer.BadParameter(
            "name it by digest, as `registry.example/glovebox@sha256:...`", param_hint="--image"
        ) from None
    with Failing(""):
        objects = [each for file in files for each in read_objects(file)]
        found = rendered(objects, image or SOME_IMAGE)
    if not any(each["kind"] == "Experiment" for each in objects):
        typer.secho("the files hold no Experiment", fg=typer.colors.RED, err=True)
        raise typer.Exit(CANNOT)
    for each in found:
        if each.verdict is Verdict.ACCEPTED:
            documents = list(each.objects)
            text = yaml.safe_dump_all(documents, sort_keys=False, explicit_start=True, width=100)
            typer.echo(text, nl=False)
        else:
            typer.secho(
                printable(f"{each.key}: {each.reason}: {each.message}"),
                fg=typer.colors.RED,
                err=True,
            )
    verdicts = {each.verdict for each in found}
    for worst in (Verdict.REFUSED, Verdict.WAITS):
        if worst in verdicts:
            raise typer.Exit(worst)
