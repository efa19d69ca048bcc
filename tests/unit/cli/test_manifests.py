"""Files are read as kubectl reads them."""

from __future__ import annotations

import subprocess
import sys
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
    "text",
    [
        "~: a",
        "a: !!float abc",
        "a: !!float 1:1",
        "a: !!float {}",
        "a: !!int x",
        "a: !!int 1:2",
        "a: !!bool x",
        "a: !!python/name:os.system",
        "a: !!binary aGk=",
        "a: !!timestamp 2026-01-02",
        "a: !!set {b}",
        "a: !!omap [b: 1]",
        "a: !!pairs [b: 1]",
    ],
)
def test_what_a_tag_calls_otherwise_is_no_yaml(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not YAML"):
        read_documents(FILE, text)


def test_half_of_a_character_is_refused(tmp_path: Path) -> None:
    """Nobody could send it. In a process of its own: tests read YAML with libyaml, users do not."""
    texts = [
        '"\\ud800"',
        '{"\\udc00": a}',
        '[["a\\udfffb"]]',
        '["\\ude00\\ud83d"]',
        '"\\ud83d\\ude00"',
    ]
    for number, text in enumerate(texts):
        (tmp_path / f"{number}").write_text(text, encoding="utf-8")
    program = """
import sys
from pathlib import Path
from glovebox.cli.manifests import read_documents
for each in map(Path, sys.argv[1:]):
    try:
        print(ascii(read_documents(each, each.read_text(encoding="utf-8"))))
    except Exception as error:
        print(type(error).__name__, error)
"""
    files = [str(tmp_path / f"{number}") for number in range(len(texts))]
    told = subprocess.run(
        [sys.executable, "-c", program, *files], check=True, capture_output=True, text=True
    )

    *refused, whole = told.stdout.splitlines()
    assert [each.split()[0] for each in refused] == ["InvalidInput"] * 4
    assert all("half of a character" in each for each in refused)
    assert whole == r"['\ud83d\ude00']", "as JSON writes it"


@pytest.mark.parametrize(
    "word",
    ["._", "0x_", "0x" + "f" * 5000, "9" * 5000, "1e" + "9" * 5000],
    ids=["no digit", "no digit behind 0x", "long hexadecimal", "long decimal", "long exponent"],
)
def test_what_only_looks_like_a_number_is_text(word: str) -> None:
    (found,) = read_documents(FILE, f"a: {word}")

    assert found == {"a": word}


def test_what_is_merged_has_what_both_say() -> None:
    text = "a: &a {x: 1, v: 2}\nb: &b {v: 3, z: 4}\nc: {<<: [*b, *a], z: 5}\nd: {<<: *a}"
    (found,) = read_documents(FILE, text)

    assert (found["c"], found["d"]) == ({"x": 1, "v": 3, "z": 5}, {"x": 1, "v": 2})
