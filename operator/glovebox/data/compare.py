"""A manifest against what the store lists now, in one pass over two sorted streams."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from glovebox.data.paths import is_folder_marker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from glovebox.data.manifest import Entry

MAX_SAMPLES: Final = 20
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """One version, or one delete marker, as the store lists it.

    Attributes:
        modified: Since when the store has it, as it spells that; empty where it is not listed.
    """

    key: str
    version_id: str
    size: int
    is_latest: bool
    is_delete_marker: bool = False
    modified: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """One pinned object that is not what it was.

    Args:
        kind: One of KINDS.
        path: Of the object; of an extra one its key.
        expected: What was pinned or seen before, for a person.
        found: What is there now, for a person.
    """

    kind: str
    path: str
    expected: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """How many pinned objects differ from their manifest, by kind, with at most 20 examples.

    Args:
        changed: The pinned version is there with another size or other bytes.
        missing: The pinned version is gone.
        hidden: A delete marker or a newer version lies over the pinned one; reading by version id
            still works.
        extra: Keys below the prefix that the manifest does not hold.
        unreadable: The pinned version is listed, but its bytes could not be read.
        samples: `<kind> <path or key>`.
        weakened: The lock of the pinned version ends earlier than it did, or is weaker.
        details: The same examples with what was expected and what was found; of listings those
            for which there is more to say. Two findings are the same whatever the words.
    """

    changed: int = 0
    missing: int = 0
    hidden: int = 0
    extra: int = 0
    unreadable: int = 0
    samples: tuple[str, ...] = ()
    weakened: int = 0
    details: tuple[Difference, ...] = field(default=(), compare=False)

    @property
    def intact(self) -> bool:
        """Whether every pinned byte can still be had.

        Hidden and extra objects do not harm a read by version id, nor does a weaker lock.
        """
        return self.changed == self.missing == self.unreadable == 0

    @property
    def clean(self) -> bool:
        """Whether there is nothing to report at all."""
        return self.intact and self.hidden == self.extra == self.weakened == 0

    def summary(self) -> str:
        """Return `2 missing, 1 hidden (missing a.csv, ...)`, or `no difference`."""
        counts = [f"{getattr(self, kind)} {kind}" for kind in KINDS if getattr(self, kind)]
        if not counts:
            return "no difference"
        shown = (
            f" ({', '.join(self.samples[:_SHOWN])}{', ...' if len(self.samples) > _SHOWN else ''})"
            if self.samples
            else ""
        )
        return ", ".join(counts) + shown


KINDS: Final = ("changed", "missing", "unreadable", "weakened", "hidden", "extra")


@dataclass(slots=True)
class Tally:
    """Counts findings while they come; safe to feed from one thread."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    samples: list[str] = field(default_factory=list)
    details: list[Difference] = field(default_factory=list)

    def note(self, kind: str, name: str, expected: str = "", found: str = "") -> None:
        """Count one finding of a kind and keep it as an example while there is room."""
        self.counts[kind] += 1
        if len(self.samples) < MAX_SAMPLES:
            self.samples.append(f"{kind} {name}")
            self.details.append(Difference(kind, name, expected, found))

    def findings(self) -> Findings:
        """Return what was counted."""
        return Findings(**self.counts, samples=tuple(self.samples), details=tuple(self.details))


@dataclass(frozen=True, slots=True)
class Match:
    """A pinned object and what the listing says of its key; either side may be absent."""

    entry: Entry | None
    key: str
    versions: tuple[ListedVersion, ...]

    @property
    def pinned(self) -> ListedVersion | None:
        """The listed version that the manifest names."""
        if self.entry is None:
            return None
        return next(
            (
                each
                for each in self.versions
                if each.version_id == self.entry.version_id and not each.is_delete_marker
            ),
            None,
        )

    @property
    def finding(self) -> str | None:
        """The kind of difference that the listing alone shows, or None."""
        if self.entry is None:
            return (
                "extra"
                if any(
                    each.is_latest
                    and not each.is_delete_marker
                    and not is_folder_marker(self.key, each.size)
                    for each in self.versions
                )
                else None
            )
        if self.pinned is None:
            return "missing"
        if self.pinned.size != self.entry.size:
            return "changed"
        return None if self.pinned.is_latest else "hidden"


def merge(entries: Iterable[Entry], listing: Iterable[ListedVersion]) -> Iterator[Match]:
    """Pair the entries of one bucket with the versions of their keys.

    Both are in ascending order of the key's UTF-8 bytes.

    Holds one key's versions at a time.
    """
    pinned, listed = iter(entries), iter(_by_key(listing))
    entry, group = next(pinned, None), next(listed, None)
    while entry is not None or group is not None:
        if group is None or (entry is not None and entry.key.encode() < group[0].encode()):
            assert entry is not None  # noqa: S101 - told by the loop's condition
            yield Match(entry, entry.key, ())
            entry = next(pinned, None)
        elif entry is None or group[0] != entry.key:
            yield Match(None, *group)
            group = next(listed, None)
        else:
            yield Match(entry, *group)
            entry, group = next(pinned, None), next(listed, None)


def compare(entries: Iterable[Entry], listing: Iterable[ListedVersion]) -> Findings:
    """Return how the listing differs from the manifest; both in the order of the keys' bytes."""
    tally = Tally()
    for match in merge(entries, listing):
        kind = match.finding
        if kind:
            tally.note(kind, match.entry.path if match.entry else match.key)
    return tally.findings()


def _by_key(listing: Iterable[ListedVersion]) -> Iterator[tuple[str, tuple[ListedVersion, ...]]]:
    key: str | None = None
    versions: list[ListedVersion] = []
    for version in listing:
        if version.key != key:
            if key is not None:
                yield key, tuple(versions)
            key, versions = version.key, []
        versions.append(version)
    if key is not None:
        yield key, tuple(versions)
