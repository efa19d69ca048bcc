"""Write the CRDs from the models: `python -m glovebox.api.crd_export [--check] [DIR]`.

One file per kind. The same models always give the same bytes, so that a stale file is found by
comparing.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from glovebox import names
from glovebox.api import generated
from glovebox.api.columns import COLUMNS, SELECTABLE
from glovebox.api.kinds import KINDS, Kind
from glovebox.api.schema import VALIDATIONS
from glovebox.api.structural import Schema, structural_schema

if TYPE_CHECKING:
    from glovebox.api.schema import Extra

_HEADER: Final = (
    "# Made by `python -m glovebox.api.crd_export` from the models in operator/glovebox/api. Do not"
    " edit.\n"
)
_LINE_WIDTH: Final = 140
_EXPONENT: Final = re.compile(r"[-+]?[0-9.]+[eE][-+]?[0-9]+")


def custom_resource_definition(kind: Kind) -> Extra:
    """Return the CustomResourceDefinition of a kind."""
    version: Extra = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [dict(column) for column in COLUMNS[kind.kind]],
        "schema": {"openAPIV3Schema": root_schema(kind)},
    }
    if kind.kind in SELECTABLE:
        version["selectableFields"] = [{"jsonPath": path} for path in SELECTABLE[kind.kind]]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name},
        "spec": {
            "group": names.GROUP,
            "scope": kind.scope,
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.singular,
                "shortNames": list(kind.short_names),
                "categories": [names.CATEGORY],
            },
            "versions": [version],
        },
    }


def root_schema(kind: Kind) -> Schema:
    """Return the structural schema of a whole object of a kind."""
    raw = kind.model.model_json_schema(by_alias=True)
    definitions = {"$defs": raw.get("$defs", {})}
    spec = structural_schema({**definitions, **raw["properties"]["spec"]})
    status = structural_schema({**definitions, **raw["properties"]["status"]}, defaults=False)
    # On the object, not on the field: a default below an absent object has no effect, and an object
    # without status looks healthy to every program that waits.
    status["default"] = {"observedGeneration": -1}
    root: Schema = {
        "description": raw["description"],
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {
                "type": "string",
                "description": f"Version of the schema of this object: `{names.API_VERSION}`.",
            },
            "kind": {"type": "string", "description": f"Kind of the object: `{kind.kind}`."},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }
    if kind.model.ROOT_RULES:
        root[VALIDATIONS] = [dict(made) for made in kind.model.ROOT_RULES]
    return root


class _Dumper(yaml.SafeDumper):
    """Plain YAML without anchors, in which no text can be read as something else."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is the library's
        """Write equal parts out each time."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML leaves these plain; the YAML reader of Kubernetes takes them for true, false and a
    # number.
    style = "'" if text.lower() in {"y", "n"} or _EXPONENT.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(document: Any) -> str:
    """Return deterministic YAML: keys in the order given, no anchors."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_LINE_WIDTH
    )
    return text


def crd_files(directory: Path) -> dict[Path, str]:
    """Return the text of every CRD file."""
    return {
        directory / f"{kind.plural}.yaml": _HEADER + to_yaml(custom_resource_definition(kind))
        for kind in KINDS
    }


if __name__ == "__main__":
    # The folder `crds/` holds links to these: the chart is packaged and must have the files
    # themselves.
    sys.exit(
        generated.main(
            crd_files, Path("helm/glovebox/files/crds"), module="glovebox.api.crd_export"
        )
    )
