"""Holds a whole test run to it that no secret is in anything that it put out."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from support.leaks import find_leaks
from support.outputs import of_evidence, of_files, of_objects, of_pages, of_programs
from support.secret_watch import add_store_keys, watched_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from support.cluster import Cluster
    from support.leaks import Output, SecretsInPlay


def outputs_of(
    cluster: Cluster, logs: Path, pages: Callable[[], Mapping[str, str]]
) -> Iterator[Output]:
    """Yield everything that was put out.

    Args:
        cluster: Whose objects, evidence and programs.
        logs: Folder with the logs of operators, and of the cluster.
        pages: What the operator shows at present, by path.
    """
    yield from of_files([logs])
    yield from of_pages("the operator", pages())
    yield from of_programs(cluster.said)
    yield from of_evidence(cluster.store.client())
    yield from of_objects(cluster.api)


@contextlib.contextmanager
def without_leaks(
    cluster: Cluster, logs: Path, pages: Callable[[], Mapping[str, str]]
) -> Iterator[SecretsInPlay]:
    """At the end of the block, search every output for every secret that was in play during it."""
    with watched_secrets(lambda: cluster.api) as secrets:
        yield secrets
    expect_no_leaks(cluster, secrets, logs, pages)


def expect_no_leaks(
    cluster: Cluster, secrets: SecretsInPlay, logs: Path, pages: Callable[[], Mapping[str, str]]
) -> None:
    """Search every output, and look that there was something to search, and to search for."""
    looked_at: Counter[str] = Counter()

    def counted() -> Iterator[Output]:
        for output in outputs_of(cluster, logs, pages):
            looked_at[output.where.partition(" ")[0]] += 1
            yield output

    add_store_keys(secrets, cluster.store)
    leaks = find_leaks(secrets, counted())
    assert not leaks, "secrets were put out:\n" + "\n".join(map(str, leaks))
    assert len(secrets) > 2, "no secret but the store's keys was in play"
    for kind in ("file", "page", "output", "object", "Event"):
        assert looked_at[kind], f"no {kind} was searched: {looked_at}"
