"""The API server itself says how quantities are written, and ours are what it says."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import pytest

from glovebox.desired.quantity import canonical, parse
from glovebox.errors import InvalidInput
from support.api import ApiError

if TYPE_CHECKING:
    from support.cluster import Cluster

_SPELLINGS: Final = """
    0 0.0 0m 00 0Gi 1 10 100 1000 1023 1024 1025 1048576 1000000000 1073741824 9223372036854775807
    1.5 0.5 .5 1.25 0.1 0.001 0.0001 3.0000001 100u 1n 999m 1000m 1500m 1001m 1000000m
    1k 1000k 1024k 1M 1G 1T 1P 9E 1.5k 0.5M 1500k
    1Ki 0.5Ki 1.25Ki 0.1Ki 1.0001Ki 1024Ki 1000Ki 1023Mi 4096Mi 0.5Gi 1.5Gi 100.5Gi 10240Mi
    1Ti 1Pi 7Ei
    1e3 1e1 1.5e3 15e-1 1e-3 1000e0 1e6 1e18 12e5 5e2 1024e3
"""
SPELLINGS: Final = _SPELLINGS.split()
# The API server repeats these as they came, because it looks at the digits alone. What we write for
# them is what it would write had it computed them, and it does not change that any more.
REDUNDANT: Final = ["+5Gi", "01", "1.500", "5.", "5.G", "1.Gi", "1E3", "001k", "1e0"]
NO_QUANTITIES: Final = ["", "1i", "1K", "1ki", "1e", "abc", "1 Gi", "--1", "1..5", "1mi", "1Gi2"]
# Here we are stricter on purpose: it would store something else than was said ("1000E" as "1",
# "8Ei" as one less).
REFUSED_BY_US_ALONE: Final = ["1000E", "8Ei", "1e20", "2e33", "."]


def stored(cluster: Cluster, text: str) -> str:
    """Return how the API server writes a quantity in a ResourceQuota."""
    body = {"metadata": {"name": "tried"}, "spec": {"hard": {"requests.memory": text}}}
    answer = cluster.api.create("/api/v1/namespaces/default/resourcequotas", body, dryRun="All")
    return str(answer["spec"]["hard"]["requests.memory"])


@pytest.mark.parametrize("text", SPELLINGS)
def test_we_write_a_quantity_as_the_api_server_does(text: str, bare: Cluster) -> None:
    assert canonical(text) == stored(bare, text)


@pytest.mark.parametrize("text", REDUNDANT)
def test_what_we_write_for_redundant_spellings_stays_as_it_is(text: str, bare: Cluster) -> None:
    assert stored(bare, canonical(text)) == canonical(text)
    assert parse(stored(bare, text)) == parse(canonical(text))


@pytest.mark.parametrize("text", NO_QUANTITIES)
def test_we_refuse_what_the_api_server_refuses(text: str, bare: Cluster) -> None:
    with pytest.raises(ApiError):
        stored(bare, text)
    with pytest.raises(InvalidInput):
        canonical(text)


@pytest.mark.parametrize("text", REFUSED_BY_US_ALONE)
def test_we_refuse_what_would_be_stored_as_another_amount(text: str, bare: Cluster) -> None:
    stored(bare, text)
    with pytest.raises(InvalidInput):
        canonical(text)


def test_many_amounts_in_all_formats_are_written_alike(bare: Cluster) -> None:
    rng = random.Random(1)  # noqa: S311 - variety, no secret
    suffixes = ["", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "e3", "e6", "e-2"]
    whole = [f"{rng.randrange(1, 5000)}{rng.choice(suffixes)}" for _ in range(300)]
    # One request for all: a LimitRange takes any resource, and any amount of it.
    maximum = {f"example.org/r{index}": text for index, text in enumerate(whole)}
    body = {
        "metadata": {"name": "tried"},
        "spec": {"limits": [{"type": "Container", "max": maximum}]},
    }
    answer = bare.api.create("/api/v1/namespaces/default/limitranges", body, dryRun="All")
    given = answer["spec"]["limits"][0]["max"]
    assert {text: canonical(text) for text in whole} == {
        text: given[resource] for resource, text in maximum.items()
    }
