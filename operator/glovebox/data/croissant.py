"""A pin as a Croissant 1.1 dataset: JSON-LD that catalogues and loaders of datasets read. Pure.

Written by ourselves, in one order of keys, so that one pin has one text; nothing of it says when it
was written. It is in ASCII: a terminal that shows it obeys no name in it. The objects come one
after another, because a pin may have a million. What Croissant has no word for (versions of
objects) stands in the URL of each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.provenance import Provenance, ProvenanceSource
from glovebox.data.manifest import Entry

CONFORMS_TO: Final = "http://mlcommons.org/croissant/1.1"
_CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES: Final = {
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".txt": "text/plain",
    ".gz": "application/gzip",
    ".tar": "application/x-tar",
    ".zip": "application/zip",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}
_OTHER: Final = "application/octet-stream"


def croissant(pin: DatasetPin, entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the text of a pin's Croissant, piece by piece.

    Args:
        pin: The pin, with its status.
        entries: What its manifest lists, in its order.
    """
    head = json.dumps(_head(pin), indent=2)
    yield head.removesuffix("\n}") + ',\n  "distribution": ['
    between = "\n"
    for number, entry in enumerate(entries):
        text = json.dumps(_file_object(entry, number), indent=2)
        yield between + "\n".join(f"    {line}" for line in text.split("\n"))
        between = ",\n"
    yield ("" if between == "\n" else "\n  ") + "]\n}\n"


def _head(pin: DatasetPin) -> dict[str, Any]:
    spec, status = pin.spec, pin.status
    provenance = spec.provenance or Provenance()
    made = pin.metadata.creation_timestamp
    parts: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": pin.name,
        "description": spec.description or pin.name,
        "identifier": status.digest,
        "version": f"1.0.0+{status.digest.removeprefix('sha256:')[:12]}",
        "license": spec.license,
        "url": _url(pin),
        "datePublished": made.isoformat().replace("+00:00", "Z") if made is not None else None,
        "creator": [{"@type": "sc:Organization", "name": each} for each in provenance.authors],
        "publisher": {"@type": "sc:Organization", "name": spec.owner} if spec.owner else None,
        "keywords": [each for each in (spec.classification, provenance.origin) if each],
        "isLiveDataset": False,
        "prov:wasDerivedFrom": [_source(pin, each) for each in provenance.sources],
        "prov:wasGeneratedBy": _activity(provenance),
    }
    return {name: part for name, part in parts.items() if part not in (None, [], "")}


def _url(pin: DatasetPin) -> str:
    source = pin.spec.source
    if source.prefix is not None:
        return f"s3://{source.prefix.bucket}/{quote(source.prefix.prefix)}"
    manifest = pin.status.manifest
    return f"s3://{manifest.bucket}/{quote(manifest.key)}" if manifest is not None else ""


def _source(pin: DatasetPin, source: ProvenanceSource) -> dict[str, Any]:
    if source.external is not None:
        return {"@id": source.external.uri, "sc:description": source.external.reason}
    assert source.pin_ref is not None  # noqa: S101 - one of the two
    name = source.pin_ref.name
    status = pin.status.provenance
    found = {each.name: each.digest for each in status.sources} if status is not None else {}
    root = source.digest or found.get(name, "")
    return {"@id": root or f"DatasetPin/{name}", "sc:name": name}


def _activity(provenance: Provenance) -> dict[str, Any] | None:
    made = provenance.transformation
    if made is None:
        return None
    used: list[dict[str, Any]] = []
    if made.code is not None:
        commit = {"sc:version": made.code.commit}
        used.append({"@id": f"git+{made.code.repository}@{made.code.commit}", **commit})
    if made.image is not None:
        used.append({"@id": f"oci://{made.image}"})
    activity: dict[str, Any] = {"@type": "prov:Activity"}
    if used:
        activity["prov:used"] = used
    if made.filters:
        activity["sc:description"] = "; ".join(made.filters)
    return activity


def _file_object(entry: Entry, number: int) -> dict[str, Any]:
    # The library of MLCommons refuses ids with spaces, so a path is none.
    where = f"s3://{entry.bucket}/{quote(entry.key)}"
    return {
        "@type": "cr:FileObject",
        "@id": f"object-{number}",
        "name": entry.path,
        "contentUrl": f"{where}?versionId={quote(entry.version_id, safe='')}",
        "contentSize": f"{entry.size} B",
        "encodingFormat": _TYPES.get(PurePosixPath(entry.path).suffix.lower(), _OTHER),
        "sha256": entry.sha256,
    }
