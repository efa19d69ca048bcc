"""Checks a pin: its manifest against what the store holds now, told apart by kind, as a stream.

A loss is only ever reported after that very version was asked for; a store that as a whole does not
answer is an error, never a finding.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.data.compare import Findings, Match, Tally, merge
from glovebox.data.manifest import DigestSource, Entry
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.store.errors import translated
from glovebox.store.listing import head_current, head_version, list_versions
from glovebox.store.manifests import ManifestLocation, fetch_manifest
from glovebox.store.reading import digest_version, in_order
from glovebox.store.sources import PrefixSource, Source
from glovebox.store.telling import Progress, Telling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from glovebox.store.connection import Stop, Store
    from glovebox.store.source_access import SourceAccess

# The store as a whole, not one object, is the trouble: a verification ends instead of counting
# every object as lost.
_STORE_WIDE: Final = frozenset(
    {
        reasons.STORE_UNREACHABLE,
        reasons.STORE_BUSY,
        reasons.STORE_CREDENTIALS_REFUSED,
        reasons.CLOCK_SKEWED,
    }
)


async def verify_pin(
    store: Store,
    source: Source,
    manifest: ManifestLocation,
    *,
    full: bool = False,
    access: SourceAccess | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    artifacts_store: Store | None = None,
    stop: Stop | None = None,
) -> Findings:
    """Compare a pin with what the store holds now.

    A prefix is compared with one listing, and each loss that it shows is confirmed by asking for
    that version; the versions of other sources are asked for one by one, and they know no `extra`.

    Args:
        store: Where the data are.
        source: As the pin was made.
        manifest: As the pin was made.
        full: Read and hash every byte as well.
        access: Which objects may be looked at; None for all.
        on_progress: As in `build_pin`; bytes count those that are pinned.
        artifacts_store: Where the manifest is, when that is another store.
        stop: Ends it; one of its own when absent.

    Raises:
        Refused: `NotGranted`: an object is not, or no longer, granted.
        GloveboxError: The manifest is gone or differs from its digest, or the store as a whole does
            not answer. An object that cannot be read is a finding, no error.
    """
    told = Telling(on_progress)

    def job(stop: Stop) -> Findings:
        tally = Tally()
        entries = fetch_manifest(artifacts_store or store, manifest, stop)
        if access is not None:
            access.check_source(source)
            entries = granted(entries, access)
        judge = functools.partial(_judge, store, full, stop)
        for match, kind in in_order(store, judge, _matches(store, source, entries, stop), stop):
            if kind:
                tally.note(
                    kind, match.entry.path if match.entry else match.key, *_words(match, kind)
                )
            if match.entry:
                told.add(match.entry.size)
        return tally.findings()

    return await store.run_job(job, stop)


def _words(match: Match, kind: str) -> tuple[str, str]:
    """Return what was expected and what was found, as far as a listing says it."""
    entry, listed = match.entry, match.pinned
    if entry is None:
        return "not in the pin", "an object"
    if kind == "changed" and listed is not None and listed.size != entry.size:
        return f"{entry.size} bytes", f"{listed.size} bytes"
    found = {
        "missing": "no such version",
        "hidden": "a newer version or a delete marker over it",
        "changed": "other bytes",
        "unreadable": "it cannot be read",
    }
    return f"version {entry.version_id}", found.get(kind, "")


def are_all_there(store: Store, source: Source, manifest: ManifestLocation, stop: Stop) -> bool:
    """Return whether every version of a manifest that can be read is there. Blocks.

    Args:
        store: Where the data and the manifest are.
        source: As in `verify_pin`.
        manifest: Lists them.
        stop: Looked at between requests.

    Raises as `verify_pin`.
    """
    entries = fetch_manifest(store, manifest, stop)
    judge = functools.partial(_judge, store, False, stop)  # noqa: FBT003 - as `_judge`
    found = in_order(store, judge, _matches(store, source, entries, stop), stop)
    # To the end: what is left early ends all that has the same `stop`.
    lost = [match for match, kind in found if match.entry and kind not in {None, "hidden"}]
    return not lost


def is_store_wide(error: GloveboxError) -> bool:
    """Whether the store as a whole, not one object, is the trouble."""
    return error.reason in _STORE_WIDE


def granted(entries: Iterable[Entry], access: SourceAccess) -> Iterator[Entry]:
    """Yield the entries, as long as each may be looked at.

    Raises:
        Refused: `NotGranted`.
    """
    for entry in entries:
        access.check(entry.bucket, entry.key)
        yield entry


def _matches(store: Store, source: Source, entries: Iterable[Entry], stop: Stop) -> Iterator[Match]:
    """Pair each entry with what the listing says of it.

    Without a listing, every entry awaits confirmation.
    """
    if isinstance(source, PrefixSource):
        return merge(
            _below(entries, source), list_versions(store.wire, source.bucket, source.prefix, stop)
        )
    return (Match(entry, entry.key, ()) for entry in entries)


def _below(entries: Iterable[Entry], source: PrefixSource) -> Iterator[Entry]:
    for entry in entries:
        if entry.bucket != source.bucket or entry.key != source.prefix + entry.path:
            raise InvalidInput(
                reasons.MANIFEST_DIFFERS,
                f"the manifest has s3://{entry.bucket}/{entry.key}, which the pin's prefix does"
                " not cover",
            )
        yield entry


def _judge(store: Store, full: bool, stop: Stop, match: Match) -> str | None:  # noqa: FBT001 - bound by `partial` alone
    """Return the kind of difference of one pinned object, or None.

    It asks the store only where the listing does not settle it.
    """
    kind = match.finding
    entry = match.entry
    if entry is None:
        return kind
    try:
        if kind == "missing":
            kind = _confirmed(store, entry)
        if full and kind in (None, "hidden"):
            hashed = digest_version(
                store.wire,
                entry.bucket,
                entry.key,
                entry.version_id,
                minimum=DigestSource.COMPUTED,
                stop=stop,
                hashing=store.hashing,
            )
            if (hashed.sha256, hashed.size) != (entry.sha256, entry.size):
                return "changed"
    except GloveboxError as error:
        if is_store_wide(error):
            raise
        return "missing" if error.reason == reasons.OBJECT_NOT_FOUND else "unreadable"
    return kind


def _confirmed(store: Store, entry: Entry) -> str | None:
    """Ask for the pinned version itself, and for what is current over it."""
    with translated(f"look for s3://{entry.bucket}/{entry.key} version {entry.version_id}"):
        found = head_version(store.wire, entry.bucket, entry.key, entry.version_id)
        if found is None:
            return "missing"
        if found.size != entry.size:
            return "changed"
        current = head_current(store.wire, entry.bucket, entry.key)
    return None if current is not None and current.version_id == entry.version_id else "hidden"
