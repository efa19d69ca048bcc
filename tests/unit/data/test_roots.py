from __future__ import annotations

import dataclasses
import hashlib
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glovebox.data.manifest import DigestSource, Entry
from glovebox.data.roots import RootBuilder, Roots, Shard
from support.peaks import adding_to_roots, peak_of


def entry(path: str, body: bytes = b"", *, bucket: str = "data", version_id: str = "v1") -> Entry:
    digest = hashlib.sha256(body).hexdigest()
    return Entry(path, len(body), digest, bucket, f"set/{path}", version_id, DigestSource.COMPUTED)


def numbered(number: int) -> Entry:
    return entry(f"part-{number:07d}", str(number).encode())


def roots_of(entries: list[Entry]) -> Roots:
    return shards_of(entries)[0]


def shards_of(entries: list[Entry]) -> tuple[Roots, list[Shard]]:
    shards: list[Shard] = []
    builder = RootBuilder(shards.append)
    for each in sorted(entries, key=lambda each: each.path.encode()):
        builder.add(each)
    return builder.finish(), shards


# Fixed for ever: a change here changes the digest of every pin. Described in
# docs/reference/manifest.md.
GOLDEN = {
    0: (
        "sha256:501074294f3c6418bf7ebd11f564551dcf9124a1e8f64d35c06ff6b44c25fb29",
        "sha256:2a6e4d445f8b52cade41c9a31c7b566e15113c2bdbd23cc909fe4d33227059dc",
    ),
    1: (
        "sha256:993354efcbcf824a15b703871caa3352b9d81aeb0fdfeec1a3be3e8a30c625c8",
        "sha256:e901a0bda410a3845e04d7f697f482b10dd673f1b866a9fb6fd63bee4a85f826",
    ),
    2: (
        "sha256:5318bc4f3127e9b98ebddc6b728a7cb11880eab1297a72e0248a82eafc885bbc",
        "sha256:ceea91c4159579ce5512402b5faa0b2cb0a595eee6f597bcf76f80e61ba1910c",
    ),
    3: (
        "sha256:f79e9b43998370f9ee8765854eb3314648985e7dd3b96d082efa74888a897794",
        "sha256:fe9609c418eaf24a57b8c7b9601b31acbec70efa7467ecfc9490989ea5faa074",
    ),
    10_000: (
        "sha256:d3ed262660d097f4200b44a1384b719cb7e5388ae8901646c06be0f488b3f57c",
        "sha256:37a8c975bd17b1fe21a4692ee92e2d62fe0519867e275ae8d1e29b8c9e8a2de7",
    ),
}


@pytest.mark.parametrize("count", GOLDEN)
def test_roots_never_change(count: int) -> None:
    roots = roots_of([numbered(number) for number in range(count)])
    assert (roots.content, roots.pin) == GOLDEN[count]


def test_roots_agree_with_a_second_way_to_compute_them() -> None:
    """The format once more, as recursion over whole lists, as the documentation has it."""
    roots, shards = shards_of(BASE)
    assert len(shards) > 1
    assert (roots.content, roots.shards) == (_documented_root(BASE), len(shards))


paths = st.text(alphabet="abcz-", min_size=1, max_size=6)
datasets = st.dictionaries(paths, st.binary(max_size=3), min_size=2, max_size=12).map(
    lambda files: [entry(*file) for file in files.items()]
)


@given(datasets, st.randoms())
def test_the_order_of_the_input_does_not_matter_once_it_is_sorted(
    entries: list[Entry], random: Random
) -> None:
    shuffled = random.sample(entries, len(entries))
    assert roots_of(shuffled) == roots_of(entries)


