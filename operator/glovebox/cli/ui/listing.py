"""The pages that list: Experiments, and pins of each kind.

A list is read in pages, as the API server gives it. A demand is looked for in as many of them as
fill a page, and at most in `_READ_MOST` objects: the page says how many were read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from glovebox.data.counting import counted
from glovebox.errors import Unavailable
from glovebox.report import addresses, words
from glovebox.report.browse import Choice, Field, Form, View, unread
from glovebox.report.listings import EXPERIMENTS, PINS, Listing, Row
from glovebox.report.page import Block, Link, Page, Section, Table, Words
from glovebox.report.working import why_idle

if TYPE_CHECKING:
    from glovebox.cli.experiments import KubeconfigCluster, Listed

# So many rows a page has; with a demand so many objects are read to find them.
_ROWS: Final = 100
_READ_AT_ONCE: Final = 500
_READ_MOST: Final = 10_000


def fleet_view(
    cluster: KubeconfigCluster, query: Mapping[str, str], namespace: str, now: datetime
) -> View:
    """Return the page that lists Experiments.

    Args:
        cluster: Whose.
        query: What is asked for.
        namespace: Of which namespace, where that is not asked for; empty for all.
        now: The present time.
    """
    idle = why_idle(cluster.operator_lease(), now) or ""
    return _listed(cluster, EXPERIMENTS, addresses.FLEET, query, namespace, now, idle)


def pins_view(
    cluster: KubeconfigCluster, query: Mapping[str, str], namespace: str, now: datetime
) -> View:
    """Return the page that lists pins of one kind; see `fleet_view`."""
    listing = next((each for each in PINS if each.kind == query.get("kind")), PINS[0])
    return _listed(cluster, listing, addresses.PINS, query, namespace, now)


def _listed(
    cluster: KubeconfigCluster,
    listing: Listing,
    to: str,
    query: Mapping[str, str],
    namespace: str,
    now: datetime,
    summary: str = "",
) -> View:
    # Empty is a demand as well: for all namespaces.
    asked = {
        "kind": listing.kind if listing in PINS else "",
        "namespace": query.get("namespace", namespace).strip(),
        "q": query.get("q", "").strip(),
        "show": query.get("show", ""),
        "from": query.get("from", ""),
    }
    following = None
    try:
        rows, read, page = _rows(cluster, listing, asked, now)
    except Unavailable as error:
        section = unread(f"{listing.kind}s", error)
        hints = tuple(_where_to_look(error, asked))
        section = Section(section.title, (*section.blocks, *hints), section.mark)
    else:
        if page.following:
            left = f" (about {words.number(page.left)} more)" if page.left is not None else ""
            following = Link(f"Go on{left}", _address(to, {**asked, "from": page.following}))
        table = Table(listing.headings, tuple(each.cells for each in rows))
        # Where there are none, the title says so, and the table is left out.
        section = Section(_said(listing, rows, read, asked, page), (table,))
    whose = f"namespace {asked['namespace']}" if asked["namespace"] else "all namespaces"
    made = Page("", f"{listing.kind}s of {whose}", "", (), summary, (section,), words.time(now))
    return View(made, to, form=_form(listing, to, asked), following=following)


def _rows(
    cluster: KubeconfigCluster, listing: Listing, asked: Mapping[str, str], now: datetime
) -> tuple[list[Row], int, Listed]:
    """Return the rows that are asked for, how many objects were read for them, and the last page.

    The next page begins where a page of the API server ends, so one has more rows than `_ROWS`
    where many of those that were read last are asked for. A server whose pages are short, or empty,
    is asked no more often than for full ones.
    """
    rows: list[Row] = []
    read, asked_for, following = 0, 0, asked["from"]
    most = _READ_AT_ONCE if asked["q"] or asked["show"] else _ROWS
    while True:
        page = cluster.page(listing.kind, asked["namespace"], most, following)
        read += len(page.objects)
        found = (listing.row(each, now) for each in page.objects)
        rows += (each for each in found if each.fits(asked["q"], asked["show"]))
        following, asked_for = page.following, asked_for + most
        if not following or len(rows) >= _ROWS or asked_for >= _READ_MOST:
            return rows, read, page


def _said(
    listing: Listing, rows: list[Row], read: int, asked: Mapping[str, str], page: Listed
) -> str:
    if not read and not asked["from"]:
        return "None"
    shown = counted(len(rows), listing.kind)
    if asked["q"] or asked["show"]:
        shown = f"{shown} of {words.number(read)} that were read"
    begin = "The next " if asked["from"] else ""
    return f"{begin}{shown}{', and there are more' if page.following else ''}"


def _where_to_look(error: Unavailable, asked: Mapping[str, str]) -> Iterator[Block]:
    code = getattr(error.__cause__, "status", None)
    if code == HTTPStatus.FORBIDDEN and not asked["namespace"]:
        yield Words("Name a namespace above in which you may list them.")
    if code == HTTPStatus.GONE and asked["from"]:
        yield Words("The list is older than the API server keeps one: begin again with Search.")


def _form(listing: Listing, to: str, asked: Mapping[str, str]) -> Form:
    kinds = tuple(Choice(each.kind, f"{each.kind}s") for each in PINS)
    choices = tuple(Choice(*each) for each in listing.choices)
    kind = (Field("kind", "Kind", listing.kind, choices=kinds),) if listing in PINS else ()
    return Form(
        to,
        (
            *kind,
            Field("namespace", "Namespace", asked["namespace"], "all"),
            Field("q", "Search", asked["q"], "names, reasons, digests"),
            Field("show", "Which", asked["show"], choices=choices),
        ),
        "Search",
    )


def _address(to: str, asked: Mapping[str, str]) -> str:
    # An empty namespace is kept: it asks for all, where the program was started for one.
    return addresses.with_query(to, asked, kept=("namespace",))
