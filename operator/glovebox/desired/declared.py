"""What somebody declared, told apart from what the platform gave to it. Pure.

The digest of an Experiment covers both. A cluster that was restored, or set up again, may have
other settings of the platform, and the same declaration in it is the same experiment all the same:
one whose run must not start twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from glovebox.api.experiment import Experiment
from glovebox.data.digest import digest_of
from glovebox.desired.snapshot import dependencies


def declared_digest(snapshot: str) -> str:
    """Return the digest of a snapshot without the settings of the platform.

    Args:
        snapshot: What an experiment's digest was computed from, as canonical JSON.
    """
    document: dict[str, Any] = orjson.loads(snapshot)
    document.pop("platform", None)
    for entry in document.get("inputs") or ():
        entry.pop("stated", None)  # what the profile's rules looked at
    return digest_of(document)


def is_declared_so(experiment: Experiment, snapshot: str) -> bool:
    """Return whether a spec declares what a snapshot was taken of, whatever its pins are by now.

    Inputs are compared by name, kind and role: their content is in the snapshot alone.
    """
    taken: dict[str, Any] = orjson.loads(snapshot)
    wanted = dependencies(experiment, (), {})
    inputs = experiment.spec.inputs
    named = {
        *((entry.name, "DatasetPin", entry.role) for entry in inputs.datasets),
        *((entry.name, "FeatureSetPin", None) for entry in inputs.features),
    }
    bound = {_input(entry) for entry in taken.get("inputs") or ()}
    rest = {key: value for key, value in taken.items() if key not in {"platform", "inputs"}}
    return named == bound and digest_of(rest) == digest_of(wanted)


def _input(entry: Mapping[str, Any]) -> tuple[str, str, str | None]:
    return entry["name"], entry["kind"], entry.get("role")
