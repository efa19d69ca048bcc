"""Near texts, version 1: when two texts are nearly the same. A rule that never changes.

1. A text is put into Unicode's form NFKC and case-folded. Its words are its runs of letters and
   digits. What stands between them makes no difference.
2. It is taken for the set of its shingles: each three words that follow each other, joined by a
   space, in UTF-8. A text of one or two words has one shingle, the whole of it. One without a
   word has none, and is near to nothing.
3. Its signature has 128 components of 31 bits. SHAKE128 of a prefix and a shingle gives 512 bytes:
   128 numbers of 4 bytes, big-endian, of which the first bit is dropped. Component i is the least
   i-th number of all shingles.
4. Two texts are near when at least 103 of their 128 components agree: the part that agrees
   estimates the part of their shingles that both have (the Jaccard index), and is 0.8 or more.

The numbers of a shingle are independent of each other, so each component agrees by a chance that is
the Jaccard index itself. It is MinHash (Broder, 1997), with a hash that is written down and not a
library's own. Another rule would be another version, with another prefix.

Words are what Unicode, as this Python knows it, calls letters and digits. A language without spaces
has sentences where others have words.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Callable, Iterator
from hashlib import shake_128
from typing import Final

RULE: Final = "near texts, version 1"
COMPONENTS: Final = 128
SIGNATURE_BYTES: Final = 4 * COMPONENTS
# The signature of a text without a word.
NO_WORDS: Final = bytes(SIGNATURE_BYTES)
# So many components of two texts agree that are near: 0.8 of them, rounded up.
NEEDED: Final = 103
# First of each hash: never the beginning of a hash of anything else.
DOMAIN: Final = b"\x00glovebox-near-texts/v1\x00"
# To find them, signatures are cut into 32 bands of four components. Each component in which two
# texts differ spoils one band: two that are near have at least seven in common.
BANDS: Final = 32
SURE_BANDS: Final = BANDS - (COMPONENTS - NEEDED)
_SHINGLE: Final = 3
_WORD: Final = re.compile(r"[^\W_]+")
# All components beside each other in one number: the first bit of each, and the other 31.
_TOPS: Final = int.from_bytes(b"\x80\x00\x00\x00" * COMPONENTS, "big")
_VALUES: Final = int.from_bytes(b"\x7f\xff\xff\xff" * COMPONENTS, "big")
# So many shingles take some fifty milliseconds.
_STEP: Final = 10_000


def shingles(text: str) -> Iterator[bytes]:
    """Yield the shingles of a text, in their order, each as often as it occurs."""
    held: deque[str] = deque(maxlen=_SHINGLE)
    for word in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold()):
        held.append(word[0])
        if len(held) == _SHINGLE:
            yield " ".join(held).encode()
    if 0 < len(held) < _SHINGLE:
        yield " ".join(held).encode()


def signature(text: str, going: Callable[[], None] = lambda: None) -> bytes:
    """Return the signature of a text; `NO_WORDS` of one without a word.

    Args:
        text: The text.
        going: Called now and then while a long text is read.
    """
    least, number = _VALUES, 0
    for number, shingle in enumerate(shingles(text), 1):
        raw = shake_128(DOMAIN + shingle).digest(SIGNATURE_BYTES)
        found = int.from_bytes(raw, "big") & _VALUES
        # The first bit of a component is free. It stays where the one below is not greater, and is
        # borrowed from where it is; then it becomes a mask of the other 31.
        is_less = ((least | _TOPS) - found) & _TOPS
        least ^= (least ^ found) & (is_less - (is_less >> 31))
        if number % _STEP == 0:
            going()
    return least.to_bytes(SIGNATURE_BYTES, "big") if number else NO_WORDS


def agreeing(one: int, other: int) -> int:
    """Return how many components of two signatures, each as a number, are the same."""
    return COMPONENTS - (((one ^ other) + _VALUES) & _TOPS).bit_count()


def is_near(one: bytes, other: bytes) -> bool:
    """Return whether two texts with these signatures are near."""
    if NO_WORDS in {one, other}:
        return False
    return agreeing(int.from_bytes(one, "big"), int.from_bytes(other, "big")) >= NEEDED
