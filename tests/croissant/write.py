"""Writes a Croissant file with the library of MLCommons, as a catalogue would."""

from __future__ import annotations

import json
import logging
import sys

import mlcroissant as mlc

logging.disable(logging.WARNING)
bucket, *files = sys.argv[1:]
objects = []
for number, each in enumerate(files):
    name, version, size, sha256 = each.split(" ")
    objects.append(
        mlc.FileObject(
            id=f"object-{number}",
            name=name,
            content_url=f"s3://{bucket}/set/{name}?versionId={version}",
            content_size=f"{size} B",
            encoding_formats=["text/csv"],
            sha256=sha256,
        )
    )
source = mlc.Source(file_object="object-0", extract=mlc.Extract(column="carrier"))
delay = mlc.Source(file_object="object-0", extract=mlc.Extract(column="delay"))
fields = [
    mlc.Field(id="rows/carrier", name="carrier", data_types=mlc.DataType.TEXT, source=source),
    mlc.Field(id="rows/delay", name="delay", data_types=mlc.DataType.FLOAT, source=delay),
]
metadata = mlc.Metadata(
    name="Delays of 2013",
    description="Delays, as a catalogue has them",
    license="https://creativecommons.org/licenses/by/4.0/",
    url="https://data.example/delays",
    creators=[mlc.Person(name="A. Person"), mlc.Organization(name="The Office")],
    distribution=objects,
    record_sets=[mlc.RecordSet(id="rows", name="rows", fields=fields)],
)
json.dump(metadata.to_json(), sys.stdout, default=str)
