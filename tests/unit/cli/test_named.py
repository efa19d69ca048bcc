"""How an object is named on the command line: as kubectl does, or in one word."""

from __future__ import annotations

import pytest
import typer

from glovebox.cli.named import kind_named, namespaced, qualified


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        pytest.param("team/delays", "", id="in one word"),
        pytest.param("delays", "team", id="as kubectl"),
        pytest.param("team/delays", "team", id="both, and they agree"),
    ],
)
def test_both_ways_name_the_same(name: str, namespace: str) -> None:
    assert namespaced(name, namespace) == ("team", "delays")


@pytest.mark.parametrize(
    ("name", "namespace", "cure"),
    [
        pytest.param("delays", "", "NAMESPACE/delays, or -n NAMESPACE", id="no namespace"),
        pytest.param("team/delays", "other", "not in namespace other", id="they differ"),
        pytest.param("team/", "", "NAMESPACE/NAME, or NAME and -n", id="no name"),
        pytest.param("/delays", "team", "NAMESPACE/NAME, or NAME and -n", id="half a namespace"),
        pytest.param("a/b/c", "", "NAMESPACE/NAME, or NAME and -n", id="too many parts"),
    ],
)
def test_what_is_missing_is_said(name: str, namespace: str, cure: str) -> None:
    with pytest.raises(typer.BadParameter, match=cure):
        namespaced(name, namespace)


def test_a_name_that_is_to_be_whole_is_taken_whole() -> None:
    assert qualified("team/delays") == ("team", "delays")
    for odd in ("delays", "team/", "/delays", "a/b/c"):
        with pytest.raises(typer.BadParameter, match="name it NAMESPACE/NAME, and not"):
            qualified(odd)


def test_each_command_that_takes_a_kind_takes_the_same_words() -> None:
    said = ("pin", "pins", "DatasetPin", "gdpin", "datasetpins.glovebox.dev")
    assert {kind_named(each).kind for each in said} == {"DatasetPin"}
