"""Experiments whose lineage is told, and the schemas that its events have to fit."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Json = dict[str, Any]
_SPEC: Final = Path(__file__).parent / "openlineage"
_OURS: Final = Path(__file__).parents[2] / "docs" / "reference" / "lineage-facets.json"
UID: Final = "7d1f8f7e-4a44-4c1b-9d53-2f7e8b9c0a11"
DIGEST: Final = "sha256:" + "1" * 64
CONTENT: Final = "sha256:" + "c" * 64
PIN: Final = "sha256:" + "d" * 64
LIST: Final = "sha256:" + "e" * 64
FEATURES: Final = "sha256:" + "f" * 64
BUCKET: Final = "artifacts"
STARTED: Final = "2026-11-25T11:01:00Z"
ENDED: Final = "2026-11-25T11:30:00Z"

_INPUTS: Final = (
    {
        "name": "train",
        "kind": "DatasetPin",
        "pinRef": "flights",
        "uid": "u-1",
        "digest": CONTENT,
        "pinDigest": PIN,
        "objects": 12,
        "bytes": 3456,
        "bucket": "data",
        "prefix": "flights/2013/",
        "manifest": {"bucket": "artifacts", "key": "k", "versionId": "v", "digest": LIST},
    },
    {"name": "list", "kind": "DatasetPin", "pinRef": "shared/few", "digest": CONTENT},
    {"name": "features", "kind": "FeatureSetPin", "pinRef": "hourly", "digest": FEATURES},
)
_OBJECT: Final[Json] = {
    "apiVersion": "glovebox.dev/v1alpha1",
    "kind": "Experiment",
    "metadata": {
        "name": "churn",
        "namespace": "team-a",
        "uid": UID,
        "creationTimestamp": "2026-11-25T11:00:00Z",
    },
    "spec": {"code": {"repository": "https://git.example/team/trainer", "commit": "a" * 40}},
    "status": {
        "digest": DIGEST,
        "boundTime": "2026-11-25T11:00:30Z",
        "inputs": list(_INPUTS),
        "purpose": {"description": "does weather help", "owner": "Ada"},
        "artifacts": {"uri": f"s3://{BUCKET}/team-a/churn/{UID}/"},
    },
}
SEAL: Final[Json] = {
    "uri": f"s3://{BUCKET}/.glovebox/seals/{UID}/",
    "attestationVersion": "v7",
    "manifestDigest": LIST,
    "objects": 3,
    "bytes": 42,
    "keyId": "a" * 64,
    "sealedTime": "2026-11-25T11:31:00Z",
}
PODS: Final = [{"name": "glovebox-run-a", "uid": "p1"}, {"name": "glovebox-run-b", "uid": "p2"}]


def experiment(
    *, run: Json | None = None, seal: bool = False, adopts: str = "", **status: Any
) -> Json:
    """Return an Experiment that is bound, as the API server holds it."""
    obj = copy.deepcopy(_OBJECT)
    if run is not None:
        obj["status"]["run"] = run
    if seal:
        obj["status"]["seal"] = SEAL
    if adopts:
        obj["spec"]["adopts"] = adopts
    obj["status"].update(status)
    return obj


def begun() -> Json:
    """Return the status of a run that goes on."""
    return {"jobUid": "job-1", "startTime": STARTED}


def over(outcome: str = "Succeeded", reason: str = "RunSucceeded", **more: Any) -> Json:
    """Return the status of a run that is over."""
    said = {"completionTime": ENDED, "outcome": outcome, "reason": reason, "pods": PODS}
    return {**begun(), **said, **more}


def _schemas() -> Iterator[tuple[str, Resource[Any]]]:
    for path in (_SPEC / "OpenLineage.json", *(_SPEC / "facets").glob("*.json"), _OURS):
        document = orjson.loads(path.read_bytes())
        yield document["$id"], Resource.from_contents(document, default_specification=DRAFT202012)


def problems_of(event: Json) -> list[str]:
    """Return where an event is not as OpenLineage's schemas, and ours, say; by each facet too."""
    registry: Registry[Any] = Registry().with_resources(_schemas())

    def check(url: str, value: Any, where: str) -> Iterator[str]:
        validator = Draft202012Validator(
            {"$ref": url}, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        for error in validator.iter_errors(value):
            yield f"{where}{error.json_path}: {error.message}"

    found = list(check(event["schemaURL"], event, ""))
    for where, facets in _facets(event):
        for name, facet in facets.items():
            found += check(facet["_schemaURL"], facet, f"{where}.{name}")
            # A facet that stands under another name than the spec's own is read by nobody.
            document = facet["_schemaURL"].partition("#")[0]
            held = registry.contents(document)["properties"] if "openlineage" in document else {}
            if held and name not in held:
                found.append(f"{where}.{name}: the spec calls it {list(held)}")
    return found


def _facets(event: Json) -> Iterator[tuple[str, Json]]:
    yield "run", event["run"]["facets"]
    yield "job", event["job"]["facets"]
    for side, extra in (("inputs", "inputFacets"), ("outputs", "outputFacets")):
        for dataset in event[side]:
            yield side, dataset.get("facets", {})
            yield side, dataset.get(extra, {})
