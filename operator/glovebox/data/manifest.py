"""The manifest of a pin: which object versions it holds, one line each, as a stream.

JSON Lines: a header that names the format, one line for each object in the order of its path's
bytes, and a footer with the roots, so that a manifest that was cut short, extended or edited is
never mistaken for a whole one. The lines are canonical: one manifest has one spelling, and its
digest is the SHA-256 of the lines before compression, so that another version of zlib never changes
a name. The roots never depend on this text, only on the values (see `roots`).
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import orjson

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX, MAX_INTEGER
from glovebox.data.paths import PathOrder
from glovebox.data.roots import RootBuilder, Roots
from glovebox.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

FORMAT: Final = "glovebox.dev/manifest/v1"
# No honest line is longer: a key is at most 1,024 bytes, each of them six characters when escaped.
MAX_LINE_BYTES: Final = 65_536
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_ENTRY_FIELDS: Final = ("bucket", "key", "path", "sha256", "size", "source", "versionId")
_GZIP: Final = 16 + zlib.MAX_WBITS


class DigestSource(StrEnum):
    """Where the SHA-256 of an object comes from, weakest first.

    An ETag or a composite checksum is never among them: they do not identify bytes.
    """

    DECLARED = "declared"
    S3_FULL = "s3-full"
    COMPUTED = "computed"

    @property
    def strength(self) -> int:
        """0 for what somebody said, 1 for what the store computed on writing, 2 for bytes read."""
        return list(DigestSource).index(self)


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a dataset: its path, its bytes, and the one version that holds them.

    Args:
        path: Relative to the root of the dataset; its file name when delivered.
        size: In bytes.
        sha256: 64 lower-case hex digits, of the bytes.
        bucket: Where the object lies.
        key: The whole key in that bucket.
        version_id: The version that was read; never `null`.
        source: Where `sha256` comes from.
    """

    path: str
    size: int
    sha256: str
    bucket: str
    key: str
    version_id: str
    source: DigestSource


def encode_entry(entry: Entry) -> bytes:
    """Return the canonical line of an entry, with its newline."""
    document = {
        "bucket": entry.bucket,
        "key": entry.key,
        "path": entry.path,
        "sha256": entry.sha256,
        "size": entry.size,
        "source": entry.source.value,
        "versionId": entry.version_id,
    }
    return orjson.dumps(document) + b"\n"


