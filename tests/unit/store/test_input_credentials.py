"""The session policy of the fetcher: what it reads, and nothing else."""

from __future__ import annotations

import json

import pytest

from glovebox.errors import InvalidInput
from glovebox.store.input_credentials import PinnedInput, input_policy
from glovebox.store.sources import ManifestSource, ObjectRef, ObjectsSource, PrefixSource, Source


def resources(source: Source) -> list[str]:
    policy = json.loads(input_policy([PinnedInput(source, "artifacts", ".glovebox/m.gz")]))
    (statement,) = policy["Statement"]
    assert statement["Effect"] == "Allow"
    assert statement["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    found: list[str] = statement["Resource"]
    assert found.pop(0) == "arn:aws:s3:::artifacts/.glovebox/m.gz"
    return found


def ref(key: str, bucket: str = "data") -> ObjectRef:
    return ObjectRef(bucket, key, "v1", None)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (PrefixSource("data", "2013/train/"), ["arn:aws:s3:::data/2013/train/*"]),
        (PrefixSource("data", ""), ["arn:aws:s3:::data/*"]),
        (ObjectsSource((ref("a/b/1"), ref("a/b/2"))), ["arn:aws:s3:::data/a/b/*"]),
        (ObjectsSource((ref("a/b1"), ref("a/b2"))), ["arn:aws:s3:::data/a/*"]),
        (ObjectsSource((ref("a/b"), ref("c"))), ["arn:aws:s3:::data/*"]),
        (ObjectsSource((ref("a/b"), ref("c/d", "else"))), ["arn:aws:s3:::data/a/*", "arn:aws:s3:::else/c/*"]),
        (ManifestSource("data", "lists/m.jsonl", None), ["arn:aws:s3:::data/lists/*"]),
    ],
)
def test_the_policy_names_the_shortest_prefixes_that_hold_the_pin(source: Source, expected: list[str]) -> None:
    assert resources(source) == expected


def test_a_prefix_that_a_policy_would_read_as_a_pattern_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot be granted"):
        resources(PrefixSource("data", "all*/"))


def test_too_many_prefixes_are_refused_with_the_cure() -> None:
    pins = [PinnedInput(PrefixSource("data", f"{'long' * 10}-{index}/"), "artifacts", f"m{index}") for index in range(40)]
    with pytest.raises(InvalidInput, match="use fewer pins"):
        input_policy(pins)