@given(datasets, st.data())
def test_renaming_a_file_changes_both_roots(entries: list[Entry], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    renamed = [*entries]
    renamed[index] = dataclasses.replace(entries[index], path=entries[index].path + "_")
    _expect_both_differ(entries, renamed)


@given(datasets)
def test_swapping_the_bytes_of_two_files_changes_both_roots(entries: list[Entry]) -> None:
    first, second, *rest = entries
    swapped = [
        dataclasses.replace(first, sha256=second.sha256, size=second.size),
        dataclasses.replace(second, sha256=first.sha256, size=first.size),
        *rest,
    ]
    if first.sha256 == second.sha256:
        assert roots_of(entries) == roots_of(swapped)
    else:
        _expect_both_differ(entries, swapped)


@given(datasets)
def test_deleting_or_adding_a_file_changes_both_roots(entries: list[Entry]) -> None:
    _expect_both_differ(entries, entries[1:])
    _expect_both_differ(entries, [*entries, entry("added_")])


@given(datasets)
def test_a_size_is_bound_beside_the_bytes(entries: list[Entry]) -> None:
    grown = [dataclasses.replace(entries[0], size=entries[0].size + 1), *entries[1:]]
    _expect_both_differ(entries, grown)


@given(datasets)
def test_a_mirror_has_the_same_content_root_and_another_pin_root(entries: list[Entry]) -> None:
    here, there = (
        roots_of(entries),
        roots_of([dataclasses.replace(each, bucket="mirror") for each in entries]),
    )
    assert (here.content, here.objects, here.bytes) == (there.content, there.objects, there.bytes)
    assert here.pin != there.pin


@pytest.mark.parametrize(
    "change",
    [
        {"bucket": "other"},
        {"key": "other"},
        {"version_id": "v2"},
        {"source": DigestSource.DECLARED},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_pin_root_binds_where_the_bytes_lie_and_who_says_so(change: dict[str, str]) -> None:
    before = entry("a", b"x")
    after = dataclasses.replace(before, **change)  # type: ignore[arg-type]
    assert roots_of([before]).content == roots_of([after]).content
    assert roots_of([before]).pin != roots_of([after]).pin


def test_text_cannot_move_between_neighbouring_fields() -> None:
    one = dataclasses.replace(entry("a"), bucket="ab", key="c")
    other = dataclasses.replace(entry("a"), bucket="a", key="bc")
    assert roots_of([one]).pin != roots_of([other]).pin


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 11_999), st.text(alphabet="xyz", min_size=1, max_size=8))
def test_one_insertion_or_deletion_touches_at_most_two_shards(position: int, suffix: str) -> None:
    without = set(BASE_SHARDS)
    inserted = {
        shard.content
        for shard in shards_of([*BASE, entry(f"part-{position:07d}-{suffix}", suffix.encode())])[1]
    }
    assert len(without - inserted) <= 2
    assert len(inserted - without) <= 2
    deleted = {shard.content for shard in shards_of(BASE[:position] + BASE[position + 1 :])[1]}
    assert len(without - deleted) <= 2
    assert len(deleted - without) <= 2


def test_memory_does_not_grow_with_the_dataset() -> None:
    assert peak_of(adding_to_roots) < 1 << 18


BASE = [numbered(number) for number in range(12_000)]
BASE_SHARDS = [shard.content for shard in shards_of(BASE)[1]]


def _expect_both_differ(before: list[Entry], after: list[Entry]) -> None:
    one, other = roots_of(before), roots_of(after)
    assert one.content != other.content
    assert one.pin != other.pin


def _documented_root(entries: list[Entry]) -> str:
    def sha(*parts: bytes) -> bytes:
        return hashlib.sha256(b"".join(parts)).digest()

    def text(raw: bytes) -> bytes:
        return len(raw).to_bytes(4, "big") + raw

    def tree(hashes: list[bytes]) -> bytes:
        if len(hashes) == 1:
            return hashes[0]
        left = 1 << ((len(hashes) - 1).bit_length() - 1)
        return sha(b"\x01", tree(hashes[:left]), tree(hashes[left:]))

    kind = text(b"glovebox.dev/content/v1")
    shards: list[list[bytes]] = [[]]
    for each in entries:
        leaf = sha(
            b"\x00",
            kind,
            text(each.path.encode()),
            each.size.to_bytes(8, "big"),
            text(bytes.fromhex(each.sha256)),
        )
        shards[-1].append(leaf)
        if int.from_bytes(leaf, "big") % 2048 == 0:
            shards.append([])
    full = [shard for shard in shards if shard]
    tops = [sha(b"\x02", kind, len(shard).to_bytes(8, "big"), tree(shard)) for shard in full]
    counts = (len(entries), sum(each.size for each in entries), len(full))
    return (
        "sha256:"
        + sha(b"\x03", kind, *(count.to_bytes(8, "big") for count in counts), tree(tops)).hex()
    )
