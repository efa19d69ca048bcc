"""How a command is told of one object, as kubectl is: a kind, and NAMESPACE/NAME or NAME and -n."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import typer

from glovebox.data.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from glovebox.api.kinds import Kind

# What people say instead of the kind's name.
_SAID: Final = {"pin": "datasetpin", "pins": "datasetpins"}


def kind_named(said: str, kinds: Iterable[Kind] | None = None) -> Kind:
    """Return the kind that somebody typed as kubectl takes it, or `pin` for a DatasetPin.

    Args:
        said: `experiment`, `gexp`, `datasetpins`, `objectstores.glovebox.dev`, ...
        kinds: Those that the command knows; None for all.

    Raises:
        typer.BadParameter: It is none of these.
    """
    from glovebox.api.kinds import KINDS

    known = tuple(KINDS if kinds is None else kinds)
    asked = said.lower().removesuffix(".glovebox.dev")
    asked = _SAID.get(asked, asked)
    for each in known:
        if asked in {each.plural, each.singular, *each.short_names}:
            return each
    raise typer.BadParameter(
        f"must be one of {', '.join(each.singular for each in known)}", param_hint="KIND"
    )


def namespaced(name: str, namespace: str) -> tuple[str, str]:
    """Return the namespace and the name of what somebody typed.

    Args:
        name: NAME, or NAMESPACE/NAME.
        namespace: Of `--namespace`; empty where it was not given.

    Raises:
        typer.BadParameter: The namespace is missing, or there are two that differ.
    """
    before, slash, short = name.rpartition("/")
    if not short or "/" in before or (slash and not before):
        raise typer.BadParameter("write NAMESPACE/NAME, or NAME and -n", param_hint="NAME")
    if not before and not namespace:
        raise typer.BadParameter(
            f"which namespace? Write NAMESPACE/{short}, or -n NAMESPACE", param_hint="NAME"
        )
    if before and namespace not in {"", before}:
        raise typer.BadParameter(f"{name} is not in namespace {namespace}", param_hint="-n")
    return before or namespace, short


def qualified(name: str, hint: str = "NAME") -> tuple[str, str]:
    """Return the namespace and the name of what is written as NAMESPACE/NAME.

    Args:
        name: What somebody typed.
        hint: What it was typed for: an argument, or an option.

    Raises:
        typer.BadParameter: It is something else.
    """
    namespace, _, short = name.partition("/")
    if not namespace or not short or "/" in short:
        raise typer.BadParameter(
            f"name it NAMESPACE/NAME, and not {printable(name)}", param_hint=hint
        )
    return namespace, short
