"""Reads a Croissant file with the library of MLCommons, and prints what it made of it."""

from __future__ import annotations

import json
import logging
import sys

import mlcroissant

logging.disable(logging.WARNING)
metadata = mlcroissant.Dataset(jsonld=sys.argv[1]).metadata
json.dump(
    {
        "errors": sorted(metadata.ctx.issues.errors),
        "warnings": sorted(metadata.ctx.issues.warnings),
        "conformsTo": metadata.conforms_to,
        "objects": [
            [each.name, each.sha256, each.content_size, each.content_url]
            for each in metadata.distribution
        ],
    },
    sys.stdout,
)
