"""Facets of OpenLineage as plain JSON, with the version of the spec that each is of. Pure.

The spec's own facets carry what consumers understand; ours, under the prefix `glovebox_`, carry the
digests that they have no place for. No word that a program said, and no person's name, is in any.
"""

from __future__ import annotations

from typing import Any, Final

# Of the form of our events, not of the operator: what is written again after an upgrade is the
# same to the letter.
PRODUCER: Final = "https://glovebox.dev/lineage/v1"
EVENT_SCHEMA: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
OURS: Final = "glovebox_"
LINEAGE: Final = "lineage"
_SPEC: Final = "https://openlineage.io/spec/facets"
_TEXT_MOST: Final = 4096


def pin_facet(about: dict[str, Any]) -> dict[str, Any]:
    """Return our facet of an input: which pin, and its roots."""
    return _ours("PinDatasetFacet", about)


def seal_facet(about: dict[str, Any]) -> dict[str, Any]:
    """Return our facet of an output: the seal over it."""
    return _ours("SealDatasetFacet", about)


def run_facet(about: dict[str, Any]) -> dict[str, Any]:
    """Return our facet of a run: the experiment's digest, and its attempts."""
    return _ours("ExperimentRunFacet", about)


def version(text: str) -> dict[str, Any]:
    """Return which version of a dataset is meant: a root or a digest."""
    return _standard("1-0-1", "DatasetVersionDatasetFacet", {"datasetVersion": text})


def dataset_type(text: str) -> dict[str, Any]:
    """Return what a dataset is."""
    return _standard("1-0-1", "DatasetTypeDatasetFacet", {"datasetType": text})


def symlink(namespace: str, name: str, kind: str) -> dict[str, Any]:
    """Return the other name of a dataset: that of its pin."""
    entry = {"namespace": namespace, "name": name, "type": kind}
    return _standard("1-0-1", "SymlinksDatasetFacet", {"identifiers": [entry]})


def input_statistics(size: int, files: int) -> dict[str, Any]:
    """Return how much an input is."""
    about = {"size": size, "fileCount": files}
    return _standard("1-0-0", "InputStatisticsInputDatasetFacet", about)


def output_statistics(size: int, files: int) -> dict[str, Any]:
    """Return how much an output is."""
    about = {"size": size, "fileCount": files}
    return _standard("1-0-2", "OutputStatisticsOutputDatasetFacet", about)


def job_type() -> dict[str, Any]:
    """Return what kind of job an experiment is: each event says everything, at its steps alone."""
    about = {
        "processingType": "BATCH",
        "integration": "GLOVEBOX",
        "jobType": "EXPERIMENT",
        "emissionPattern": {
            "eventTrigger": "EVENT_BASED",
            "eventContentMode": "COMPLETE_SNAPSHOT",
        },
    }
    return _standard("2-0-4", "JobTypeJobFacet", about)


def documentation(text: str) -> dict[str, Any]:
    """Return why the job exists."""
    about = {"description": text[:_TEXT_MOST], "contentType": "text/plain"}
    return _standard("1-1-0", "DocumentationJobFacet", about)


def source_code(repository: str, commit: str) -> dict[str, Any]:
    """Return which commit the images were built from."""
    about = {"type": "git", "url": repository, "repoUrl": repository, "version": commit}
    return _standard("1-1-0", "SourceCodeLocationJobFacet", about)


def error_message(text: str) -> dict[str, Any]:
    """Return why a run failed, in the operator's words."""
    about = {"message": text, "programmingLanguage": "UNKNOWN"}
    return _standard("1-0-1", "ErrorMessageRunFacet", about)


def edges(outputs: list[dict[str, Any]], inputs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return that each output came of exactly these inputs; of none is said as well."""
    sources = list({_place(each): _named(each) for each in inputs}.values())
    entries = [{**_named(each), "inputs": sources} for each in outputs]
    about = {"entries": entries}
    url = f"{_SPEC}/1-0-0/LineageFacet.json#/$defs/LineageJobFacet"
    return {"_producer": PRODUCER, "_schemaURL": url, **about}


def _named(dataset: dict[str, Any]) -> dict[str, Any]:
    return {"namespace": dataset["namespace"], "name": dataset["name"], "type": "DATASET"}


def _place(dataset: dict[str, Any]) -> tuple[str, str]:
    return dataset["namespace"], dataset["name"]


def _standard(release: str, name: str, about: dict[str, Any]) -> dict[str, Any]:
    url = f"{_SPEC}/{release}/{name}.json#/$defs/{name}"
    return {"_producer": PRODUCER, "_schemaURL": url, **about}


def _ours(name: str, about: dict[str, Any]) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{PRODUCER}/facets.json#/$defs/{name}", **about}
