"""`glovebox local packages`, `images`, `load` and `build`: what clusters and nodes are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glovebox_local.cli.chosen import Name, existing_environment, reporting


def packages(
    check: Annotated[
        bool, typer.Option("--check", help="Only list; exit code 1 when something is missing.")
    ] = False,
) -> None:
    """Install the Debian packages that `up --node` needs and this machine lacks.

    As root, with apt-get, starting no service.
    """
    from glovebox_local.packages import (
        PACKAGES,
        install_packages,
        missing_packages,
    )
    from glovebox_local.progress import terminal

    if check:
        missing = missing_packages()
        for package in PACKAGES:
            typer.echo(
                f"{'missing' if package in missing else 'there':8} {package.name:28}"
                f" {package.purpose}"
            )
        raise typer.Exit(1 if missing else 0)
    with reporting():
        installed = install_packages(terminal())
    typer.echo(
        f"Installed: {', '.join(package.name for package in installed)}."
        if installed
        else "Every Debian package that nodes need is there."
    )


def images(name: Name = "") -> None:
    """Build the images of Glovebox and of the flights trainer, and print them by digest.

    They are loaded onto the nodes of the environment, where there is one.
    """
    from glovebox_local.demo.stage import find_repository
    from glovebox_local.environment import find_environment
    from glovebox_local.image_build import GLOVEBOX, TRAINER, ensure_image
    from glovebox_local.paths import default_name
    from glovebox_local.progress import terminal

    with reporting():
        repository = find_repository()
        environment = find_environment(name or default_name("local"))
        build = environment.driver.build_image if environment else ensure_image
        built = [build(source, repository, terminal()) for source in (GLOVEBOX, TRAINER)]
        if environment and environment.driver.runs_pods:
            for image in built:
                environment.driver.load_image(image.archive, image.reference)
    for image in built:
        typer.echo(f"{image.reference}\n  {image.archive}")


def load(
    archive: Annotated[
        Path,
        typer.Argument(
            help="An OCI archive, such as `docker buildx build --output type=oci,dest=FILE` writes."
        ),
    ],
    repository: Annotated[
        str,
        typer.Argument(
            metavar="REPOSITORY",
            help="The name that pods use, such as registry.example/team/trainer.",
        ),
    ],
    name: Name = "",
) -> None:
    """Bring an image of your own onto the nodes; print the name by which a pod starts it."""
    from glovebox_local.images import read_digests

    with reporting():
        driver = existing_environment(name).driver
        for digest in read_digests(archive):
            reference = f"{repository}@{digest}"
            driver.load_image(archive, reference)
            typer.echo(reference)


def build(
    node: Annotated[
        bool,
        typer.Option(
            "--node", help="Also what nodes need: the first time 11 minutes more on two cores."
        ),
    ] = False,
) -> None:
    """Build all programs into the cache, so that later steps need not."""
    from glovebox_local.programs import (
        NODE_PROGRAMS,
        PLANE_PROGRAMS,
        ensure_programs,
        program_folder,
    )
    from glovebox_local.progress import terminal

    with reporting():
        programs = (*PLANE_PROGRAMS, *(NODE_PROGRAMS if node else ()))
        ensure_programs(programs, terminal())
        for program in programs:
            typer.echo(program_folder(program))
