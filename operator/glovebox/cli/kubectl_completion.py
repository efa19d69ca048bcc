"""`kubectl_complete-glovebox`: what kubectl runs to complete a line of `kubectl glovebox`.

kubectl finds it on PATH beside the plug-in. Its words are those behind `kubectl glovebox`, and the
last one is unfinished; it prints what may stand there, one a line, and a directive of kubectl's.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
from typing import Final

from glovebox.cli.main import app

_PROGRAM: Final = "glovebox"
# Where nothing was printed, kubectl's shell completes names of files.
_ELSE_FILES: Final = ":0"


def main() -> None:
    """Print what may stand there: what the shell is offered for `glovebox` itself."""
    *before, unfinished = sys.argv[1:] or [""]
    os.environ |= {
        "_GLOVEBOX_COMPLETE": "complete_bash",
        "COMP_WORDS": f"{shlex.join([_PROGRAM, *before])} {unfinished}",
        "COMP_CWORD": str(len(before) + 1),
    }
    offered = io.StringIO()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(offered):
        app(prog_name=_PROGRAM)
    # Without the empty line that stands for nothing: kubectl would offer it.
    lines = filter(None, offered.getvalue().splitlines())
    print(*lines, _ELSE_FILES, sep="\n")  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
