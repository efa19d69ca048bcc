"""How a command is told of one object: NAMESPACE/NAME, or NAME with `-n NAMESPACE` as kubectl."""

from __future__ import annotations

import typer


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
