"""Bytes that nobody reads: one of them changes on the disk, and the store does not notice."""

from __future__ import annotations

import gzip
import hashlib
from typing import TYPE_CHECKING

from glovebox_local.demo.refusing import quote
from glovebox_local.demo.stage import EXPERIMENTS, TEAM, Stage
from glovebox_local.demo.stories.bucket import Bucket
from glovebox_local.demo.stories.disk import rot
from glovebox_local.demo.stories.telling import PINS, apply, expect, holds, tells_of_inputs
from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from glovebox_local.progress import Step

_PIN = "cold"
_EXPERIMENT = "on-cold-data"
_PREFIX = "2013/cold/"
_FILES = range(1, 5)
_VICTIM = 3
# The pin reads a sample every minute.
_FOUND_SECONDS = 150


def pin_files(stage: Stage, step: Step) -> RenderableType:
    """Pin four files, and bind an Experiment to them.

    Raises:
        LocalError: It is not Ready.
    """
    bucket = Bucket(stage)
    for month in _FILES:
        bucket.put(f"{_PREFIX}{_name(month)}", _body(bucket, month))
    shown = apply(stage, "cold.yaml")
    holds(stage, EXPERIMENTS, _EXPERIMENT, "Ready")
    step.say("4 files, and an Experiment that uses them")
    return quote(shown, "")


def rot_one(stage: Stage, step: Step) -> None:
    """Change one byte of the third file below the store.

    Raises:
        LocalError: It could not be done, or S3 shows something of it but the byte.
    """
    bucket, key = Bucket(stage), f"{_PREFIX}{_name(_VICTIM)}"
    before, body = bucket.head(key), bucket.get(key)
    rot(stage.environment, body, _rotten(body))
    if bucket.head(key) != before:
        raise LocalError("Asking the store for the object", "it says that the object was changed")
    step.say("its version, size, ETag and date are what they were")


def find(stage: Stage, step: Step) -> RenderableType:
    """Show that reading finds it, and that the Experiment knows.

    Raises:
        LocalError: It was not found in time, or something else was.
    """
    from rich.console import Group  # noqa: PLC0415 - `glovebox --help` must not pay for it

    pin = holds(stage, PINS, _PIN, "DriftDetected", seconds=_FOUND_SECONDS)
    levels = {each["level"]: each for each in pin["status"]["verification"]}
    if "findings" not in levels["Sample"]:
        raise LocalError("Reading what the proofs found", f"no sample found it: {levels}")
    found = levels["Sample"]["findings"]["objects"]
    body = _body(Bucket(stage), _VICTIM)
    pinned, now = (hashlib.sha256(each).hexdigest() for each in (body, _rotten(body)))
    expect("What the sample found", str(found), [_name(_VICTIM), pinned, now])
    if len(found) != 1:
        raise LocalError("Reading what the sample found", f"one file belongs there: {found}")
    told = tells_of_inputs(stage, _EXPERIMENT, _name(_VICTIM))
    step.say("by its name, with both digests")
    path = '{.status.verification[?(@.level=="Sample")].findings.objects}'
    lines = "\n".join(
        f"{each['what']} {each['path']}: {each['expected']}, and is {each['found']}"
        for each in found
    )
    return Group(
        quote(f"kubectl get datasetpin {_PIN} -n {TEAM} -o jsonpath='{path}'", lines),
        told,
    )


def _body(bucket: Bucket, month: int) -> bytes:
    """Return what is pinned of a month: compressed, so that no other object has these bytes."""
    weather = bucket.get(f"2013/weather/{_name(month).removesuffix('.gz')}")
    return gzip.compress(weather, mtime=0)


def _rotten(body: bytes) -> bytes:
    """Return the bytes with one bit of the last changed."""
    return body[:-1] + bytes([body[-1] ^ 1])


def _name(month: int) -> str:
    return f"weather-2013-{month:02}.parquet.gz"
