"""A page as one HTML file: no script, nothing from elsewhere, readable on paper too.

Every text comes from tenants in the end. Jinja escapes it for HTML; `printable` shows what would
hide, or turn the direction of what follows.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from glovebox.data.printable import printable
from glovebox.report import page as parts
from glovebox.report.drawing import drawn
from glovebox.report.page import Page

_TEMPLATE: Final = "page.html.jinja"


def render(page: Page) -> str:
    """Return a page as HTML. Equal pages give equal text."""
    return _template().render(page=page)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("glovebox.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = _shown
    environment.filters["drawn"] = drawn
    environment.filters["percent"] = lambda of: f"{min(max(of, 0.0), 1.0):.1%}"
    for name in ("Mark", "Code", "Share", "Facts", "Table", "Words", "Pictures"):
        environment.tests[name.lower()] = _is_a(name)
    return environment.get_template(_TEMPLATE)


def _shown(text: str) -> str:
    # Line by line: what people wrote in lines is read in lines.
    return "\n".join(map(printable, text.splitlines()))


def _is_a(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a test of Jinja
    kind = getattr(parts, name)
    return lambda value: isinstance(value, kind)
