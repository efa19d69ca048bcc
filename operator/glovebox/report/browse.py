"""Pages of `glovebox ui` as HTML: what a report is made of, with a way from one to the next.

As of a report: no script, nothing from elsewhere, every text escaped. No page has a style of its
own, so that the server's Content-Security-Policy allows its one style sheet and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Final

from glovebox.report import addresses
from glovebox.report.html import template
from glovebox.report.page import Link, Mark, Page, Section, Tone, Words

_TEMPLATE: Final = "browse.html.jinja"
_TEMPLATES: Final = "templates"
# What every page leads to.
MAIN: Final = (
    Link("Experiments", addresses.FLEET),
    Link("Pins", addresses.PINS),
    Link("Lineage", addresses.LINEAGE),
    Link("Compare", addresses.COMPARE),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to choose.

    Attributes:
        value: What is asked for with it.
        text: What it is called.
    """

    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form.

    Attributes:
        name: What it is called in an address.
        label: What it is called by people.
        value: What is in it.
        hint: What is shown while nothing is; empty for nothing.
        choices: What to choose from; none where anything can be typed.
    """

    name: str
    label: str
    value: str
    hint: str = ""
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """What can be asked for on a page.

    Attributes:
        to: Where the answer is.
        fields: The fields.
        button: What the button says.
    """

    to: str
    fields: tuple[Field, ...]
    button: str


@dataclass(frozen=True, slots=True)
class View:
    """A page, and where one can go from it.

    Attributes:
        page: The page.
        active: Address of the one of `MAIN` that it belongs to; empty for none.
        links: Others that it leads to.
        form: What can be asked for.
        following: Leads to what comes after it; None where nothing does.
        code: The status of HTTP with which it is answered.
    """

    page: Page
    active: str = ""
    links: tuple[Link, ...] = ()
    form: Form | None = None
    following: Link | None = None
    code: int = 200


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages have in common.

    Attributes:
        base: Where the addresses of all pages begin.
        server: Whose objects they show.
    """

    base: str
    server: str


def render_view(view: View, site: Site, here: str) -> str:
    """Return a page as HTML.

    Args:
        view: The page.
        site: What all pages have in common.
        here: Its own address, below `site.base`.
    """
    return template(_TEMPLATE).render(
        view=view, page=view.page, site=site, base=site.base, main=MAIN, here=here
    )


@cache
def style() -> str:
    """Return the style sheet of all pages."""
    folder = files("glovebox.report") / _TEMPLATES
    return "".join((folder / name).read_text("utf-8") for name in ("page.css", "browse.css"))


@cache
def icon() -> str:
    """Return the picture by which a browser names the pages, as SVG."""
    return (files("glovebox.report") / _TEMPLATES / "icon.svg").read_text("utf-8")


def unread(title: str, error: Exception) -> Section:
    """Return a part of a page that could not be read, with the API server's word."""
    return Section(title, (Words(str(error)),), Mark("Could not be read", Tone.BAD))


def problem(title: str, text: str, code: int, made: str) -> View:
    """Return a page that says why there is none.

    Args:
        title: What is the matter, in a few words.
        text: The same in a sentence.
        code: The status of HTTP.
        made: When the page is made.
    """
    return View(Page("", title, "", (), text, (), made), code=code)


def with_sections(page: Page, before: tuple[Section, ...], after: tuple[Section, ...]) -> Page:
    """Return a page with more sections."""
    return replace(page, sections=(*before, *page.sections, *after))
