"""Names of variables, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from glovebox.api.run_config import Config
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.run_environment import (
    colliding_names,
    declared_variables,
    run_environment,
    upper_snake,
)
from golden.cases import Only, inputs_from


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


def variables_of(inputs: ExperimentInputs) -> dict[str, str]:
    (stage,) = inputs.experiment.spec.stages
    return {each["name"]: each["value"] for each in run_environment(inputs, stage)}


def environment(*, run: dict[str, Any] | None = None, **config: Any) -> dict[str, str]:
    """Return the variables of a run that is declared so."""
    changes = {"config": Only(config), "stages": {0: run or {}}}
    inputs = inputs_from({"kind": "Experiment", "spec": changes})
    return variables_of(inputs)


def test_a_user_without_an_entry_in_passwd_has_a_name_and_a_place() -> None:
    found = environment()
    assert found["USER"] == found["LOGNAME"] == "glovebox"
    assert found["HOME"] == found["TMPDIR"] == "/tmp"  # noqa: S108 - in the pod


def test_the_runs_own_variables_are_there_as_they_were_written() -> None:
    found = environment(
        run={"env": {"MODE": "full", "SHELLISH": "$(HOME)/$HOME/$$", "HOME": "/data"}}
    )
    assert found["MODE"] == "full"
    assert found["HOME"] == "/data", "the run's own go first"
    assert expanded(found["SHELLISH"], found) == "$(HOME)/$HOME/$$"


def test_deterministic_libraries_are_asked_for_and_the_runs_own_words_go_first() -> None:
    asked = {"libraries": "Deterministic", "threads": 2, "loaderWorkers": 3}
    found = environment(
        run={"env": {"TZ": "Europe/Berlin"}}, determinism=asked, seeds={"python": 7}
    )
    assert found["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert (found["LC_ALL"], found["TZ"]) == ("C.UTF-8", "Europe/Berlin")
    assert (found["OMP_NUM_THREADS"], found["GLOVEBOX_LOADER_WORKERS"]) == ("2", "3")
    assert found["PYTHONHASHSEED"] == "7"
    assert environment(determinism={"libraries": "Deterministic"})["PYTHONHASHSEED"] == "0"
    assert not {"LC_ALL", "PYTHONHASHSEED"} & environment(determinism={}).keys()


def test_a_seed_that_python_would_refuse_is_not_given_to_its_hashes() -> None:
    most = 4294967295
    assert environment(seeds={"python": most})["PYTHONHASHSEED"] == str(most)
    assert "PYTHONHASHSEED" not in environment(seeds={"python": most + 1})
    asked = {"libraries": "Deterministic"}
    found = environment(seeds={"python": most + 1}, determinism=asked)
    assert (found["PYTHONHASHSEED"], found["GLOVEBOX_SEED_PYTHON"]) == ("0", str(most + 1))


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"GLOVEBOX_INPUTS": "/x"}, "must not set what Glovebox sets itself"),
        ({"AWS_PROFILE": "x"}, "must not set what Glovebox sets itself"),
        ({"https_proxy": "http://x"}, "must not set what Glovebox sets itself"),
        ({"No_Proxy": "x"}, "must not set what Glovebox sets itself"),
        ({"1ST": "x"}, "names of environment variables"),
        ({"A-B": "x"}, "names of environment variables"),
        ({"A\n": "x"}, "names of environment variables"),
        ({"HF_TOKEN": "x"}, "must not contain a secret"),
        ({"KEY": "AKIA" + "A" * 16}, "must not contain a secret"),
    ],
)
def test_what_a_variable_may_not_be(variables: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        environment(run={"env": variables})


@pytest.mark.parametrize(
    "name", ["PROXY", "MY_AWS_KIND", "XGLOVEBOX_A", "HTTP_PROXY_HOST", "tokenizers_parallelism"]
)
def test_what_a_variable_may_be(name: str) -> None:
    assert environment(run={"env": {name: "1"}})[name] == "1"


@pytest.mark.parametrize(
    "value",
    ["$(HOME)", "$(KUBERNETES_SERVICE_HOST)", "$$", "$$(HOME)", "cost in $", "$(", "$$$"],
)
def test_a_parameter_is_in_the_run_as_it_is_in_the_snapshot(value: str) -> None:
    inputs = inputs_from({"kind": "Experiment", "spec": {"config": {"parameters": {"x": value}}}})
    written = variables_of(inputs)
    known = {**written, "KUBERNETES_SERVICE_HOST": "10.96.0.1"}
    assert expanded(written["GLOVEBOX_PARAM_X"], known) == value


def expanded(text: str, known: Mapping[str, str]) -> str:
    """Return what the kubelet makes of the value of a variable, as its `expansion.Expand` does."""

    def one(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return known.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", one, text)
