"""What of an event a consumer gets: each takes another part of OpenLineage. Pure.

The locked event is the record; what is delivered is made of it when it is sent, so that the same
bytes go out again after a crash.

    spec          the event as it is locked
    marquez       names of datasets end in `@` and 12 digits of the version: it links datasets by
                  name alone, and the version facet is not looked at
    datahub,      without facets of ours and without the explicit `lineage` facet: what they do not
    openmetadata  know they drop
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from glovebox.data.digest import DIGEST_PREFIX, canonical_json
from glovebox.lineage.facets import LINEAGE, OURS

_PLAIN: Final = frozenset({"datahub", "openmetadata"})
_DIGITS: Final = 12


def as_sent(body: bytes, dialect: str) -> bytes:
    """Return the bytes of an event for a destination of that dialect."""
    if dialect == "spec":
        return body
    event: dict[str, Any] = orjson.loads(body)
    if dialect in _PLAIN:
        for facets in _facets(event):
            for name in [each for each in facets if each.startswith(OURS) or each == LINEAGE]:
                del facets[name]
    else:
        _version_names(event)
    return canonical_json(event)


def _facets(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for part in (event["run"], event["job"], *event["inputs"], *event["outputs"]):
        if "facets" in part:
            yield part["facets"]


def _version_names(event: dict[str, Any]) -> None:
    before: dict[tuple[str, str], list[str]] = {}
    for dataset in (*event["inputs"], *event["outputs"]):
        version = str(dataset["facets"]["version"]["datasetVersion"]).removeprefix(DIGEST_PREFIX)
        named = f"{dataset['name']}@{version[:_DIGITS]}"
        before.setdefault((dataset["namespace"], dataset["name"]), []).append(named)
        dataset["name"] = named
    for entry in event["job"]["facets"].get(LINEAGE, {}).get("entries", ()):
        entry["name"] = before[entry["namespace"], entry["name"]][0]
        entry["inputs"] = [
            {**source, "name": named}
            for source in entry["inputs"]
            for named in before[source["namespace"], source["name"]]
        ]
