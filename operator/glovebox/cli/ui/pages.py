"""Which address of `glovebox ui` shows what, and what is shown where that is nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from glovebox.cli.experiments import is_missing
from glovebox.cli.ui.compare import compare_view
from glovebox.cli.ui.lineage import lineage_view
from glovebox.cli.ui.listing import fleet_view, pins_view
from glovebox.cli.ui.naming import NAME, key_of
from glovebox.cli.ui.objects import object_view
from glovebox.errors import GloveboxError, Unavailable
from glovebox.report import addresses, words
from glovebox.report.browse import Site, View, problem, render_view

if TYPE_CHECKING:
    from glovebox.cli.experiments import KubeconfigCluster


class Pages:
    """The pages, read with the rights of whoever started the program.

    Args:
        cluster: What they show.
        base: Where all their addresses begin.
        namespace: What is listed where nobody names a namespace; empty for all.
        clock: Returns the present time.
    """

    def __init__(
        self,
        cluster: KubeconfigCluster,
        base: str,
        namespace: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._site = Site(base, cluster.server)
        self._namespace = namespace
        self._clock = clock

    def html(self, path: str, query: Mapping[str, str]) -> tuple[int, str]:
        """Return the status of HTTP and the text of a page.

        Args:
            path: Its address below that of the first page, its parts quoted no more.
            query: What is asked for.
        """
        now = self._clock()
        try:
            view = _wrongly_asked(query, now) or self._view(path.split("/"), query, now)
        except GloveboxError as error:
            view = _problem(error, words.time(now))
        here = addresses.with_query(path, query, kept=query)
        return view.code, render_view(view, self._site, here if view.active else "")

    def _view(self, parts: Sequence[str], query: Mapping[str, str], now: datetime) -> View:
        cluster, namespace = self._cluster, self._namespace
        match parts:
            case [""] | [addresses.FLEET]:
                return fleet_view(cluster, query, namespace, now)
            case [addresses.PINS]:
                return pins_view(cluster, query, namespace, now)
            case [addresses.LINEAGE]:
                return lineage_view(cluster, query, namespace, now, self._site.base)
            case [addresses.COMPARE]:
                return compare_view(cluster, query, namespace, now)
            case [addresses.OBJECT, singular, *where]:
                return self._object(singular, where, now)
        return _nothing("There is no such page.", words.time(now))

    def _object(self, singular: str, where: Sequence[str], now: datetime) -> View:
        key = key_of(singular, where)
        if key is None:
            return _nothing("There is no such page.", words.time(now))
        obj = self._cluster.find(key)
        if obj is None:
            return _nothing(f"{key.kind} {'/'.join(where)} is not there.", words.time(now))
        return object_view(self._cluster, key, {"kind": key.kind, **obj}, now)


def _wrongly_asked(query: Mapping[str, str], now: datetime) -> View | None:
    asked = query.get("namespace", "").strip()
    if not asked or NAME.fullmatch(asked):
        return None
    text = f"{asked} is no name of a namespace."
    return problem("Not found", text, HTTPStatus.BAD_REQUEST, words.time(now))


def _nothing(text: str, made: str) -> View:
    return problem("Not found", text, HTTPStatus.NOT_FOUND, made)


def _problem(error: GloveboxError, made: str) -> View:
    if isinstance(error, Unavailable) and is_missing(error):
        return _nothing(str(error), made)
    if getattr(error.__cause__, "status", None) == HTTPStatus.FORBIDDEN:
        title = "Your rights do not allow it"
        return problem(title, str(error), HTTPStatus.FORBIDDEN, made)
    return problem("It could not be read", str(error), HTTPStatus.BAD_GATEWAY, made)
