"""How an object is named on the command line: as kubectl does, or in one word."""

from __future__ import annotations

import pytest
import typer

from glovebox.cli.named import namespaced


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
