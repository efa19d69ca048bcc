"""kubeconform and kube-score, as others run them over a rendered chart, without the network.

kubeconform usually fetches its schemas. Here they are those of the API server that the tests run.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from glovebox_local.programs import KUBE_SCORE, KUBECONFORM, program_folder
from support.api import Api

_REF: Final = "#/components/schemas/"
_WHERE: Final = "{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json"


def write_schemas(api: Api, folder: Path) -> None:
    """Write a schema for each kind that an API server has, where kubeconform looks."""
    folder.mkdir(parents=True)
    for entry in api.get("/openapi/v3")["paths"].values():
        url = entry["serverRelativeURL"]
        schemas = (api.get(url).get("components") or {}).get("schemas") or {}
        for name, schema in schemas.items():
            for kind in schema.get("x-kubernetes-group-version-kind", ()):
                # kubeconform takes the version of the core kinds for their group.
                group = kind["group"] or kind["version"]
                file = f"{group}_{kind['version']}_{kind['kind'].lower()}.json"
                whole = {"$ref": f"{_REF}{name}", "components": {"schemas": closed(schemas)}}
                (folder / file).write_text(json.dumps(whole))


def closed(schema: Any) -> Any:
    """Return a schema that refuses fields it does not name: those of an API server ignore them."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(each) for name, each in schema.items()}
    if found.get("type") == "object" and isinstance(found.get("properties"), dict):
        found.setdefault("additionalProperties", False)
    return found


def kubeconform(manifests: str, schemas: Path) -> list[dict[str, Any]]:
    """Return what kubeconform says of each object, with fields refused that no schema names."""
    done = _run(
        program_folder(KUBECONFORM) / "kubeconform",
        ["-verbose", "-output=json", f"-schema-location={schemas / _WHERE}", "-"],
        manifests,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)["resources"]
    return found


def kube_score(manifests: str) -> set[tuple[str, str]]:
    """Return what kube-score finds, as the object (`Kind/name`) and the check."""
    done = _run(
        program_folder(KUBE_SCORE) / "kube-score",
        ["score", "--output-format=json", "--output-version=v2", "-"],
        manifests,
    )
    return {
        (f"{each['type_meta']['kind']}/{each['object_meta']['name']}", check["check"]["id"])
        for each in json.loads(done.stdout) or ()  # null where it scores nothing
        for check in each["checks"] or ()
        if not check["skipped"] and check["grade"] < _GRADE_OK
    }


# Below it are 1, critical, and 5, a warning.
_GRADE_OK: Final = 7


def _run(program: Path, arguments: Sequence[str], stdin: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(program), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in {0, 1}, done.stderr
    return done
