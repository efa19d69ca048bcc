from __future__ import annotations

import pytest

from glovebox.data.compare import Findings, ListedVersion, compare
from glovebox.data.manifest import DigestSource, Entry


def pinned(path: str, version_id: str = "v1", size: int = 1) -> Entry:
    return Entry(path, size, "0" * 64, "data", f"p/{path}", version_id, DigestSource.COMPUTED)


def listed(
    path: str, version_id: str = "v1", size: int = 1, *, latest: bool = True, marker: bool = False
) -> ListedVersion:
    return ListedVersion(f"p/{path}", version_id, size, latest, marker)


def old(path: str, version_id: str = "v1") -> ListedVersion:
    return listed(path, version_id, latest=False)


CASES = [
    ("nothing changed", [pinned("a"), pinned("b")], [listed("a"), listed("b")], Findings()),
    ("nothing at all", [], [], Findings()),
    (
        "an older version beside the pinned one is history",
        [pinned("a", "v2")],
        [listed("a", "v2"), old("a")],
        Findings(),
    ),
    (
        "the version is gone with its key",
        [pinned("a")],
        [],
        Findings(missing=1, samples=("missing a",)),
    ),
    (
        "the version is gone, the key lives on",
        [pinned("a")],
        [listed("a", "v2")],
        Findings(missing=1, samples=("missing a",)),
    ),
    (
        "a newer version hides it",
        [pinned("a")],
        [listed("a", "v2"), old("a")],
        Findings(hidden=1, samples=("hidden a",)),
    ),
    (
        "a delete marker hides it",
        [pinned("a")],
        [listed("a", "m", 0, marker=True), old("a")],
        Findings(hidden=1, samples=("hidden a",)),
    ),
    (
        "a marker with the pinned id is no object",
        [pinned("a")],
        [listed("a", marker=True)],
        Findings(missing=1, samples=("missing a",)),
    ),
    (
        "another size",
        [pinned("a", size=2)],
        [listed("a")],
        Findings(changed=1, samples=("changed a",)),
    ),
    (
        "a key that was added",
        [pinned("a")],
        [listed("a"), listed("b")],
        Findings(extra=1, samples=("extra p/b",)),
    ),
    (
        "the marker of a folder is no file, and a key that ends so with a byte is one",
        [pinned("a")],
        [listed("", "v3", 0), listed("a"), listed("b/", "v2", 0), listed("c/")],
        Findings(extra=1, samples=("extra p/c/",)),
    ),
    (
        "a key that was added and deleted",
        [pinned("a")],
        [listed("a"), listed("b", "m", marker=True), old("b")],
        Findings(),
    ),
    (
        "all at once, at the ends and in the middle",
        [pinned("b"), pinned("d"), pinned("f"), pinned("h", size=3)],
        [
            listed("a"),
            listed("b"),
            listed("c"),
            listed("f", "v2"),
            old("f"),
            listed("h"),
            listed("i"),
        ],
        Findings(
            changed=1,
            missing=1,
            hidden=1,
            extra=3,
            samples=("extra p/a", "extra p/c", "missing d", "hidden f", "changed h", "extra p/i"),
        ),
    ),
    (
        "order is that of UTF-8 bytes",
        [pinned("\uffff"), pinned("\U00010000")],
        [listed("\uffff"), listed("\U00010000")],
        Findings(),
    ),
]


@pytest.mark.parametrize(
    ("why", "entries", "listing", "findings"), CASES, ids=[case[0] for case in CASES]
)
def test_what_became_of_a_pin(
    why: str, entries: list[Entry], listing: list[ListedVersion], findings: Findings
) -> None:
    del why
    assert compare(entries, listing) == findings


def test_at_most_twenty_examples_are_kept_and_all_are_counted() -> None:
    findings = compare((pinned(f"{number:05d}") for number in range(10_000)), [])
    assert findings.missing == 10_000
    assert len(findings.samples) == 20


def test_bytes_are_lost_or_merely_hidden() -> None:
    assert Findings(hidden=1, extra=1).intact
    assert not Findings(hidden=1).clean
    assert not any(
        lost.intact for lost in (Findings(changed=1), Findings(missing=1), Findings(unreadable=1))
    )


def test_findings_read_as_a_sentence() -> None:
    assert Findings().summary() == "no difference"
    assert (
        Findings(missing=2, hidden=1, samples=("missing a", "hidden b")).summary()
        == "2 missing, 1 hidden (missing a, hidden b)"
    )
