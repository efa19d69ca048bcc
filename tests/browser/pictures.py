"""Draw the pictures of `glovebox ui` in the docs: `make pictures`, from the folder `tests`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import yaml

from support.browsed import BrowsedCluster, declared, fleet, served
from support.chromium import chromium

_FOLDER: Final = Path(__file__).parents[2] / "docs" / "img"
_PICTURES: Final[tuple[tuple[str, Any, str], ...]] = (
    ("fleet", "light", ""),
    ("experiment", "light", "object/experiment/team-flights/delays"),
    ("waiting", "dark", "object/experiment/team-weather/waiting"),
    ("lineage", "light", "lineage?of=team-flights/delays"),
    ("compare", "light", "compare?of=team-flights/delays+team-weather/deeper"),
)


async def draw() -> None:
    """Write each picture anew."""
    cluster = BrowsedCluster([*declared(), *fleet(340)])
    async with chromium() as browser, served(cluster) as first:
        for name, scheme, address in _PICTURES:
            page = await browser.new_page(
                color_scheme=scheme, viewport={"width": 1280, "height": 860}
            )
            await page.goto(first + address)
            await page.screenshot(path=_FOLDER / f"ui-{name}.png")


if __name__ == "__main__":
    # As the tests' conftest does: the parser in Python reads some of the files otherwise.
    yaml.SafeLoader = yaml.CSafeLoader  # type: ignore[misc,assignment]
    asyncio.run(draw())
