"""The WorkflowTemplate of docs/examples/argo-workflows has the fields of Argo's own definition.

Argo does not run: its definition is larger than etcd takes in one piece, and its controller brings
nothing that a step of ours could be held to. What the step does is in
`tests/cluster/operator/test_recipes.py`.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from support.recipes import recipe

MODULE: Final = "github.com/argoproj/argo-workflows/v4@v4.0.5"
DEFINITION: Final = "manifests/base/crds/full/argoproj.io_workflowtemplates.yaml"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def schema() -> Json:
    """What Argo defines a WorkflowTemplate as, from its Go module."""
    answer = subprocess.run(
        ["go", "mod", "download", "-json", MODULE], capture_output=True, text=True, check=True
    )
    text = (Path(json.loads(answer.stdout)["Dir"]) / DEFINITION).read_text(encoding="utf-8")
    (version,) = yaml.load(text, Loader=yaml.CSafeLoader)["spec"]["versions"]
    found: Json = version["schema"]["openAPIV3Schema"]
    return found


def unknown(value: Any, schema: Json, at: str = "") -> Iterator[str]:
    """Find fields that the schema does not have, which an API server would drop."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from unknown(each, schema.get("items", {}), f"{at}[{index}]")
    if not isinstance(value, dict) or schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, each in value.items():
        if name in known:
            yield from unknown(each, known[name], f"{at}.{name}")
        elif not (others or (at == ".metadata" and not known)):
            yield f"{at}.{name}"


def test_the_template_has_the_fields_of_argo_s_own_definition(schema: Json) -> None:
    template = recipe("argo-workflows")["WorkflowTemplate/experiment"]
    jsonschema.validate(template, schema)
    assert list(unknown(template, schema)) == []
    template["spec"]["templates"][0]["script"]["sources"] = "misspelt"
    assert list(unknown(template, schema)) == [".spec.templates[0].script.sources"]
    template["spec"]["templates"][0]["script"] = "a text"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(template, schema)
