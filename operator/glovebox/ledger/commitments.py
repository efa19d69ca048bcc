"""Names as salted commitments: the ledger keeps what can be shown, and not what can be read.

Each person has a salt of 32 random bytes. `HMAC-SHA256(salt, name)` stands in the ledger for ever;
salt and name lie in an object that can be deleted. With it anybody can see that an entry speaks of
that person; without it nobody can find out whom it speaks of, not even by trying all names.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

import orjson

from glovebox.api import reasons
from glovebox.data.digest import canonical_json
from glovebox.errors import InvalidInput

FORMAT: Final = "glovebox.dev/ledger-person/v1"
PREFIX: Final = "hmac-sha256:"
SALT_BYTES: Final = 32
_COMMITMENT: Final = re.compile(r"hmac-sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Person:
    """Who a commitment stands for. Printing it shows the commitment alone.

    Attributes:
        name: In the clear.
        salt: That person's own.
    """

    name: str
    salt: bytes

    def __repr__(self) -> str:
        return f"Person({self.commitment})"

    @property
    def commitment(self) -> str:
        """What stands in the ledger."""
        return commitment_of(self.name, self.salt)


def commitment_of(name: str, salt: bytes) -> str:
    """Return `hmac-sha256:<hex>` of a name under a salt.

    Raises:
        InvalidInput: The salt is shorter than it has to be.
    """
    if len(salt) < SALT_BYTES:
        raise InvalidInput(
            reasons.LEDGER_INVALID, f"a salt has {len(salt)} bytes, and needs {SALT_BYTES}"
        )
    return PREFIX + hmac.new(salt, name.encode(), hashlib.sha256).hexdigest()


def is_commitment(text: str) -> bool:
    """Whether a text is written as a commitment."""
    return _COMMITMENT.fullmatch(text) is not None


def encode_person(person: Person) -> bytes:
    """Return the object that says who a commitment stands for."""
    return canonical_json(
        {
            "commitment": person.commitment,
            "format": FORMAT,
            "name": person.name,
            "salt": base64.b64encode(person.salt).decode(),
        }
    )


def decode_person(raw: bytes) -> Person:
    """Return who an object speaks of.

    Raises:
        InvalidInput: It is none, or its commitment is not that of its name and salt.
    """
    try:
        document = orjson.loads(raw)
        person = Person(str(document["name"]), base64.b64decode(document["salt"], validate=True))
        matches = document["format"] == FORMAT and document["commitment"] == person.commitment
    except (ValueError, TypeError, KeyError, binascii.Error):
        matches = False
    if not matches:
        raise InvalidInput(
            reasons.LEDGER_INVALID, f"the object is no person of the ledger ({FORMAT})"
        )
    return person
