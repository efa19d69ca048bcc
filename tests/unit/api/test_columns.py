"""What `kubectl get` shows is read beside the columns of kubectl itself."""

from __future__ import annotations

import pytest

from glovebox.api.columns import COLUMNS


@pytest.mark.parametrize("kind", COLUMNS)
def test_no_column_has_a_name_that_kubectl_puts_in_front(kind: str) -> None:
    names = [str(column["name"]).lower() for column in COLUMNS[kind]]

    assert not {"name", "namespace"} & set(names)
    assert len(names) == len(set(names))


def test_how_far_a_run_is_shows_before_it_ended() -> None:
    (column,) = (each for each in COLUMNS["Experiment"] if each["name"] == "Run")

    assert column["jsonPath"] == '.status.conditions[?(@.type=="Succeeded")].reason'
