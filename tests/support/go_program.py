"""Programs of the tests that are written in Go: they ask Go's libraries what these make of ours."""

from __future__ import annotations

from pathlib import Path

from glovebox_local.go_build import run_go
from glovebox_local.toolchain import find_toolchain


def built(name: str, go: str, folder: Path) -> Path:
    """Return the program of `tests/support/NAME`, built into a folder; its log is beside it.

    Args:
        name: Of the folder of its module.
        go: The version of Go that its module wants at least.
        folder: Where to build it.
    """
    toolchain = find_toolchain(go)
    toolchain.fetch(lambda _: None)
    program = folder / name
    command = [str(toolchain.command), "build", "-mod=readonly", "-trimpath", "-buildvcs=false"]
    module = Path(__file__).parent / name
    run_go([*command, "-o", str(program), "."], module, folder / "log", lambda _: None)
    return program
