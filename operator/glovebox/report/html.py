"""A page as one HTML file: no script, nothing from elsewhere, readable on paper too.

Every text comes from tenants in the end. Jinja escapes it for HTML; `printable` shows what would
hide, or turn the direction of what follows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from glovebox.data.printable import printable
from glovebox.report.drawing import drawn
from glovebox.report.page import (
    Code,
    Drawn,
    Facts,
    Link,
    Mark,
    Nested,
    Page,
    Pictures,
    Share,
    Table,
    Words,
)

_TEMPLATE: Final = "page.html.jinja"
_PARTS: Final = (Mark, Code, Share, Link, Facts, Table, Words, Pictures, Nested, Drawn)


def render(page: Page) -> str:
    """Return a page as HTML. Equal pages give equal text."""
    return template(_TEMPLATE).render(page=page, base="")


@cache
def template(name: str) -> Template:
    """Return a template that knows what a page is made of."""
    environment = Environment(
        loader=PackageLoader("glovebox.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = _shown
    environment.filters["drawn"] = drawn
    environment.filters["markup"] = Markup
    environment.filters["percent"] = lambda of: f"{min(max(of, 0.0), 1.0):.1%}"
    for part in _PARTS:
        environment.tests[part.__name__.lower()] = _is_a(part)
    return environment.get_template(name)


def _shown(text: str) -> str:
    # Line by line: what people wrote in lines is read in lines.
    return "\n".join(map(printable, text.splitlines()))


def _is_a(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, kind)
