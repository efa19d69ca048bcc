"""Which address of `glovebox ui` shows what, and what is shown where that is nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from glovebox.api.kinds import KINDS
from glovebox.cli.experiments import is_missing
from glovebox.cli.ui.lineage import lineage_view
from glovebox.cli.ui.listing import fleet_view, pins_view
from glovebox.cli.ui.objects import object_view
from glovebox.errors import GloveboxError, Unavailable
from glovebox.kube.resources import Key
from glovebox.report import addresses, words
from glovebox.report.browse import Site, View, problem, render_view

if TYPE_CHECKING:
    from glovebox.cli.experiments import KubeconfigCluster


# What the API server takes as a name. Two dots would be another path of it.
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


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
            case [addresses.OBJECT, singular, *where]:
                key = _key(singular, where)
                obj = self._cluster.find(key) if key is not None else None
                if key is not None and obj is not None:
                    return object_view(cluster, key, {"kind": key.kind, **obj}, now)
                if key is not None:
                    return _nothing(f"{key.kind} {'/'.join(where)} is not there.", words.time(now))
        return _nothing("There is no such page.", words.time(now))


def _wrongly_asked(query: Mapping[str, str], now: datetime) -> View | None:
    asked = query.get("namespace", "").strip()
    if not asked or _NAME.fullmatch(asked):
        return None
    text = f"{asked} is no name of a namespace."
    return problem("Not found", text, HTTPStatus.BAD_REQUEST, words.time(now))


def _key(singular: str, where: Sequence[str]) -> Key | None:
    kind = next((each for each in KINDS if each.singular == singular), None)
    is_whole = kind is not None and len(where) == 1 + kind.namespaced
    if kind is None or not is_whole or not all(map(_NAME.fullmatch, where)):
        return None
    return Key(kind.kind, where[0] if kind.namespaced else "", where[-1])


def _nothing(text: str, made: str) -> View:
    return problem("Not found", text, HTTPStatus.NOT_FOUND, made)


def _problem(error: GloveboxError, made: str) -> View:
    if isinstance(error, Unavailable) and is_missing(error):
        return _nothing(str(error), made)
    if getattr(error.__cause__, "status", None) == HTTPStatus.FORBIDDEN:
        title = "Your rights do not allow it"
        return problem(title, str(error), HTTPStatus.FORBIDDEN, made)
    return problem("It could not be read", str(error), HTTPStatus.BAD_GATEWAY, made)
