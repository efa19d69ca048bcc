"""Everything that a test run put out, for whoever searches it for secrets.

Objects of the cluster (status, annotations, Events, ConfigMaps), logs, metrics, the evidence in the
store, and what programs said. Not the data of Secrets, which are where secrets are; and not what a
pod's status says of its own program, which whoever may read that pod may read in its log.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from glovebox.desired.run import RUN_CONTAINER
from support.leaks import Output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from support.api import Api

EVIDENCE = ".glovebox/"


def of_objects(api: Api) -> Iterator[Output]:
    """Yield every object of every kind that the API server lists, a Secret without its data."""
    for root, resource in _resources(api):
        for obj in api.list(f"{root}/{resource['name']}"):
            metadata = obj.get("metadata") or {}
            name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
            shown = _without_own_words(resource["kind"], obj)
            yield Output(f"{resource['kind']} {name}", json.dumps(shown).encode())


def of_files(folders: Iterable[Path]) -> Iterator[Output]:
    """Yield every log in these folders and below, the audit log of the API server included.

    What the program of a run wrote is left out: the kubelet keeps it as it was said, for those who
    may read the pod. What is kept of it lies in the store (`of_evidence`).
    """
    for folder in folders:
        for path in sorted(folder.rglob("*.log")):
            if path.match(f"podlogs/*/{RUN_CONTAINER}/*.log"):
                continue
            yield Output(f"file {path.relative_to(folder)}", path.read_bytes())


def of_evidence(s3: Any) -> Iterator[Output]:
    """Yield every version of what Glovebox itself wrote into the store, with its metadata."""
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=name, Prefix=EVIDENCE)
        for version in (each for page in pages for each in page.get("Versions", ())):
            found = s3.get_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])
            where = f"object {name}/{version['Key']}"
            yield Output(where, found["Body"].read())
            yield Output(
                f"metadata of {where}", json.dumps([version["Key"], found["Metadata"]]).encode()
            )


def of_pages(name: str, pages: Mapping[str, str]) -> Iterator[Output]:
    """Yield the pages of an operator, by their paths."""
    for path, text in pages.items():
        yield Output(f"page {path} of {name}", text.encode())


def of_programs(said: Iterable[tuple[str, str]]) -> Iterator[Output]:
    """Yield what programs said, by their command lines."""
    for command, text in said:
        yield Output(f"output of {command}", text.encode())


def _resources(api: Api) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what can be listed, each in one version, and the path it is below."""
    groups = [group["preferredVersion"]["groupVersion"] for group in api.get("/apis")["groups"]]
    for root in ("/api/v1", *(f"/apis/{version}" for version in groups)):
        for resource in api.get(root)["resources"]:
            if "list" in resource["verbs"] and "/" not in resource["name"]:
                yield root, resource


def _without_own_words(kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    if kind == "Secret":
        return {key: value for key, value in obj.items() if key not in {"data", "stringData"}}
    if kind != "Pod":
        return obj
    status = dict(obj.get("status") or {})
    for field in ("initContainerStatuses", "containerStatuses"):
        status[field] = [
            {**entry, "state": None, "lastState": None} for entry in status.get(field) or ()
        ]
    return {**obj, "status": status}
