"""Names of variables."""

from __future__ import annotations

import pytest

from glovebox.api.experiment import Config
from glovebox.desired.run_environment import colliding_names, declared_variables, upper_snake


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("learningRate", "LEARNING_RATE"),
        ("learning-rate", "LEARNING_RATE"),
        ("max_depth", "MAX_DEPTH"),
        ("l2", "L2"),
        ("useGPU", "USE_GPU"),
        (".hidden", "HIDDEN"),
    ],
)
def test_a_name_becomes_part_of_a_variable(name: str, variable: str) -> None:
    assert upper_snake(name) == variable


def test_names_that_would_hide_one_another_are_found() -> None:
    assert colliding_names(
        Config(parameters={"learningRate": "1", "learning-rate": "2", "x": "3"})
    ) == ["learning-rate", "learningRate"]
    assert colliding_names(Config(parameters={"python": "1"}, seeds={"python": 1})) == [], (
        "a seed and a parameter are told apart"
    )


def test_seeds_and_parameters_have_variables_of_their_own() -> None:
    declared = declared_variables(Config(parameters={"maxDepth": "8"}, seeds={"numpy": 7}))
    assert declared == {"GLOVEBOX_SEED_NUMPY": "7", "GLOVEBOX_PARAM_MAX_DEPTH": "8"}
