"""Debian's Chromium, driven by Playwright: `make test-browser` brings both, nothing else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from support.chromium import chromium

if TYPE_CHECKING:
    from playwright.async_api import Browser


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser with nothing in it."""
    async with chromium() as found:
        yield found
