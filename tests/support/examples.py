"""The objects of docs/examples/flights: the starting point of tables of good and bad objects."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Final

import yaml

Json = dict[str, Any]
REPOSITORY: Final = Path(__file__).parents[2]
FLIGHTS: Final = REPOSITORY / "docs" / "examples" / "flights"
REFUSALS: Final = REPOSITORY / "docs" / "examples" / "refusals"


def documents(folder: Path) -> list[Json]:
    """Return all objects of a folder's YAML files, in the order of `kubectl apply`."""
    return [
        document
        for path in sorted(folder.glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]


def flights(kind: str) -> Json:
    """Return the first object of that kind in docs/examples/flights."""
    return copy.deepcopy(
        next(document for document in documents(FLIGHTS) if document["kind"] == kind)
    )


def one_stage(run: Json | None, inputs: Json | None = None) -> list[Json]:
    """Return the stages of a run of one program, which is given all inputs.

    Args:
        run: What the stage is, without its name; none for no run.
        inputs: `spec.inputs` of its Experiment.
    """
    if run is None:
        return []
    lists = (inputs or {}).values()
    named = [each["name"] for entries in lists for each in entries if "name" in each]
    return [{"name": "train", **({"inputs": named} if named else {}), **run}]


def merged(target: Any, patch: Any) -> Any:
    """Return the JSON merge patch (RFC 7386) of a value.

    Other than there, a patch whose keys are numbers changes the entries of a list by their place.
    """
    if not isinstance(patch, dict):
        return patch
    if isinstance(target, list) and patch and all(isinstance(key, int) for key in patch):
        return [merged(each, patch.get(at, {})) for at, each in enumerate(target)]
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