def decode_entry(line: bytes, number: int | None = None) -> Entry:
    """Return the entry of a line; refuse a missing or unknown field, or one of another type.

    What the line holds is never said: it may be of somebody else's object.

    Args:
        line: With or without its newline.
        number: Which line it is, for the refusal.

    Raises:
        InvalidInput: With the defect.
    """
    where = "a line" if number is None else f"line {number}"
    document = _object(line, where)
    if tuple(sorted(document)) != _ENTRY_FIELDS:
        raise malformed(f"{where} needs exactly the fields {list(_ENTRY_FIELDS)}, and has others")
    size = document.pop("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_INTEGER:
        raise malformed(f"the size in {where} is no whole number from 0 to 2^53 - 1")
    if not all(isinstance(value, str) and value for value in document.values()):
        raise malformed(f"a text field of {where} is empty or no string")
    texts: dict[str, str] = {name: str(value) for name, value in document.items()}
    if not _SHA256.fullmatch(texts["sha256"]):
        raise malformed(f"the sha256 in {where} is not 64 lower-case hex digits")
    if texts["source"] not in set(DigestSource):
        raise malformed(f"the source in {where} is none of {', '.join(DigestSource)}")
    return Entry(
        path=texts["path"],
        size=size,
        sha256=texts["sha256"],
        bucket=texts["bucket"],
        key=texts["key"],
        version_id=texts["versionId"],
        source=DigestSource(texts["source"]),
    )


class ManifestWriter:
    """Turns entries in the order of their paths into a compressed manifest and its roots.

    It works in constant memory.

    Args:
        write: Takes the compressed bytes as they come.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._gzip = zlib.compressobj(
            6, zlib.DEFLATED, _GZIP
        )  # no file name, no time: the same entries give the same bytes
        self._digest = hashlib.sha256()
        self._order = PathOrder()
        self._roots = RootBuilder()
        self._line(orjson.dumps({"format": FORMAT}) + b"\n")

    def add(self, entry: Entry) -> None:
        """Append an entry.

        Raises:
            InvalidInput: Its path is refused (see `PathOrder`).
        """
        self._order.check(entry.path)
        self._roots.add(entry)
        self._line(encode_entry(entry))

    def finish(self) -> Roots:
        """Write the footer and the end of the stream; return the roots. The writer is spent."""
        roots = self._roots.finish()
        self._line(encode_footer(roots))
        self._write(self._gzip.flush())
        return roots

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of all lines so far, uncompressed; once finished, of the manifest."""
        return DIGEST_PREFIX + self._digest.hexdigest()

    def _line(self, line: bytes) -> None:
        self._digest.update(line)
        compressed = self._gzip.compress(line)
        if compressed:
            self._write(compressed)


def read_manifest(
    chunks: Iterable[bytes], expected: str | None = None, *, compressed: bool = True
) -> Iterator[Entry]:
    """Yield the entries of a manifest, checking order, paths, roots, footer and digest on the way.

    What was yielded is proven only when the iterator ends without an error: act on nothing before.

    Args:
        chunks: Its bytes, in pieces of any size.
        expected: `sha256:<hex>` of the lines; checked when given.
        compressed: Whether the bytes are a gzip stream rather than the lines themselves.

    Raises:
        InvalidInput: `ManifestInvalid` or `ManifestDiffers`, with the defect.
    """
    digest = hashlib.sha256()
    order, roots = PathOrder(), RootBuilder()
    lines = split_lines(decompressed(chunks) if compressed else chunks)
    header = next(lines, b"")
    digest.update(header)
    if header != orjson.dumps({"format": FORMAT}) + b"\n":
        raise malformed(f"the first line does not name the format {FORMAT}")
    footer: bytes | None = None
    for number, line in enumerate(lines, 2):
        digest.update(line)
        if footer is not None:
            raise malformed("something follows the footer")
        if line.startswith(b'{"bytes":'):
            footer = line
            continue
        entry = decode_entry(line, number)
        order.check(entry.path)
        roots.add(entry)
        yield entry
    if footer is None:
        raise malformed("it ends without its footer: it was cut short")
    if footer != encode_footer(roots.finish()):
        raise InvalidInput(
            reasons.MANIFEST_DIFFERS,
            "the roots in the manifest's footer are not those of its entries: it was edited",
        )
    if expected is not None and expected != DIGEST_PREFIX + digest.hexdigest():
        raise InvalidInput(
            reasons.MANIFEST_DIFFERS,
            f"the manifest has the digest sha256:{digest.hexdigest()}, not {expected}",
        )


def encode_footer(roots: Roots) -> bytes:
    """Return the canonical last line of a manifest."""
    document = {
        "bytes": roots.bytes,
        "contentRoot": roots.content,
        "objects": roots.objects,
        "pinRoot": roots.pin,
        "shards": roots.shards,
    }
    return orjson.dumps(document) + b"\n"


def decompressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of one gzip member in bounded pieces.

    Damage, truncation and anything that follows it are refused.
    """
    gzip = zlib.decompressobj(_GZIP)
    try:
        for chunk in chunks:
            rest = chunk
            while rest and not gzip.eof:
                yield gzip.decompress(rest, 1 << 20)
                rest = gzip.unconsumed_tail
            if rest or gzip.unused_data:
                raise malformed("something follows the compressed stream")
        while not gzip.eof and (pending := gzip.decompress(b"", 1 << 20)):
            yield pending
    except zlib.error as error:
        raise malformed("its compressed stream is damaged") from error
    if not gzip.eof:
        raise malformed("its compressed stream was cut short")


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield whole lines with their newline; refuse one without it, or beyond 64 KiB."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        if any(len(line) > MAX_LINE_BYTES for line in (*whole, rest)):
            raise malformed(f"a line is longer than {MAX_LINE_BYTES} bytes")
        for line in whole:
            yield line + b"\n"
    if rest:
        raise malformed("its last line does not end: it was cut short")


def malformed(defect: str) -> InvalidInput:
    """Return the refusal of a manifest."""
    return InvalidInput(reasons.MANIFEST_INVALID, f"the manifest cannot be read: {defect}")


def _object(line: bytes, where: str) -> dict[str, object]:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise malformed(f"{where} is no JSON") from error
    if not isinstance(document, dict):
        raise malformed(f"{where} is no JSON object")
    return document
