"""What one object may hold in all, where its lists alone would let it be megabytes large."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.examples import flights, merged

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.api import Json
    from support.cluster import Cluster

DIGEST = "sha256:" + "a" * 64


def run(characters: int) -> Json:
    words = ["x" * 4096] * (characters // 4096) + ["y" * (characters % 4096)]
    run = {"image": "trainer", "command": words[:8], "args": words[8:]}
    return {"kind": "Experiment", "change": {"spec": {"stages": {0: run}}}}


def command(characters: int) -> Json:
    words = ["x" * 4096] * (characters // 4096) + ["y" * (characters % 4096)]
    run = {"image": "trainer", "command": words, "args": None}
    return {"kind": "Experiment", "change": {"spec": {"stages": {0: run}}}}


def listed(characters: int) -> Json:
    objects = [
        {"bucket": "data", "key": "k" * 300, "versionId": "v" * 30, "path": "p" * 178}
        for _ in range(characters // 512)
    ]
    if rest := characters % 512:
        objects[0]["path"] += "p" * rest
    source = {"prefix": None, "manifest": None, "objects": objects}
    return {"kind": "DatasetPin", "change": {"spec": {"source": source}}}


def defined(characters: int) -> Json:
    """Half of the characters by formulas, half by files."""
    features: list[Json] = [
        {"name": f"f{index:06d}", "dtype": "bool", "description": "d" * 497}
        | {"inputs": ["flights"], "recipe": {"expression": "e"}}
        for index in range(characters // 1024)
    ]
    features += [
        {"name": f"g{index:06d}", "dtype": "bool", "description": "d" * 356, "recipe": {}}
        for index in range(characters // 1024)
    ]
    code = {"repository": "https://git.example/" + "r" * 80, "commit": "a" * 40, "path": "p" * 49}
    for feature in features:
        feature["recipe"] = feature["recipe"] or {"code": code}
    if rest := characters % 1024:
        features[0]["description"] += "d" * rest
    spec = {"features": features, "inputs": [{"name": "flights", "pinRef": {"name": "a-pin"}}]}
    return {"kind": "FeatureSetPin", "change": {"spec": spec}}


def named(characters: int) -> Json:
    return {
        "kind": "Experiment",
        "change": {"spec": {"config": {"parameters": {"x" * characters: "1"}}}},
    }


def seeded(characters: int) -> Json:
    return {
        "kind": "Experiment",
        "change": {"spec": {"config": {"seeds": {"x" * characters: 1}}}},
    }


def set_as_variable(characters: int) -> Json:
    return {
        "kind": "Experiment",
        "change": {"spec": {"stages": {0: {"env": {"X" * characters: "1"}}}}},
    }


def generated_by(characters: int) -> Json:
    determinism = {"generators": {"x" * characters: "PCG64"}}
    return {"kind": "Experiment", "change": {"spec": {"config": {"determinism": determinism}}}}


def counted(characters: int) -> Json:
    name = "count/" + "x" * (characters - len("count/"))
    return {"kind": "Experiment", "change": {"spec": {"resources": {"quota": {name: "1"}}}}}


def asked(characters: int) -> Json:
    name = "example.com/" + "x" * (characters - len("example.com/"))
    return {"kind": "Experiment", "change": {"spec": {"stages": {0: {"resources": {name: 1}}}}}}


def produced(characters: int) -> Json:
    """Parameters of the program that made the data."""
    name, rest = "p" * 6, characters
    parameters = {}
    for index in range(characters // 4096):
        parameters[f"{name}{index:02d}"] = "x" * 4088
        rest -= 4096
    parameters["q"] = "y" * (rest - 1) if rest else ""
    if not rest:
        parameters[f"{name}00"] = "x" * 4087
    transformation = {"parameters": parameters}
    change = {"spec": {"provenance": {"transformation": transformation}}}
    return {"kind": "DatasetPin", "change": change}


def produced_with(characters: int) -> Json:
    transformation = {"parameters": {"x" * characters: "1"}}
    return {
        "kind": "DatasetPin",
        "change": {"spec": {"provenance": {"transformation": transformation}}},
    }


def allowed(characters: int) -> Json:
    """Values that may occur; each counts one more than it has characters."""
    values = [f"{index:03d}{'x' * 125}" for index in range(characters // 129)]
    if rest := characters % 129:
        values.append("y" * (rest - 1))
    columns = [
        {"name": f"c{first}", "type": "Text", "allowed": values[first : first + 128]}
        for first in range(0, len(values), 128)
    ]
    return {"kind": "DatasetPin", "change": {"spec": {"contract": {"columns": columns}}}}


def answer(crds: Cluster, case: Json) -> str:
    obj = merged(flights(case["kind"]), case["change"])
    return crds.kubectl(
        "create", "--dry-run=server", "-f", "-", stdin=json.dumps(obj), check=False
    ).stderr.strip()


@pytest.mark.parametrize(
    ("make", "most", "says"),
    [
        pytest.param(
            run,
            65536,
            "spec.stages[0].command: Invalid value: `command` and `args` must have at most 65536"
            " characters together: put a long program or list into the image or a dataset, and name"
            " its file here",
            id="command and arguments",
        ),
        pytest.param(
            command,
            65536,
            "spec.stages[0].command: Invalid value: `command` and `args` must have at most 65536"
            " characters together: put a long program or list into the image or a dataset, and name"
            " its file here",
            id="command alone",
        ),
        pytest.param(
            listed,
            262144,
            "spec.source.objects: Invalid value: must hold in `objects` at most 262144 characters"
            " in all: for more use `manifest`, a list that is in the store",
            id="objects",
        ),
        pytest.param(
            produced,
            65536,
            "spec.provenance.transformation.parameters: Invalid value: must hold in `parameters` at"
            " most 65536 characters in all: keep long ones in the repository that `code` names",
            id="parameters of a pin",
        ),
        pytest.param(
            defined,
            262144,
            "spec.features: Invalid value: must hold in `features` at most 262144 characters in"
            " all: name long recipes by `code`, or use several pins",
            id="features",
        ),
        pytest.param(
            allowed,
            32768,
            "spec.contract.columns: Invalid value: must list in all `allowed` together at most"
            " 32768 characters: pin long lists as a table, and name it in `references`",
            id="values that a contract allows",
        ),
        pytest.param(
            named,
            256,
            "must have no key of more than 256 characters; shorten it",
            id="names of parameters",
        ),
        pytest.param(
            seeded,
            256,
            "must have no key of more than 256 characters; shorten it",
            id="names of seeds",
        ),
        pytest.param(
            set_as_variable,
            256,
            "must have no key of more than 256 characters; shorten it",
            id="names of variables",
        ),
        pytest.param(
            generated_by,
            256,
            "must have no key of more than 256 characters; shorten it",
            id="names of generators",
        ),
        pytest.param(
            counted,
            256,
            "must have no key of more than 256 characters; shorten it",
            id="names of resources",
        ),
        pytest.param(
            asked,
            256,
            "must have no key of more than 256 characters; shorten it",
            id="names of what a run asks for",
        ),
        pytest.param(
            produced_with,
            256,
            "must have no key of more than 256 characters; shorten it",
            id="names of a pin's parameters",
        ),
    ],
)
def test_an_object_holds_so_much_and_no_more(
    crds: Cluster, make: Callable[[int], Json], most: int, says: str
) -> None:
    assert answer(crds, make(most)) == ""
    refusal = answer(crds, make(most + 1))
    assert says in refusal
    assert len(refusal) < 1200, "what was too long is not shown"
