"""Files are read as kubectl reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from glovebox.cli.manifests import read_documents
from glovebox.errors import InvalidInput
from support.yaml_scalars import AS_KUBECTL

FILE = Path("file.yaml")


@pytest.mark.parametrize(("word", "value"), AS_KUBECTL.items(), ids=list(AS_KUBECTL))
def test_a_plain_word_is_what_kubectl_makes_of_it(word: str, value: object) -> None:
    (found,) = read_documents(FILE, f"a: {word}\n")

    assert (type(found["a"]), found["a"]) == (type(value), value)


def test_what_is_quoted_is_text_and_so_is_every_key() -> None:
    (found,) = read_documents(FILE, "{on: '1e-3', 8: 'y', 1.5: '08'}")

    assert found == {"true": "1e-3", "8": "y", "1.5": "08"}


@pytest.mark.parametrize(
    "text", ["~: a", "a: !!float abc", "a: !!int x", "a: !!python/name:os.system"]
)
def test_what_a_tag_calls_otherwise_is_no_yaml(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not YAML"):
        read_documents(FILE, text)
