"""The table of values in the chart's README.

Made by `python -m cluster.chart.values_table`, from the folder `tests`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import yaml

from cluster.chart.rendering import CHART

PAGE: Final = CHART / "README.md"
BEGIN: Final = "<!-- values: made by `cd tests && python -m cluster.chart.values_table` -->"
END: Final = "<!-- end of values -->"


def rows(schema: dict[str, Any], defaults: Any, path: str = "") -> Iterator[str]:
    """Yield one line per value: its path, its default and the schema's description."""
    for name, inner in schema["properties"].items():
        if name == "global":
            continue
        where = f"{path}.{name}" if path else name
        if "properties" in inner and name != "resources":
            yield from rows(inner, defaults[name], where)
            continue
        default = json.dumps(defaults[name]).replace("|", "\\|")
        shown = f"`{default}`" if len(default) < 60 else "see `values.yaml`"
        yield f"| `{where}` | {shown} | {inner['description']} |"


def table() -> str:
    """Return the table."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    lines = ["| value | default | what it is |", "|---|---|---|", *rows(schema, defaults)]
    return "\n".join(lines)


def page(text: str) -> str:
    """Return the README with the table between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
