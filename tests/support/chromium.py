"""Debian's Chromium, without a window."""

from __future__ import annotations

import os
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Give a browser; it ends with the block."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - in no other environment

    program = shutil.which("chromium")
    assert program is not None, "install it: apt-get install chromium"
    # Root has no sandbox of it; what it opens is ours.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield found
        finally:
            await found.close()
