"""All that a program may say of a secret value is looked for in its log."""

from __future__ import annotations

import base64

import pytest

from glovebox.data.spoken import spoken

VALUES = {
    "a word": (b"hunter22", {"hunter22"}),
    "lines": (b"first\n  second \n", {"first", "second"}),
    "settings": (b"user=ml\npassword = pg-4711\n", {"ml", "pg-4711", "user=ml"}),
    "a document": (b'{"a": {"b": ["one", {"c": "two\\nthree"}]}}', {"one", "two", "three"}),
    "no text": (b"\xff\x00", {"/wA="}),
    # As deep as a document may be; calls may not be.
    "a document that is deep": (b"[" * 1000 + b'"deep"' + b"]" * 1000, {"deep"}),
}


@pytest.mark.parametrize("what", VALUES)
def test_it_and_what_is_in_it_is_found(what: str) -> None:
    value, expected = VALUES[what]
    assert expected <= set(spoken(base64.b64encode(value).decode()))
