"""`python -m glovebox.cli`: the command where its script is not on PATH."""

from __future__ import annotations

from glovebox.cli.main import app

app()
